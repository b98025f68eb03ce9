/* SPDX-License-Identifier: MIT */
/* What a thread serves with. The thread in which serve_forever was called has one, and so has each further
   thread of an event loop with several workers. */
#ifndef SS_SERVING_H
#define SS_SERVING_H

#include "server/idle.h"
#include "server/mail.h"
#include <stdatomic.h>

struct loop;
struct packets;
struct ss_tasks;

struct serving {
    struct ss_server *server;
    int *socket;         /* from which the thread accepts: the server's, or one of its own */
    atomic_uint active;  /* requests that go on elsewhere: started, and not ended yet */
    atomic_bool waiting; /* the thread waits until fewer are active, */
    int wake[2];         /* and this wakes it: see wakeup.h */
    bool can_put_aside;  /* serve_forever runs, so a request may be kept for later */
    int reserve_from; /* descriptors from this number on are a reserve: for files, and for what libraries open
                       */
    unsigned reserve; /* how many they are */
    int end_idle[2];  /* a pipe: a byte in it makes idle connections look whether one is asked to end */
    atomic_bool *asked;      /* which they are, for all processes that share the pipe; see idle.c */
    atomic_uint vain_graces; /* how often in a row an idle client was waited for in vain; see idle.c */
    struct aside *aside;     /* requests that were accepted and have to wait; NULL: there never was one */
    atomic_uint aside_count; /* how many there are */
    atomic_bool aside_moves; /* one of them may be able to go on */
    struct packets *packets; /* datagrams are received into this, and then copied; NULL: none yet */
    unsigned held;           /* how many of them were received, and are not taken yet */

    /* Set by the loop that the thread runs, if it runs one. */
    struct loop *loop;
    uint64_t turn;
    struct station station; /* the loop's */
    struct idle parked;     /* this loop's connections */
    /* Has a coroutine call the function. 0 or -errno. */
    int (*spawn)(struct loop *loop, void (*function)(void *), void *argument);
    /* Where the coroutine that runs keeps its tasks: see tasks.h. */
    struct ss_tasks **(*tasks_of)(struct loop *loop);
    /* Does the address lie just past the stack of the coroutine that runs? Async-signal-safe. */
    bool (*overflowed)(const struct loop *loop, const void *address);
};

/* What the calling thread serves with when it runs a loop, else NULL. Async-signal-safe. */
struct serving *serving_current(void);
/* From now on the calling thread runs the loop of `serving`, NULL: none. Returns what it was before. */
struct serving *serving_enter(struct serving *serving);
/* What the calling thread serves `self` with: that of its loop, or else the server's own. */
struct serving *serving_of(const struct ss_server *self);
/* Is that the server's own, and not that of a further loop? */
bool serving_is_first(const struct ss_server *self);

/* Between the two calls the thread serves, or runs a handler. Any other thread may wait with the server, too:
   one that the program has made, or that of a task; its waits are none of the mix-in's, which knows its own
   threads. */
void thread_enters(void);
void thread_leaves(void);
bool thread_is_foreign(void);

/* As ss_request_started and ss_request_ended, but these count in `serving`. */
void serving_started(struct serving *serving);
void serving_ended(struct serving *serving);
/* How often ss_poll has told this thread that something is ready. A stream that was found empty before the
   last time may have input by now, and an event loop tells of it only once. */
unsigned polls_made(void);
void note_poll(void);

/* server.c */
/* Makes what a thread serves `self` with; the socket stays the caller's. 0 or -errno. */
int serving_open(struct serving *serving, struct ss_server *self, int *socket);
void serving_close(struct serving *serving);

/* listener.c */
/* Closes the socket from which the calling thread accepts: nobody can connect to it any more. */
void serving_stop_listening(struct ss_server *self);

#endif
