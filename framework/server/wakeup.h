/* SPDX-License-Identifier: MIT */
/* Wakes a thread that waits until `ends[0]` can be read: from wakeup_send to wakeup_take. Both ends are one
   eventfd. */
#ifndef SS_WAKEUP_H
#define SS_WAKEUP_H

enum { LOOK_AGAIN = 1000 }; /* ms; see wakeup_send */

/* 0, or -errno with both ends -1. The descriptor never blocks, and is closed by exec. */
int wakeup_open(int ends[2]);
/* Harmless for ends that are -1. */
void wakeup_close(int ends[2]);
/* 0 or -errno. It may fail, and the wake-up is lost: so a thread that waits for others looks again after
   LOOK_AGAIN. Async-signal-safe. Any thread. */
int wakeup_send(const int ends[2]);
void wakeup_take(const int ends[2]);

/* Makes a pipe that never blocks and is closed by exec. 0 or -errno. */
int open_pipe(int pipe[2]);
void close_pipe(int pipe[2]);

#endif
