/* SPDX-License-Identifier: MIT */
/* A server that somebody else's loop steps. It serves on a stack of its own, and where its thread would wait,
   the thread is given back to that loop. Here is what the server waits for meanwhile; the stack is in
   loop/step.c, which stands above those who wait. */
#ifndef SS_STEPPING_H
#define SS_STEPPING_H

#include "socketserver.h"

struct poller;

struct stepping {
    struct ss_server *server;
    struct poller *poller; /* readable when a step is due: in it is all that the server waits for */
    int timer;             /* in it, too: the time at which the wait is over; a timerfd */
    bool is_timed;         /* the timer is set, or was, and has told */
    bool is_inside;        /* a step has been begun, and has not returned yet */
    uint64_t slice_end;    /* as ss_now counts: from now on the step returns at the next opportunity */
    /* Gives the thread back to who has called ss_server_step; returns in the next step. */
    void (*leave)(struct stepping *stepping);
    /* Has the server drained, if it has begun, and frees it all. */
    void (*end)(struct stepping *stepping);
};

/* What the calling thread is inside of; NULL: of no step. */
struct stepping *stepping_current(void);
/* From now on the thread is inside of that; NULL: of none. A step does things for a moment from here. Returns
   what it was inside of before. */
struct stepping *stepping_enter(struct stepping *stepping);

/* Opens the poller and the timer; a step is due at once. 0 or -errno. */
int stepping_open(struct stepping *stepping);
void stepping_close(struct stepping *stepping);
/* No step is due any more. */
void stepping_done(struct stepping *stepping);
/* In a child after fork(2), which is not stepped. */
void stepping_forget(struct ss_server *self);

/* Is the step to return, though there is more to do? */
bool stepping_is_over(const struct stepping *stepping);
/* Leaves the step. The next one is due when one of the descriptors is ready, what is in the poller besides,
   or after `ms` milliseconds (-1: no limit), or it may be due earlier. */
void stepping_leave(struct stepping *stepping, const struct pollfd *fds, nfds_t count, int ms);
/* As BaseServer's poll method, inside of a step. */
int stepping_poll(struct stepping *stepping, struct pollfd *fds, nfds_t count, int ms);

#endif
