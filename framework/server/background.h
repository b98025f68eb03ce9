/* SPDX-License-Identifier: MIT */
/* Tasks of the server's own: see ss_background. */
#ifndef SS_BACKGROUND_H
#define SS_BACKGROUND_H

#include "socketserver.h"

/* Starts those that were asked for. 0 or -errno: then some may have been started. */
int background_begin(struct ss_server *self);
/* Waits until they have ended, which the drain tells them to. 0, or the first -errno of theirs. */
int background_end(struct ss_server *self);
/* Frees what ss_background has kept. */
void background_clear(struct ss_core *core);

#endif
