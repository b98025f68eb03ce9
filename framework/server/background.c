/* SPDX-License-Identifier: MIT */
/* Tasks of the server's own: threads that begin and end with serve_forever. */
#include "server/background.h"
#include "server/core.h"
#include "server/tasks.h"
#include "server/wait.h"
#include <errno.h>
#include <stdlib.h>

struct background {
    struct background *next;
    struct ss_server *self;
    int (*function)(struct ss_server *self, void *argument);
    void *argument;
    pthread_t thread;
    bool started;
    atomic_bool over;
    int rc;
};

int ss_background(struct ss_server *self, int (*function)(struct ss_server *self, void *argument),
                  void *argument)
{
    if (!self->core || !function)
        return -EINVAL;
    struct background *b = malloc(sizeof *b);
    if (!b)
        return -ENOMEM;
    *b = (struct background){
        .next = self->core->backgrounds, .self = self, .function = function, .argument = argument};
    self->core->backgrounds = b;
    return 0;
}

/* Its waits belong to the drain, as those of a handler's tasks to the handler. */
static void *run_background(void *argument)
{
    struct background *b = argument;
    const struct ss_stop *stop = b->self->core->stop;
    struct ss_tasks tasks = {.cancel = {stop->drain[0], -1}, .ended = {-1, -1}};
    (void)tasks_enter(b->self, &tasks);
    b->rc = b->function(b->self, b->argument);
    (void)tasks_enter(b->self, NULL);
    if (b->rc < 0)
        ss_shutdown(b->self);
    thread_is_over(b->self, &b->over);
    return NULL;
}

int background_begin(struct ss_server *self)
{
    int rc = 0;
    if (self->core->backgrounds)
        atomic_fetch_add(&self->core->spawning, 1);
    for (struct background *b = self->core->backgrounds; rc == 0 && b; b = b->next) {
        rc = -pthread_create(&b->thread, NULL, run_background, b);
        b->started = rc == 0;
    }
    return rc;
}

int background_end(struct ss_server *self)
{
    int rc = 0;
    for (struct background *b = self->core->backgrounds; b; b = b->next) {
        if (!b->started)
            continue;
        server_wait_thread(self, &b->over);
        pthread_join(b->thread, NULL);
        b->started = false;
        rc = rc < 0 ? rc : b->rc;
    }
    return rc < 0 && rc != -ECANCELED ? rc : 0;
}

void background_clear(struct ss_core *core)
{
    for (struct background *b; (b = core->backgrounds);) {
        core->backgrounds = b->next;
        free(b);
    }
}
