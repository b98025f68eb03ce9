/* SPDX-License-Identifier: MIT */
/* Signals that a client or a limit can raise. */
#ifndef SS_SIGNALS_H
#define SS_SIGNALS_H

#include <signal.h>

/* From here until signals_unblock in the same thread, no signal that a client or a limit can raise ends the
   process. Threads that it makes meanwhile inherit that; programs that a handler forks and execs do not. */
struct signals_before {
    sigset_t mask, blocked;
};
void signals_block(struct signals_before *before);
void signals_unblock(const struct signals_before *before);
/* Between the two: from signals_pause to signals_resume the thread itself does something else, with the
   signals as they were. Those that it has made still have them blocked. */
void signals_pause(const struct signals_before *before);
void signals_resume(struct signals_before *before);

#endif
