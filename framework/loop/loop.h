/* An event loop: one thread, many coroutines, each running a request that believes it blocks.

   A task that must wait looks for the next one itself and switches straight to it; there is no
   scheduler in between. Whoever finds nothing to run waits for events. The thread's own stack is a
   task like the others: it is the one that accepts. */
#ifndef SS_LOOP_H
#define SS_LOOP_H

#include "loop/coroutine.h"
#include "loop/poller.h"
#include "server/core.h"
#include "server/idle.h"
#include "server/request.h"
#include "server/serving.h"
#include <signal.h>

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
    uint32_t tag;      /* of the registration that is in force: events of earlier ones are old news */
    const void *owner; /* who keeps it registered until loop_release; NULL: it is only while waited for */
    short ready;       /* told, and nobody has used it yet */
    short lasting;     /* events that are never used up */
    bool registered;   /* with the poller */
    bool urgent;  /* urgent data was told of: reads end before it, and leave input that nobody tells of */
    bool watched; /* there is a struct watch for it */
};

/* The loop's own descriptors have something called; the table has a line for each connection, and no room. */
struct watch {
    int fd;
    void (*ready)(void *);
    void *argument;
};
enum { MAX_WATCHES = 2 }; /* the drain, and offloaded calls that have returned */

struct task {
    struct entry entry;
    struct loop *loop;
    struct co *co;
    struct co thread; /* the loop's own thread's */
    struct task *next_idle, *next_dirty;
    bool queued;
    bool dirty; /* has run since its stack was last tidied; in the loop's list of such */
};

#define request_of(task_or_request) container_of(task_or_request, struct request, entry)

enum { TIDY_TIME = 1000 };  /* ms; what stacks did not need for so long is given back */
enum { TIDY_TURNS = 1024 }; /* a loop that has no other use for the time looks at it so often */

struct loop {
    struct ss_server *server;
    struct serving *serving; /* with the turn, and the parked */
    struct poller *poller;
    struct known *fds;
    int fd_count;
    struct entry *head, **tail; /* what can run */
    unsigned length, budget;    /* of the queue; how much of it comes before the next look at events */
    struct wheel wheel;
    uint64_t now;        /* when the turn began, 0: nobody has looked */
    uint64_t next_timer; /* no timer is due before, as far as this turn has looked */
    unsigned streak;     /* waits since the last task was switched to that had nothing to wait for */
    struct task main, *running, *idle;
    unsigned idle_count, tasks;        /* all of them: idle or not */
    struct entry *aside, **aside_tail; /* requests that no stack could be had for */
    unsigned spare;                    /* the fewest that were idle since the last look */
    struct task *dirty;
    uint64_t tidy_time;        /* when to look; TIMER_NEVER: there is nothing to do */
    unsigned wait_limit;       /* ms until then at most; UINT_MAX: none */
    struct request *beginning; /* handed to a task that was idle */
    struct offload *offload;
    struct serving *before;
    stack_t signal_stack;
    struct watch watches[MAX_WATCHES];
    int watch_count;
    bool draining;
};

/* A file calls those that stand above it here, and none below. */

/* ---- events.c: what can run, what is waited for, and what happens ---- */

/* Puts it at the end of what can run. */
void loop_queue(struct loop *loop, struct entry *entry);
/* The same for a task that is not there yet. In the loop's own thread. */
void loop_wake(struct loop *loop, struct task *task);
/* Waits for events up to `ms` milliseconds (-1: no limit), and queues what can run because of them. */
void loop_look(struct loop *loop, int ms);
/* Keeps `fd` registered and has `ready` (may be NULL) called in the loop's thread when it becomes readable;
   `lasting`: it then stays so for good. */
int loop_watch(struct loop *loop, int fd, bool lasting, void (*ready)(void *), void *argument);

/* Waits for the request's next input with no task; false if that cannot be. */
bool loop_park(struct loop *loop, struct request *request);
/* For loop_watch: those who wait for nothing in particular go, and nobody parks any more. */
void loop_drain(void *loop);
/* Closes the one that was parked first, in its turn; false: there is none. */
bool loop_close_oldest(struct loop *loop);

/* The parts of a wait of the task that runs. What has been told of already: */
int loop_collect(struct loop *loop, struct pollfd *fds, nfds_t count);
/* 0, 1: it is ready now, -errno. Each is to be ended, also one that has failed. */
int loop_begin_wait(struct loop *loop, struct waiter *w, struct pollfd *fd);
void loop_end_wait(struct loop *loop, struct waiter *w);

/* A new descriptor stays registered from loop_adopt to loop_release, which comes before close; others are
   registered for each wait. `owner`: whoever asks; NULL: as before, but the number may stand for another file
   by now. An earlier owner of the number must have closed it behind our back, and has no say any more. */
void loop_adopt(struct loop *loop, int fd, const void *owner);
/* False: the number is somebody else's by now, and not to be closed. */
bool loop_release(struct loop *loop, int fd, const void *owner);
/* The handler has closed the descriptor that `owner` had adopted, or taken it away. */
void loop_let_go(struct loop *loop, int fd, const void *owner);
/* Until it is waited for again, other processes and threads that share it are to be woken instead. */
void loop_ignore(struct loop *loop, int fd);

/* ---- tidy.c: stacks that are not needed ---- */

void loop_task_free(struct loop *loop, struct task *task);
/* The task runs, and is not among those whose stacks are looked after yet. */
void loop_gather(struct loop *loop, struct task *task);
/* Takes the one that was idle last, NULL: none is. */
struct task *loop_take_idle(struct loop *loop);
/* Without memory for a stack a request waits until another one's comes free, or there is memory again. */
void loop_put_aside(struct loop *loop, struct entry *entry);
/* Takes the first of them; there is one. */
struct entry *loop_take_aside(struct loop *loop);
/* loop->tidy_time has come. Gives back the memory of stacks that nobody needs. */
void loop_tidy(struct loop *loop, uint64_t now);

/* ---- loop.c: who runs ---- */

/* The loop of the calling thread, NULL: none. */
struct loop *loop_current(void);
/* Makes a loop and enters it: the calling thread, which serves with `serving`, is its first task. 0 or
 * -errno.
 */
int loop_enter(struct serving *serving, struct loop **loop);
/* Leaves and frees it, when all its requests have ended and it has no helper threads any more. */
void loop_leave(struct loop *loop);
/* Has a task begin this request, in its turn. */
void loop_begin(struct loop *loop, struct request *request);
/* A request's descriptor is about to be closed, its memory freed. */
void loop_forget(struct loop *loop, struct request *request);
/* The poll method inside of a loop. */
int loop_poll(struct loop *loop, struct pollfd *fds, nfds_t count, int ms);
/* Suspends the task that runs until somebody wakes it, for at most so many milliseconds. */
void loop_suspend_for(struct loop *loop, int ms);

/* ---- offload.c: the helper threads of a loop ---- */

/* Has one of them call the function, and returns its result; or -errno, as ss_offload. */
int loop_offload(struct loop *loop, int (*function)(void *), void *argument);
/* Ends them. */
void loop_end_offload(struct loop *loop);

#endif
