/* SPDX-License-Identifier: MIT */
/* What the thread that serves does by the clock, between two requests: the functions of ss_every, and
   service_actions. */
#ifndef SS_CLOCK_H
#define SS_CLOCK_H

#include "socketserver.h"

/* Milliseconds that the calling thread may wait until there is something to do; -1: it may for ever. */
int clock_left(const struct ss_server *self);
/* Does what there is to do. */
void clock_tick(struct ss_server *self);
/* Nothing more is done: in a process that was forked, and at the end. */
void clock_clear(struct ss_core *core);

#endif
