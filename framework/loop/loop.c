/* SPDX-License-Identifier: MIT */
#include "loop/loop.h"
#include "loop/coroutine.h"
#include "server/core.h"
#include "server/mail.h"
#include "server/poller.h"
#include "server/request.h"
#include "server/stepping.h"
#include "server/stop.h"
#include "server/timer.h"
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { FAR = 5000 };           /* ms; see time_to_wait */
enum { SIGNAL_STACK = 65536 }; /* bytes; see set_signal_stack */

struct loop *loop_current(void)
{
    const struct serving *serving = serving_current();
    return serving ? serving->loop : NULL;
}

/* ---------------------------------------------------------------- what can run */

static struct entry *take_next(struct loop *loop)
{
    struct entry *entry = loop->head;
    loop->head = entry->next;
    if (!loop->head)
        loop->tail = &loop->head;
    loop->length--;
    loop->budget--;
    return entry;
}

/* When the next timer is more than FAR away the clock is not read again: the wait may then be longer by the
   time that this turn has taken. */
static inline int time_to_wait(struct loop *loop)
{
    loop->next_timer = 0;
    if (loop->head)
        return 0;
    uint64_t next = loop->next_timer = wheel_next(&loop->wheel);
    if (next == TIMER_NEVER)
        return -1;
    uint64_t now = loop->now && next > loop->now + FAR ? loop->now : ss_now();
    return next <= now ? 0 : next - now > INT32_MAX ? INT32_MAX : (int)(next - now);
}

/* ---------------------------------------------------------------- turns */

/* A turn of the loop: begins, and returns how long it may wait. */
static inline int begin_turn(struct loop *loop)
{
    static atomic_ullong turns;
    loop->serving->turn = atomic_fetch_add_explicit(&turns, 1, memory_order_relaxed);
    int ms = time_to_wait(loop);
    return (unsigned)ms > loop->wait_limit ? (int)loop->wait_limit : ms;
}

static inline void end_turn(struct loop *loop)
{
    if (loop->now && loop->now >= loop->tidy_time)
        loop_tidy(loop, loop->now);
    loop->budget = loop->length;
}

/* (Not inlined, as task_new and refuse: every task that suspends would need more stack for what few of them
   call.) */
static void turn(struct loop *loop)
{
    loop_look(loop, begin_turn(loop));
    end_turn(loop);
}

static void turn_in_steps(struct loop *loop)
{
    loop_look_in_steps(loop, begin_turn(loop));
    end_turn(loop);
}

/* Takes what runs next; waits until there is something. */
static struct entry *next(struct loop *loop)
{
    while (loop->budget == 0)
        loop->turn(loop);
    return take_next(loop);
}

/* ---------------------------------------------------------------- tasks */

static inline void look_after(struct loop *loop, struct task *task)
{
    if (!task->dirty)
        loop_gather(loop, task);
}

static void run(struct loop *loop, struct request *request)
{
    struct ss_server *self = loop->server;
    const struct ss_class *methods = methods_of(self);
    look_after(loop, loop->running);
    if (request->spawned) {
        loop_run_spawned(request);
        return;
    }
    if (request->box)
        mail_end_wait(self, request);
    int rc = request_is_over(request) ? 0 : methods->finish_request(self, &request->request);
    if (rc == SS_PARK) {
        int parked = loop_park(loop, request);
        if (parked == 0)
            return;
        rc = request_end(self, request, parked);
    }
    request_failed(self, &request->request, rc);
    methods->shutdown_request(self, &request->request);
}

static void become_idle(struct loop *loop, struct task *task)
{
    task->next_idle = loop->idle;
    loop->idle = task;
    loop->idle_count++;
}

static void switch_to(struct loop *loop, struct task *from, struct task *to)
{
    loop->running = to;
    co_switch(from->co, to->co);
}

/* What a task does: it runs requests, one after another, until a suspended task is next in the queue; then it
   becomes idle, and switches to that one. */
