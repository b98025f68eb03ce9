/* SPDX-License-Identifier: MIT */
/* Wakes a thread that waits until `ends[0]` can be read: from wakeup_send to wakeup_take. Both ends are one
   eventfd. */
#ifndef SS_WAKEUP_H
#define SS_WAKEUP_H

#include <stdint.h>

enum { LOOK_AGAIN = 1000 }; /* ms; see wakeup_send */

/* 0, or -errno with both ends -1. The descriptor never blocks, and is closed by exec. */
int wakeup_open(int ends[2]);
/* Harmless for ends that are -1. */
void wakeup_close(int ends[2]);
/* 0 or -errno. It may fail, and the wake-up is lost: so a thread that waits for others looks again after
   LOOK_AGAIN. Async-signal-safe. Any thread. */
int wakeup_send(const int ends[2]);
void wakeup_take(const int ends[2]);

/* The same, but other processes of the server can wake, too, also those that were forked before it was
   opened: they need the name only. Stores a descriptor that can be read from the wake-up to
   wakeup_take_named, and a name that is not 0. 0 or -errno. */
int wakeup_open_named(int *fd, uint64_t *name);
/* By any descriptor of this kind. 0 or -errno: -ECONNREFUSED when the one that was to be woken has gone. */
int wakeup_send_named(int fd, uint64_t name);
void wakeup_take_named(int fd);
/* Such a descriptor for sending only, or -errno. */
int wakeup_open_sender(void);

/* Makes a pipe that never blocks and is closed by exec. 0 or -errno. */
int open_pipe(int pipe[2]);
void close_pipe(int pipe[2]);

#endif
