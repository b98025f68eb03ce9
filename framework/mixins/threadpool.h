/* What the files of ThreadPoolMixIn share. */
#ifndef SS_THREADPOOL_H
#define SS_THREADPOOL_H

#include "loop/poller.h"
#include "server/core.h"
#include "server/idle.h"
#include "server/request.h"
#include <pthread.h>

struct slot {
    struct request *parked;
    const struct request *owner; /* who has registered it; not to be looked at */
    uint32_t tag;                /* of its registration: tells old events from new ones */
};

struct worker {
    struct worker *next;
    struct ss_server *server;
    pthread_t thread;
    bool started;
};

struct threadpool {
    pthread_mutex_t lock;
    struct poller *poller; /* parked connections */
    struct slot *slots;    /* by descriptor */
    int slot_count;
    struct wheel wheel;          /* when parked connections expire */
    struct idle idle_ones;       /* parked */
    struct entry *first, **last; /* requests to be begun, or closed */
    unsigned idle;               /* threads that wait for the poller */
    bool woken;                  /* one of them was, and none has come back since */
    int wake[2];                 /* tells the one that serves of an earlier time to wake up */
    uint64_t wake_time;          /* when it will wake up by itself */
    bool untold;                 /* it could not be told: the others look after the time meanwhile */
    bool draining, stopping;
    unsigned forks; /* core->forks when the threads were started: a child has none of them */
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
/* Gives the lock back, and has one idle thread look at the queue if anything is left there that may be begun.
 */
void pool_unlock(struct threadpool *p);

/* The connection waits for its next input without a thread. 0 or -errno. */
int pool_park(struct threadpool *p, struct request *request);
/* Its descriptor is about to be closed. */
void pool_forget(struct threadpool *p, struct request *request);
/* With the lock held: what an event is about goes into the queue, unless it is old news. */
void pool_claim(struct threadpool *p, const struct poller_event *event);
/* Those whose time is up go into the queue, to be closed. */
void pool_close_expired(struct threadpool *p, uint64_t now);
/* The one that was parked first; false: there is none. */
bool pool_close_oldest(struct threadpool *p);
/* Milliseconds until a parked connection expires, -1: none. When the server drains, all go now. */
int pool_time_left(struct threadpool *p, bool draining);

#endif