static void run_requests(void *argument)
{
    struct task *self = argument;
    struct loop *loop = self->loop;
    for (;;) {
        struct entry *entry = &loop->beginning->entry;
        while (!entry->task) {
            run(loop, request_of(entry));
            entry = loop->aside ? loop_take_aside(loop) : next(loop);
        }
        entry->task->queued = false;
        become_idle(loop, self);
        switch_to(loop, self, entry->task);
    }
}

__attribute__((noinline)) static struct task *task_new(struct loop *loop)
{
    struct task *task = loop_take_idle(loop);
    if (task)
        return task;
    if (!(task = calloc(1, sizeof *task)))
        return NULL;
    task->loop = loop;
    task->entry.task = task;
    timer_init(&task->entry.timer);
    task->co = co_create(loop->server->stack_size, run_requests, task);
    if (task->co) {
        loop->tasks++;
        task->number = ++loop->numbered;
        return task;
    }
    free(task);
    return NULL;
}

/* There is no task that could run it, not even to say good-bye: the connection is just closed. */
__attribute__((noinline)) static void refuse(struct loop *loop, struct request *request)
{
    request_failed(loop->server, &request->request, -ENOMEM);
    methods_of(loop->server)->close_request(loop->server, &request->request);
}

static void suspend(struct loop *loop)
{
    struct task *self = loop->running;
    look_after(loop, self);
    for (;;) {
        struct entry *entry = next(loop);
        struct task *to = entry->task;
        if (to) {
            to->queued = false;
            if (to != self)
                switch_to(loop, self, to);
            return;
        }
        if ((to = task_new(loop))) {
            loop->beginning = request_of(entry);
            switch_to(loop, self, to);
            return;
        }
        if (loop->tasks)
            loop_put_aside(loop, entry);
        else
            refuse(loop, request_of(entry));
    }
}

void loop_suspend_for(struct loop *loop, int ms)
{
    struct timer *timer = &loop->running->entry.timer;
    timer_set(&loop->wheel, timer, ss_now() + (uint64_t)ms);
    suspend(loop);
    timer_stop(timer);
}

/* ---------------------------------------------------------------- the poll method */

static int wait_for_events(struct loop *loop, struct waiter *waiters, struct pollfd *fds, nfds_t count,
                           int ms)
{
    struct task *self = loop->running;
    int rc = 0, ready = 0;
    nfds_t n = 0;
    while (n < count && rc == 0)
        rc = loop_begin_wait(loop, &waiters[n], &fds[n]), n++;
    if (rc == 0) {
        if (ms >= 0)
            timer_set(&loop->wheel, &self->entry.timer, ss_now() + (uint64_t)ms);
        suspend(loop);
        timer_stop(&self->entry.timer);
    }
    for (nfds_t i = 0; i < n; i++) {
        loop_end_wait(loop, &waiters[i]);
        fds[i].revents = waiters[i].revents;
        ready += waiters[i].revents != 0;
    }
    return rc < 0 ? rc : ready;
}

enum { FEW = 4 };     /* descriptors that are waited for without allocating memory */
enum { STREAK = 16 }; /* waits in a row that are over at once, until other tasks run */

int loop_poll(struct loop *loop, struct pollfd *fds, nfds_t count, int ms)
{
    struct waiter few[FEW], *waiters = few;
    int rc = loop_collect(loop, fds, count);
    if (rc > 0 && ++loop->streak % STREAK == 0) {
        loop_wake(loop, loop->running);
        suspend(loop);
    }
    if (rc > 0 || (ms == 0 && count > 0))
        return rc;
    if (ms == 0)
        loop_wake(loop, loop->running);
    loop->streak = 0;
    if (count > FEW && !(waiters = calloc(count, sizeof *waiters)))
        return -ENOMEM;
    rc = wait_for_events(loop, waiters, fds, count, ms == 0 ? -1 : ms);
    if (waiters != few)
        free(waiters);
    return rc;
}

/* ---------------------------------------------------------------- requests */

