/* SPDX-License-Identifier: MIT */
/* What the thread that serves does by the clock, between two requests: the functions of ss_every, and
   service_actions. */
#ifndef SS_CLOCK_H
#define SS_CLOCK_H

#include "socketserver.h"

/* Milliseconds that the calling thread may wait until there is something to do, `ms` at most; -1: no limit.
 */
int clock_left(const struct ss_server *self, int ms);
/* Does what there is to do. */
void clock_tick(struct ss_server *self);
/* Nothing more is done: in a process that was forked, and at the end. */
void clock_clear(struct ss_core *core);

#endif
