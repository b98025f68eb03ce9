/* SPDX-License-Identifier: MIT */
/* The end of a server's own socket. */
#ifndef SS_LISTENER_H
#define SS_LISTENER_H

#include "server/core.h"

/* BaseServer's close_socket. */
void listener_close(struct ss_server *self);
/* Closes a socket that listener_close had to keep, when the last thread or process that accepts from it has
   ended. */
void listener_close_kept(struct ss_core *core);
/* Did this process bind the socket, or has the one that did so ended since? */
bool listener_is_ours(const struct ss_core *core);

#endif
