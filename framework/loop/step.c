/* SPDX-License-Identifier: MIT */
/* A server in somebody else's loop. Its serve_forever runs in a coroutine, whatever the mix-ins make of it:
   where its thread would wait, the coroutine is left (server/stepping.c), and so the step returns. */
#include "loop/coroutine.h"
#include "memory/arena.h"
#include "server/core.h"
#include "server/poller.h"
#include "server/serve.h"
#include "server/signals.h"
#include "server/stepping.h"
#include "server/tasks.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    STEP_STACK = 8 << 20
}; /* bytes, as a thread's: methods and handlers run there. Used ones take memory */

struct step {
    struct stepping stepping;
    pthread_t thread; /* the coroutine's */
    struct co *co;    /* NULL: it has not begun, or has ended */
    struct co outside, *inside;
    struct serving *serving; /* what belongs to the thread while it is inside */
    struct block_pool *pool;
    struct ss_tasks *tasks;
    struct signals_before signals;
    bool has_begun, is_over;
    int rc; /* then: what serve_forever has returned */
};

static struct step *step_around(struct stepping *stepping)
{
    return container_of(stepping, struct step, stepping);
}

/* ---------------------------------------------------------------- in and out */

static void serve_in_steps(void *argument)
{
    struct step *step = argument;
    int rc = server_serve(step->stepping.server);
    step->rc = rc < 0 ? rc : 0;
    step->is_over = true;
    co_switch(step->co, &step->outside);
}

static void leave_step(struct stepping *stepping)
{
    struct step *step = step_around(stepping);
    struct co here; /* in the server's coroutine, or in that of a handler in its event loop */
    co_thread(&here);
    step->inside = &here;
    co_switch(&here, &step->outside);
}

/* What the framework knows of the thread is exchanged: the caller may be a handler of another server's. */
static void enter_step(struct step *step)
{
    struct stepping *stepping = stepping_enter(&step->stepping);
    struct serving *serving = serving_enter(step->serving);
    struct block_pool *pool = block_pool_exchange(step->pool);
    struct ss_tasks *tasks = tasks_exchange(step->tasks);
    thread_enters();
    co_thread(&step->outside);
    step->stepping.is_inside = true;
    co_switch(&step->outside, step->inside);
    step->stepping.is_inside = false;
    thread_leaves();
    step->tasks = tasks_exchange(tasks);
    step->pool = block_pool_exchange(pool);
    step->serving = serving_enter(serving);
    (void)stepping_enter(stepping);
}

static void run_step(struct step *step)
{
    if (step->has_begun)
        signals_resume(&step->signals);
    else
        signals_block(&step->signals);
    step->has_begun = true;
    enter_step(step);
    if (!step->is_over) {
        signals_pause(&step->signals);
        return;
    }
    signals_unblock(&step->signals);
    stepping_done(&step->stepping);
    co_destroy(step->co);
    step->co = NULL;
}

/* ---------------------------------------------------------------- its life */

static int begin_steps(struct step *step)
{
    step->thread = pthread_self();
    step->inside = step->co = co_create(STEP_STACK, serve_in_steps, step);
    return step->co ? 0 : -errno;
}

static void end_steps(struct stepping *stepping)
{
    struct step *step = step_around(stepping);
    if (step->co && (stepping->is_inside || !pthread_equal(step->thread, pthread_self())))
        give_up("ss_server_close: the thread that steps the server is to close it, and not within a step");
    if (step->co)
        ss_shutdown(stepping->server);
    while (step->co)
        (void)ss_server_step(stepping->server, -1);
    stepping_close(stepping);
    free(step);
}

static int make_steps(struct ss_server *self)
{
    struct step *step = calloc(1, sizeof *step);
    if (!step)
        return -ENOMEM;
    step->stepping = (struct stepping){.server = self, .leave = leave_step, .end = end_steps};
    int rc = stepping_open(&step->stepping);
    if (rc < 0)
        free(step);
    else
        self->core->stepping = &step->stepping;
    return rc;
}

/* Can the server be stepped? 0 or -errno. */
static int prepare_steps(struct ss_server *self)
{
    if (self->core && self->core->stepping)
        return 0;
    bool is_bound = self->core && self->socket >= 0;
    if (self->core && self->core->has_served && (is_bound || !ss_draining(self)))
        return -EBUSY;
    return is_bound ? make_steps(self) : -EBADF;
}

int ss_server_fileno(struct ss_server *self)
{
    int rc = prepare_steps(self);
    return rc < 0 ? rc : poller_descriptor(self->core->stepping->poller);
}

int ss_server_step(struct ss_server *self, int ms)
{
    struct poller_event event;
    int rc = prepare_steps(self);
    if (rc < 0)
        return rc == -EBADF && self->core && ss_draining(self) ? 0 : rc; /* as ss_serve_forever */
    struct step *step = step_around(self->core->stepping);
    if (step->is_over)
        return step->rc;
    if (step->stepping.is_inside)
        return -EBUSY;
    if (!step->co && (rc = begin_steps(step)) < 0)
        return rc;
    if (!pthread_equal(step->thread, pthread_self()))
        return -EPERM;
    if (poller_wait(step->stepping.poller, &event, 1, ms) != 0)
        run_step(step);
    return step->is_over ? step->rc : 1;
}
