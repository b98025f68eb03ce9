/* SPDX-License-Identifier: MIT */
/* Helper threads of a loop, which call the functions that would block it. */
#include "loop/loop.h"
#include "server/wakeup.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum { OFFLOAD_THREADS = 4 }; /* of each loop; further calls wait until one is free */
/* ms: when no thread can be made, it is tried again after a pause, for so long in all */
enum { NO_THREAD_PAUSE = 50, NO_THREAD_TIME = 10000 };

struct job {
    struct job *next;
    struct task *task;
    int (*function)(void *);
    void *argument;
    int rc;
    bool done;
};

struct offload {
    struct loop *loop;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct job *first, **last; /* waiting for a thread */
    struct job *done;
    pthread_t threads[OFFLOAD_THREADS];
    unsigned count, idle, waiting; /* threads; threads without a job; jobs without a thread */
    bool stopping;
};

static struct job *take_job(struct offload *o)
{
    struct job *job;
    o->idle++;
    while (!(job = o->first) && !o->stopping)
        pthread_cond_wait(&o->work, &o->lock);
    o->idle--;
    if (job && !(o->first = job->next))
        o->last = &o->first;
    o->waiting -= job != NULL;
    return job;
}

static void *help(void *argument)
{
    struct offload *o = argument;
    struct job *job;
    pthread_mutex_lock(&o->lock);
    while ((job = take_job(o))) {
        pthread_mutex_unlock(&o->lock);
        job->rc = job->function(job->argument);
        pthread_mutex_lock(&o->lock);
        job->next = o->done;
        o->done = job;
        (void)wakeup_send_named(o->loop->serving->station.fd, o->loop->serving->station.name);
    }
    pthread_mutex_unlock(&o->lock);
    return NULL;
}

void loop_end_jobs(struct loop *loop)
{
    struct offload *o = loop->offload;
    if (!o)
        return;
    pthread_mutex_lock(&o->lock);
    struct job *job = o->done;
    o->done = NULL;
    pthread_mutex_unlock(&o->lock);
    while (job) {
        struct job *next = job->next;
        job->done = true;
        loop_wake(o->loop, job->task);
        job = next;
    }
}

static void offload_free(struct offload *o)
{
    if (!o)
        return;
    pthread_mutex_lock(&o->lock);
    o->stopping = true;
    pthread_cond_broadcast(&o->work);
    pthread_mutex_unlock(&o->lock);
    while (o->count > 0)
        pthread_join(o->threads[--o->count], NULL);
    pthread_cond_destroy(&o->work);
    pthread_mutex_destroy(&o->lock);
    free(o);
}

static int offload_new(struct loop *loop, struct offload **made)
{
    struct offload *o = calloc(1, sizeof *o);
    if (!o)
        return -ENOMEM;
    o->loop = loop;
    o->last = &o->first;
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->work, NULL);
    int rc = station_open_descriptor(&loop->serving->station);
    if (rc < 0)
        offload_free(o);
    else
        *made = o;
    return rc;
}

/* Queues the job, and makes a further thread when all are busy. 0, or -EAGAIN: there is no thread at all. */
static int submit(struct offload *o, struct job *job)
{
    int rc = 0;
    pthread_mutex_lock(&o->lock);
    if (o->idle <= o->waiting && o->count < OFFLOAD_THREADS) {
        rc = pthread_create(&o->threads[o->count], NULL, help, o);
        o->count += rc == 0;
    }
    rc = o->count ? 0 : -rc;
    if (rc == 0) {
        *o->last = job;
        o->last = &job->next;
        o->waiting++;
        pthread_cond_signal(&o->work);
    }
    pthread_mutex_unlock(&o->lock);
    return rc;
}

int loop_offload(struct loop *loop, int (*function)(void *), void *argument)
{
    struct offload **o = &loop->offload;
    struct job job = {.task = loop->running, .function = function, .argument = argument};
    int rc = *o ? 0 : offload_new(loop, o);
    uint64_t start = 0;
    while (rc == 0 && (rc = submit(*o, &job)) == -EAGAIN) {
        start = start ? start : ss_now();
        rc = ss_now() - start < NO_THREAD_TIME ? ss_sleep(loop->server, NO_THREAD_PAUSE) : -EAGAIN;
    }
    if (rc < 0)
        return rc;
    while (!job.done) {
        loop_suspend_for(loop, LOOK_AGAIN);
        if (job.done)
            break;
        loop_end_jobs(loop);
        if (job.done) /* loop_end_jobs has put this task into the queue: it must run once */
            loop_suspend_for(loop, LOOK_AGAIN);
    }
    return job.rc;
}

void loop_end_offload(struct loop *loop)
{
    offload_free(loop->offload);
    loop->offload = NULL;
}
