/* SPDX-License-Identifier: MIT */
/* An event loop: one thread, many coroutines, each running a request that believes it blocks.

   A task that must wait looks for the next one itself and switches straight to it; there is no
   scheduler in between. Whoever finds nothing to run waits for events. The thread's own stack is a
   task like the others: it is the one that accepts. */
#ifndef SS_LOOP_H
#define SS_LOOP_H

#include "loop/coroutine.h"
#include "server/core.h"
#include "server/idle.h"
#include "server/poller.h"
#include "server/request.h"
#include "server/serving.h"
#include <signal.h>

struct stepping;

/* A task that waits for a descriptor. */
struct waiter {
    struct waiter *next, *previous;
    struct task *task;
    int fd;
    short events, revents;
};

/* What the loop knows of a descriptor; the table is indexed by it. */
struct known {
    struct waiter *waiters;
    struct request *parked;
    const void *owner;   /* keeps it registered until loop_release; NULL: it is registered for each wait */
    uint32_t tag;        /* of the registration that is in force: events of earlier ones are old news */
    short ready;         /* events that the kernel has told of, and nobody has waited for yet */
    bool registered : 1; /* with the poller */
    bool stays_readable : 1; /* for good, once it is */
    bool watched : 1;        /* there is a struct watch for it */
    bool urgent : 1; /* urgent data has come: reads end before it, and of what is behind it no event tells */
};

/* A descriptor of the loop's own, with the function to be called for it. Not in the table of descriptors, in
   which each connection would take the room for it. */
struct watch {
    int fd;
    void (*ready)(void *);
    void *argument;
};
enum { MAX_WATCHES = 2 }; /* the drain, and the loop's station */

struct task {
    struct entry entry;
    struct loop *loop;
    struct co *co;
    struct co thread; /* the loop's own thread's */
    struct task *next_idle, *next_dirty;
    struct ss_tasks *spawning; /* to which its waits belong; NULL: to none */
    unsigned number;           /* from 1 on, for who wants to know which one runs */
    bool queued;
    bool dirty; /* has run since its stack was last looked at: in loop->dirty */
};

#define request_of(task_or_request) container_of(task_or_request, struct request, entry)

enum { TIDY_TIME = 1000 }; /* ms; memory of stacks that was not needed for so long is given back */

struct loop {
    struct ss_server *server;
    struct serving *serving; /* holds the number of the turn, and the parked connections */
    struct poller *poller;
    struct known *fds;
    int fd_count;
    struct entry *head, **tail; /* what can run */
    void (*turn)(struct loop *loop);
    unsigned length, budget; /* of the queue; how many of it run before the next look at events */
    struct wheel wheel;
    uint64_t now;        /* ss_now() when the turn began; 0: nobody has looked at the clock */
    uint64_t next_timer; /* no timer is due before this time; 0: nobody has looked */
    unsigned streak;     /* waits in a row that were over at once */
    struct task main, *running, *idle;
    unsigned idle_count, tasks;        /* all of them: idle or not */
    unsigned numbered;                 /* how many there were until now */
    struct entry *aside, **aside_tail; /* requests for which there was no memory for a stack */
    unsigned spare;                    /* the least that idle_count was since the last look */
    struct task *dirty;
    uint64_t tidy_time;  /* when to look at stacks; TIMER_NEVER: there is nothing to do */
    unsigned wait_limit; /* ms; no wait for events is longer, because of tidy_time. UINT_MAX: no limit */
    struct request *beginning; /* what the task that was idle is to run */
    struct offload *offload;
    struct serving *before;
    struct stepping *stepping; /* what the thread is inside of; NULL: it waits by itself */
    stack_t signal_stack;
    struct watch watches[MAX_WATCHES];
    int watch_count;
    bool draining;
};

/* A file calls those that stand above it here, and none below. */

/* ---- events.c: what can run, what is waited for, and what happens ---- */

/* Puts a task or a request at the end of the queue of what can run. */
void loop_queue(struct loop *loop, struct entry *entry);
/* The same for a task, unless it is in the queue. In the loop's own thread. */
void loop_wake(struct loop *loop, struct task *task);
/* Waits for events up to `ms` milliseconds (-1: no limit), and queues what can run because of them. */
void loop_look(struct loop *loop, int ms);
/* The same for a loop inside of a step, which returns meanwhile. */
void loop_look_in_steps(struct loop *loop, int ms);
/* Parks a connection: it waits for its next input without a task. 0, -ECANCELED where none is parked, or
   -errno. */
int loop_park(struct loop *loop, struct request *request);
/* For loop_watch: the server drains. Parked connections are closed, and none is parked any more. */
void loop_drain(void *loop);
/* Ends the parking of a connection for which there is a message; harmless for one that is not parked. */
void loop_unpark(struct loop *loop, const struct request *request);
/* Has the connection closed that was parked first. (One that has input by now is not idle: it is served.)
   False: there is none. */
bool loop_close_oldest(struct loop *loop);

/* The parts of a wait of the task that runs. First: what is ready already, as the kernel has told. The number
   of such descriptors. */