void loop_begin(struct loop *loop, struct request *request)
{
    if (!request->request.datagram)
        loop_adopt(loop, request->number, request);
    loop_queue(loop, &request->entry);
}

void loop_forget(struct loop *loop, struct request *request)
{
    int *fd = &request->request.fd;
    timer_remove(&loop->wheel, &request->entry.timer);
    if (request->request.datagram)
        return;
    if (*fd != request->number) {
        loop_let_go(loop, request->number, request);
        (void)loop_release(loop, *fd, request);
    } else if (!loop_release(loop, *fd, request)) {
        *fd = -1;
    }
}

/* ---------------------------------------------------------------- the loop's life */

/* The signal handler that reports the overflow of a stack cannot run on that stack. */
static void set_signal_stack(struct loop *loop)
{
    stack_t now;
    if (sigaltstack(NULL, &now) < 0 || !(now.ss_flags & SS_DISABLE))
        return;
    if ((loop->signal_stack.ss_sp = malloc(SIGNAL_STACK))) {
        loop->signal_stack.ss_size = SIGNAL_STACK;
        (void)sigaltstack(&loop->signal_stack, NULL);
    }
}

static void unset_signal_stack(struct loop *loop)
{
    if (!loop->signal_stack.ss_sp)
        return;
    (void)sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    free(loop->signal_stack.ss_sp);
}

static bool overflowed(const struct loop *loop, const void *address)
{
    return loop->running->co && co_guards(loop->running->co, address);
}

static void loop_free(struct loop *loop)
{
    poller_close(loop->poller);
    free(loop->fds);
    free(loop);
}

/* NULL for want of memory. */
static struct loop *loop_new(struct serving *serving)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return NULL;
    loop->server = serving->server;
    loop->serving = serving;
    loop->stepping = stepping_current();
    loop->turn = loop->stepping ? turn_in_steps : turn;
    loop->tail = &loop->head;
    loop->aside_tail = &loop->aside;
    loop->running = &loop->main;
    loop->main.entry.task = &loop->main;
    loop->main.co = &loop->main.thread;
    loop->tidy_time = TIMER_NEVER;
    loop->wait_limit = UINT_MAX;
    loop->main.dirty = true; /* so it is never put into the list: its stack is the thread's */
    timer_init(&loop->main.entry.timer);
    co_thread(loop->main.co);
    wheel_init(&loop->wheel, ss_now());
    return loop;
}

int loop_enter(struct serving *serving, struct loop **entered)
{
    const struct ss_stop *stop = serving->server->core->stop;
    struct loop *loop = loop_new(serving);
    if (!loop)
        return -ENOMEM;
    int rc = poller_open(&loop->poller, POLLER_EDGE);
    if (rc == 0)
        rc = loop_watch(loop, stop->drain[0], true, loop_drain, loop);
    if (rc == 0)
        rc = loop_watch(loop, stop->cancel[0], true, NULL, NULL);
    if (rc == 0 && *serving->socket >= 0)
        rc = loop_watch(loop, *serving->socket, false, NULL, NULL);
    if (rc == 0 && loop->stepping)
        rc = poller_add(loop->stepping->poller, poller_descriptor(loop->poller), POLLIN, 0, false);
    if (rc < 0) {
        loop_free(loop);
        return rc;
    }
    set_signal_stack(loop);
    serving->loop = loop;
    serving->overflowed = overflowed;
    serving->spawn = loop_spawn;
    serving->tasks_of = loop_tasks;
    loop->before = serving_enter(serving);
    *entered = loop;
    return 0;
}

void loop_leave(struct loop *loop)
{
    while (loop->idle) {
        struct task *task = loop->idle;
        loop->idle = task->next_idle;
        loop_task_free(loop, task);
    }
    unset_signal_stack(loop);
    if (loop->stepping)
        poller_remove(loop->stepping->poller, poller_descriptor(loop->poller));
    (void)serving_enter(loop->before);
    loop_free(loop);
}
