/* What wakes a thread that waits for `ends[0]`: an eventfd, which is both ends. It is readable from
   wakeup_send to wakeup_take. */
#ifndef SS_WAKEUP_H
#define SS_WAKEUP_H

enum { LOOK_AGAIN = 1000 }; /* ms; see wakeup_send */

/* 0 or -errno, with both ends -1. Non-blocking, not inherited by exec. */
int wakeup_open(int ends[2]);
/* Harmless for ends that are -1. */
void wakeup_close(int ends[2]);
/* 0 or -errno: the system may refuse it once in a while. So whoever waits looks after LOOK_AGAIN at what it
   waits for, as long as somebody else is at work on that. Async-signal-safe. Any thread. */
int wakeup_send(const int ends[2]);
void wakeup_take(const int ends[2]);

#endif
