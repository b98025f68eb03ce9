/* SPDX-License-Identifier: MIT */
/* A second task beside a handler: a coroutine in an event loop, a thread elsewhere. */
#include "server/core.h"
#include "server/tasks.h"
#include "server/wakeup.h"
#include <errno.h>

static int open_wakeups(struct ss_tasks *tasks)
{
    int rc = wakeup_open(tasks->cancel);
    if (rc == 0 && (rc = wakeup_open(tasks->ended)) < 0)
        wakeup_close(tasks->cancel);
    return rc;
}

/* The first task makes the place for all of them. */
static int begin_tasks(struct ss_handler *h)
{
    struct ss_server *self = h->server;
    struct ss_tasks *tasks = ss_alloc(h, sizeof *tasks);
    if (!tasks)
        return -ENOMEM;
    *tasks = (struct ss_tasks){.h = h};
    int rc = open_wakeups(tasks);
    if (rc < 0)
        return rc;
    methods_of(self)->adopt(self, tasks->cancel[0], tasks);
    methods_of(self)->adopt(self, tasks->ended[0], tasks);
    atomic_fetch_add(&self->core->spawning, 1);
    tasks->outer = tasks_enter(self, tasks);
    h->tasks = tasks;
    return 0;
}

static void *run_in_thread(void *argument)
{
    tasks_run(argument);
    return NULL;
}

static void run_in_loop(void *argument)
{
    tasks_run(argument);
}

static int begin_one(struct spawned *one)
{
    const struct serving *serving = serving_current();
    if (serving && serving->server == one->tasks->h->server)
        return serving->spawn(serving->loop, run_in_loop, one);
    int rc = -pthread_create(&one->thread, NULL, run_in_thread, one);
    one->has_thread = rc == 0;
    return rc;
}

/* Stores the handler of the task. */
static int prepare_one(struct spawned *one, struct ss_handler *h)
{
    struct ss_stream *stream = NULL;
    int rc = h->wfile && !h->request->datagram ? ss_dup(h->wfile, &stream) : 0;
    one->own = *h;
    one->own.tasks = NULL;
    one->own.rfile = one->own.wfile = stream;
    return rc;
}

int ss_spawn(struct ss_handler *h, int (*run)(struct ss_handler *h, void *argument), void *argument)
{
    struct spawned *one = ss_alloc(h, sizeof *one);
    int rc = !one ? -ENOMEM : h->tasks ? 0 : begin_tasks(h);
    if (rc < 0)
        return rc;
    *one = (struct spawned){.tasks = h->tasks, .run = run, .argument = argument};
    if ((rc = prepare_one(one, h)) < 0)
        return rc;
    atomic_fetch_add(&h->tasks->running, 1);
    if ((rc = begin_one(one)) < 0) {
        atomic_fetch_sub(&h->tasks->running, 1);
        if (one->own.wfile)
            (void)ss_close(one->own.wfile);
        return rc;
    }
    one->next = h->tasks->list;
    h->tasks->list = one;
    return 0;
}
