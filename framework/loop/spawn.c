/* SPDX-License-Identifier: MIT */
/* Coroutines of a loop that run a function, and no request. */
#include "loop/loop.h"
#include "server/request.h"
#include "server/timer.h"
#include <errno.h>
#include <stdlib.h>

/* It stands in the queue as a request does. */
struct job {
    struct request request;
    void (*function)(void *);
    void *argument;
};

int loop_spawn(struct loop *loop, void (*function)(void *), void *argument)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return -ENOMEM;
    job->request.request.fd = job->request.number = -1;
    job->request.spawned = true;
    job->function = function;
    job->argument = argument;
    timer_init(&job->request.entry.timer);
    loop_queue(loop, &job->request.entry);
    return 0;
}

void loop_run_spawned(struct request *request)
{
    struct job *job = container_of(request, struct job, request);
    void (*function)(void *) = job->function;
    void *argument = job->argument;
    free(job);
    function(argument);
}

struct ss_tasks **loop_tasks(struct loop *loop)
{
    return &loop->running->spawning;
}
