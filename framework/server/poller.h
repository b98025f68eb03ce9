/* SPDX-License-Identifier: MIT */
/* Which of many descriptors are ready? epoll(7), in the three ways in which it is used here.

   POLLER_EDGE     a descriptor is added once and told about when its state changes; one thread.
   POLLER_ONESHOT  a descriptor is told about once, then not again until poller_want; several threads
                   may wait at the same time, and each event goes to one of them.
   POLLER_LEVEL    a descriptor is told about as long as its state lasts, as by poll(2). */
#ifndef SS_POLLER_H
#define SS_POLLER_H

#include <stdbool.h>
#include <stdint.h>

enum { POLLER_EDGE, POLLER_ONESHOT, POLLER_LEVEL };

struct poller_event {
    int fd;
    uint32_t tag;
    short events; /* POLLIN, POLLOUT, POLLPRI, POLLRDBAND, POLLRDHUP, POLLHUP, POLLERR */
};

struct poller;

/* Makes a poller. 0 or -errno. */
int poller_open(struct poller **poller, int mode);
/* Frees it; descriptors stay open. NULL is harmless. */
void poller_close(struct poller *poller);

/* Adds a descriptor; `tag` comes back with its events. `events`: of those above. `shared`: POLLIN and POLLOUT
   only; other processes and threads wait for it too, one is enough to be woken. 0 or -errno: -EPERM for what
   is always ready (a file), -EEXIST for one that is there already. */
int poller_add(struct poller *poller, int fd, short events, uint32_t tag, bool shared);
/* In POLLER_ONESHOT mode, after each event, and in POLLER_LEVEL mode: the caller waits for these from now on.
   0 or -errno. */
int poller_want(struct poller *poller, int fd, short events, uint32_t tag);
/* Takes a descriptor out. One that is closed in all processes leaves by itself. */
void poller_remove(struct poller *poller, int fd);
/* Waits up to `ms` milliseconds (-1: no limit); the number of events, 0, or -errno. */
int poller_wait(struct poller *poller, struct poller_event *events, int max, int ms);
/* Some events of poll(2) have two names: adds the other name of each that has. */
short poller_both_names(short events);
/* A descriptor that can be read when poller_wait would not wait. */
int poller_descriptor(const struct poller *poller);
/* In POLLER_ONESHOT mode: at least one thread comes back from poller_wait, possibly without an event; if
   none is in there, the next one does. 0 or -errno. Any thread. */
int poller_wake(struct poller *poller);

#endif
