/* SPDX-License-Identifier: MIT */
/* The signal handlers that ss_run sets. */
#ifndef SS_SIGNAL_HANDLERS_H
#define SS_SIGNAL_HANDLERS_H

#include "socketserver.h"
#include <signal.h>

/* From now on SIGINT and SIGTERM stop this server. */
void take_signals(struct ss_server *self);
/* Sets the handlers again that were there before. Returns how many such signals have come. */
int give_signals_back(void);
/* From now on a handler that overflows a coroutine's stack is told of on stderr. Stores what SIGSEGV did
   before. */
void report_overflows(struct sigaction *previous);
/* The handler of signals that end nobody. */
void overlook(int signal);

#endif
