/* SPDX-License-Identifier: MIT */
/* Tasks of handlers: how they run and end. */
#include "memory/arena.h"
#include "server/core.h"
#include "server/tasks.h"
#include "server/wait.h"
#include "server/wakeup.h"
#include <errno.h>

/* ---------------------------------------------------------------- all of them */

static void join_threads(struct ss_tasks *tasks)
{
    for (struct spawned *one = tasks->list; one; one = one->next)
        if (one->has_thread)
            pthread_join(one->thread, NULL);
    tasks->list = NULL;
}

/* Waits until the last one has ended. 0, or -errno when the wait is over before. */
static int wait_for_last(struct ss_tasks *tasks, int until)
{
    struct ss_server *self = tasks->h->server;
    int rc = 0;
    while (rc == 0 && atomic_load(&tasks->running)) {
        rc = server_wait(self, tasks->ended[0], POLLIN, LOOK_AGAIN, 0, until);
        wakeup_take(tasks->ended);
        if (rc == -ETIMEDOUT)
            rc = 0;
    }
    return rc;
}

int ss_join(struct ss_handler *h)
{
    struct ss_tasks *tasks = h->tasks;
    if (!tasks)
        return 0;
    int rc = wait_for_last(tasks, CANCELED);
    if (atomic_load(&tasks->running) == 0)
        join_threads(tasks);
    int error = atomic_load(&tasks->error);
    return error ? error : rc;
}

void tasks_end(struct ss_handler *h)
{
    struct ss_tasks *tasks = h->tasks;
    struct ss_server *self = h->server;
    h->tasks = NULL;
    tasks_cancel(tasks);
    (void)tasks_enter(self, tasks->outer); /* this wait is not theirs */
    while (atomic_load(&tasks->running) && wait_for_last(tasks, NEVER) < 0)
        (void)ss_sleep(self, 1);
    join_threads(tasks);
    (void)methods_of(self)->forget(self, tasks->cancel[0], tasks);
    (void)methods_of(self)->forget(self, tasks->ended[0], tasks);
    wakeup_close(tasks->cancel);
    wakeup_close(tasks->ended);
    atomic_fetch_sub(&self->core->spawning, 1);
}

/* ---------------------------------------------------------------- one of them */

static int run_with_arena(struct spawned *spawned, struct ss_arena *arena)
{
    struct ss_handler *own = &spawned->own;
    own->arena = arena;
    int rc = spawned->run(own, spawned->argument), closed = 0;
    if (own->tasks)
        tasks_end(own);
    if (own->wfile)
        closed = ss_close(own->wfile);
    return rc >= 0 && closed < 0 ? closed : rc;
}

void tasks_run(struct spawned *spawned)
{
    _Alignas(max_align_t) char first[ARENA_FIRST];
    struct ss_tasks *tasks = spawned->tasks;
    const struct ss_server *self = spawned->own.server;
    struct ss_arena arena;
    struct ss_tasks *before = tasks_enter(self, tasks);
    arena_begin(&arena, first, sizeof first);
    int rc = run_with_arena(spawned, &arena), none = 0;
    arena_free(&arena);
    (void)tasks_enter(self, before);
    if (rc < 0 && atomic_compare_exchange_strong(&tasks->error, &none, rc))
        tasks_cancel(tasks);
    if (atomic_fetch_sub(&tasks->running, 1) == 1)
        (void)wakeup_send(tasks->ended);
}