int loop_collect(struct loop *loop, struct pollfd *fds, nfds_t count);
/* Second: has events of one descriptor wake the task. 0, -errno, or 1: it is ready now. */
int loop_begin_wait(struct loop *loop, struct waiter *w, struct pollfd *fd);
/* Last, for each that was begun, also where that has failed. */
void loop_end_wait(struct loop *loop, struct waiter *w);

/* For owners.c. What is known of a descriptor: loop_lookup makes room in the table, NULL: there is no memory
   for that; loop_known is NULL for a number that the table has no room for. */
struct known *loop_lookup(struct loop *loop, int fd);
struct known *loop_known(struct loop *loop, int fd);
/* Registers it with the poller. 0 or -errno. */
int loop_add(struct loop *loop, int fd, uint32_t tag);
/* The same for one that is not registered; the number may be, for a file that is closed. */
int loop_register(struct loop *loop, int fd, struct known *known);
/* Events that were told of so far are forgotten, and those still to come for this registration ignored. */
void loop_unregister(struct loop *loop, int fd, struct known *known);
/* The wait of the connection that is parked there is over: does it end? */
void loop_end_parked(struct loop *loop, struct known *known, bool ends);

/* ---- owners.c: whose a descriptor is ---- */

/* Keeps `fd` registered, and calls `ready` (may be NULL) in the loop's thread when it becomes readable.
   `stays_readable`: for good, once it is. 0 or -errno. */
int loop_watch(struct loop *loop, int fd, bool stays_readable, void (*ready)(void *), void *argument);
/* `owner` has opened `fd`: it stays registered from now to loop_release, where others are registered for each
   wait. If the number has another owner, that one must have closed it without telling us, and owns it no
   more. NULL: `fd` keeps its owner, but the number may stand for another file by now. */
void loop_adopt(struct loop *loop, int fd, const void *owner);
/* `owner` is about to close `fd`. False: the number has another owner by now, so it must not be closed. */
bool loop_release(struct loop *loop, int fd, const void *owner);
/* A handler has closed the descriptor that `owner` has adopted, or has kept it for itself. */
void loop_let_go(struct loop *loop, int fd, const void *owner);
/* Until somebody waits for `fd` in this loop again, its events wake other threads and processes only. */
void loop_ignore(struct loop *loop, int fd);

/* ---- tidy.c: stacks that are not needed ---- */

void loop_task_free(struct loop *loop, struct task *task);
/* Puts a task that has run among those whose stacks loop_tidy looks at. */
void loop_gather(struct loop *loop, struct task *task);
/* Takes the task that became idle last; NULL: none is idle. */
struct task *loop_take_idle(struct loop *loop);
/* There is no memory for a stack: the request waits until a task is idle, or there is memory again. */
void loop_put_aside(struct loop *loop, struct entry *entry);
/* Takes the first of these requests; there is one. */
struct entry *loop_take_aside(struct loop *loop);
/* At loop->tidy_time: gives back the memory of stacks that nobody needs. */
void loop_tidy(struct loop *loop, uint64_t now);

/* ---- loop.c: who runs ---- */

/* The loop of the calling thread, NULL: none. */
struct loop *loop_current(void);
/* Makes a loop and enters it: the calling thread, which serves with `serving`, is its first task. 0 or
   -errno.
 */
int loop_enter(struct serving *serving, struct loop **loop);
/* Leaves the loop and frees it. All its requests have ended, and loop_end_offload was called. */
void loop_leave(struct loop *loop);
/* Puts a new request into the queue: a task runs it. */
void loop_begin(struct loop *loop, struct request *request);
/* The request is about to be freed, and its descriptor to be closed. */
void loop_forget(struct loop *loop, struct request *request);
/* The poll method inside of a loop. */
int loop_poll(struct loop *loop, struct pollfd *fds, nfds_t count, int ms);
/* Suspends the task that runs until somebody wakes it, for at most so many milliseconds. */
void loop_suspend_for(struct loop *loop, int ms);

/* ---- spawn.c: coroutines that run a function ---- */

/* Has a coroutine of the loop call it. 0 or -ENOMEM. */
int loop_spawn(struct loop *loop, void (*function)(void *), void *argument);
/* What the coroutine does whose turn it is. */
void loop_run_spawned(struct request *request);
/* Where the task that runs keeps to which tasks its waits belong. */
struct ss_tasks **loop_tasks(struct loop *loop);

/* ---- offload.c: the helper threads of a loop ---- */

/* Suspends the task that runs until a helper thread has called the function; returns its result, or -errno as
   ss_offload. */
int loop_offload(struct loop *loop, int (*function)(void *), void *argument);
/* Wakes the tasks whose functions have returned. */
void loop_end_jobs(struct loop *loop);
/* Ends the threads. */
void loop_end_offload(struct loop *loop);

/* ---- messages.c: what other threads and processes send ---- */

/* From now on the loop's station can be opened. */
void loop_begin_messages(struct loop *loop);
void loop_end_messages(struct loop *loop);

#endif
