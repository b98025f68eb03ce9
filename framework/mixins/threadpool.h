/* SPDX-License-Identifier: MIT */
/* What the files of ThreadPoolMixIn share. */
#ifndef SS_THREADPOOL_H
#define SS_THREADPOOL_H

#include "server/core.h"
#include "server/idle.h"
#include "server/poller.h"
#include "server/request.h"
#include <pthread.h>

struct slot {
    struct request *parked;
    const struct request *owner; /* who has registered it; it may have been freed */
    uint32_t tag;                /* of its registration: events with another one are old */
};

struct worker {
    struct worker *next;
    struct ss_server *server;
    pthread_t thread;
    bool started;
};

struct threadpool {
    pthread_mutex_t lock;
    struct poller *poller; /* tells of input on parked connections */
    struct slot *slots;    /* by descriptor */
    int slot_count;
    struct wheel wheel;          /* the timers of parked connections */
    struct idle idle_ones;       /* the parked ones */
    struct entry *first, **last; /* requests to be begun, or closed */
    unsigned idle;               /* threads that wait for the poller */
    bool woken;                  /* one of these was woken, and none has come back since */
    int wake[2];                 /* wakes the thread that accepts when a nearer deadline is set */
    uint64_t wake_time;          /* ss_now() when it wakes up by itself */
    bool untold;                 /* it could not be woken: until it is, the other threads look at the clock */
    bool draining, stopping;
    struct station *station; /* of the process; its descriptor is in the poller, too */
    pthread_t server_thread;
    struct worker *workers,
        *left; /* all, `made` of `room`; those without a thread, or with one that has ended */
    unsigned made, room;
    unsigned count, limit;     /* threads, and how many of them are to run at once */
    unsigned running, waiting; /* those that run a handler, and those whose handler waits for something */
};

/* threadpool_requests.c. With the lock held: puts it at the end of the queue. */
void pool_enqueue(struct threadpool *p, struct request *request);
/* With the lock held: the first one, NULL: there is none, or none may be begun. */
struct request *pool_dequeue(struct threadpool *p);
/* With the lock held: may one more thread run a handler? */
bool pool_may_run(const struct threadpool *p);
/* Gives the lock back, and wakes an idle thread if there is a request in the queue that may be begun. */
void pool_unlock(struct threadpool *p);

/* Parks a connection: it waits for its next input without a thread. 0 or -errno. */
int pool_park(struct threadpool *p, struct request *request);
/* The parked request is run now: messages that come do not wake it any more. */
void pool_end_wait(struct ss_server *self, struct request *request);
/* From now on messages wake the parked requests of the pool; until pool_close_station. 0 or -errno. */
int pool_open_station(struct ss_server *self, struct threadpool *p);
void pool_close_station(struct threadpool *p);
/* The station was woken. */
void pool_woken(struct threadpool *p);
/* The descriptor of the request is about to be closed. */
void pool_forget(struct threadpool *p, struct request *request);
/* With the lock held: puts the connection that the event is about into the queue, unless the event is old. */
void pool_claim(struct threadpool *p, const struct poller_event *event);
/* Puts parked connections whose time is up into the queue, to be closed. */
void pool_close_expired(struct threadpool *p, uint64_t now);
/* Has the connection closed that was parked first. (One that has input by now is not idle: it is served.)
   False: there is none. */
bool pool_close_oldest(struct threadpool *p);
/* Milliseconds until the time of a parked connection is up, -1: there is none. When the server drains, it has
   all of them closed. */
int pool_time_left(struct ss_server *self, struct threadpool *p);

#endif
