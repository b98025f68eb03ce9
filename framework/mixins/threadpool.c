/* SPDX-License-Identifier: MIT */
/* ThreadPoolMixIn: a number of threads that run at once. A connection that is parked between two requests
   holds none of them; whichever is free takes its next one.

   A thread without work asks the poller what has arrived, puts all of it into the queue, and takes it out
   again one by one. As long as something is left there, others that are idle are woken: nothing waits for
   a handler that takes its time while a thread has nothing to do. */
#include "mixins/threadpool.h"
#include "memory/arena.h"
#include "server/core.h"
#include "server/poller.h"
#include "server/request.h"
#include "server/shortage.h"
#include "server/timer.h"
#include "server/wait.h"
#include "server/wakeup.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS_PER_CPU = 4 };
enum { BATCH = 64 };        /* events taken at a time */
enum { SPARE_TIME = 1000 }; /* ms that a thread waits for work before it ends, when there are too many */

static struct threadpool *threadpool_of(struct ss_server *self)
{
    return ss_state(self, &ThreadPoolMixIn);
}

static bool has_threads(const struct threadpool *p)
{
    return p->workers != NULL;
}

static void defaults(struct ss_server *self)
{
    self->max_requests = 16384;
    self->max_threads = 2048;
}

/* ---------------------------------------------------------------- threads */

static void serve(struct ss_server *self, struct request *request)
{
    const struct ss_class *methods = methods_of(self);
    if (request->box)
        pool_end_wait(self, request);
    int rc = request_is_over(request) ? 0 : methods->finish_request(self, &request->request);
    if (rc == SS_PARK) {
        int parked = pool_park(threadpool_of(self), request);
        if (parked == 0)
            return;
        rc = request_end(self, request, parked);
    }
    request_failed(self, &request->request, rc);
    if (request->known)
        pool_forget(threadpool_of(self), request);
    methods->shutdown_request(self, &request->request);
    ss_request_ended(self);
}

/* Is the calling thread one too many? Others have come back from their handlers' waits, and another one waits
   for the poller. */
static bool is_spare(const struct threadpool *p)
{
    return p->count - p->waiting > p->limit && p->idle > 0;
}

/* Waits for events, and puts what has arrived into the queue. Called with the lock held, which it gives back
   while it waits. False: the thread is one too many, and has waited in vain. */
static bool look_at_poller(struct threadpool *p)
{
    struct poller_event events[BATCH];
    bool keeps_time = p->untold, spare = is_spare(p);
    p->idle++;
    pthread_mutex_unlock(&p->lock);
    int n = poller_wait(p->poller, events, BATCH, keeps_time ? LOOK_AGAIN : spare ? SPARE_TIME : -1);
    if (keeps_time)
        pool_close_expired(p, ss_now());
    if (n < 0 && n != -EINTR)
        rest();
    pthread_mutex_lock(&p->lock);
    p->idle--;
    p->woken = false;
    bool woken = false;
    for (int i = 0; i < n; i++)
        if (events[i].fd == p->station->fd)
            woken = true;
        else
            pool_claim(p, &events[i]);
    if (woken) { /* with the store's lock, which is taken before the pool's */
        pthread_mutex_unlock(&p->lock);
        pool_woken(p);
        pthread_mutex_lock(&p->lock);
    }
    return n != 0 || !spare || p->first || !is_spare(p);
}

/* Waits for the next request to serve; NULL: the thread is to end. */
static struct request *next(struct threadpool *p)
{
    struct request *request;
    pthread_mutex_lock(&p->lock);
    p->running--;
    while (!(request = pool_dequeue(p)) && !p->stopping && look_at_poller(p))
        ;
    p->running += request != NULL;
    p->count -= request == NULL;
    pool_unlock(p);
    return request;
}

static _Thread_local struct threadpool *working_for; /* the pool whose thread this is, NULL: none */

static void *run_thread(void *argument)
{
    struct worker *w = argument;
    struct ss_server *self = w->server;
    struct threadpool *p = working_for = threadpool_of(self);
    struct request *request;
    struct block_pool pool;
    block_pool_enter(&pool);
    thread_enters(); /* for good */
    while ((request = next(p)))
        serve(self, request);
    block_pool_leave(&pool, NULL);
    (void)poller_wake(p->poller); /* wakes another thread, which ends, too, when the pool is stopping */
    pthread_mutex_lock(&p->lock);
    w->next = p->left;
    p->left = w;
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* With the lock held. 0 or -errno. */
static int make_thread(struct ss_server *self, struct threadpool *p)
{
    struct worker *w = p->left;
    if (w)
        p->left = w->next;
    else if (p->made < p->room)
        w = &p->workers[p->made++];
    else
        return -EAGAIN;
    if (w->started)
        pthread_join(w->thread, NULL); /* it is about to return, if it has not yet */
    w->server = self;
    int rc = -pthread_create(&w->thread, NULL, run_thread, w);
    w->started = rc == 0;
    p->count += w->started;
    p->running += w->started;
    if (rc < 0) {
        w->next = p->left;
        p->left = w;
    }
    return rc;
}

/* Makes threads until one is idle or their number is reached. 0, or -errno: there is no thread at all. */
static int make_threads(struct ss_server *self, struct threadpool *p)
{
    int rc = 0;
    pthread_mutex_lock(&p->lock);
    while (rc == 0 && p->idle == 0 && p->count - p->waiting < p->limit)
        rc = make_thread(self, p);
    rc = p->count ? 0 : rc;
    pool_unlock(p);
    return rc;
}

/* A thread whose handler waits for its client, or for time to pass, does not count as one at work: another
   thread takes its place. If none can be made now, the next request tries again. */
static void begin_wait(struct ss_server *self, struct threadpool *p)
{
    pthread_mutex_lock(&p->lock);
    p->running--;
    p->waiting++;
    if (p->idle == 0 && pool_may_run(p) && !p->stopping)
        (void)make_thread(self, p);
    pool_unlock(p);
}

static void end_wait(struct threadpool *p)
{
    pthread_mutex_lock(&p->lock);
    p->waiting--;
    p->running++;
    pthread_mutex_unlock(&p->lock);
}

static int wait_as_one_more(struct ss_server *self, struct threadpool *p, struct pollfd *fds, nfds_t count,
                            int ms)
{
    begin_wait(self, p);
    int rc = ss_super(self, &ThreadPoolMixIn)->poll(self, fds, count, ms);
    end_wait(p);
    return rc;
}

/* The threads of the pool wait for messages as others do, but count as those whose handlers wait. */
static int await(struct ss_server *self, struct ss_request *request, struct pollfd *fds, nfds_t count, int ms)
{
    struct threadpool *p = threadpool_of(self);
    const struct ss_class *super = ss_super(self, &ThreadPoolMixIn);
    if (working_for != p || !has_threads(p))
        return super->await(self, request, fds, count, ms);
    begin_wait(self, p);
    working_for = NULL; /* this wait counts once */
    int rc = super->await(self, request, fds, count, ms);
    working_for = p;
    end_wait(p);
    return rc;
}

static int process_request(struct ss_server *self, struct ss_request *request)
{
    struct threadpool *p = threadpool_of(self);
    struct request *r = container_of(request, struct request, request);
    if (!has_threads(p))
        return ss_super(self, &ThreadPoolMixIn)->process_request(self, request);
    int rc = make_threads(self, p);
    if (rc < 0)
        return rc;
    ss_request_started(self);
    r->entry.timer.deadline = ss_now() + (uint64_t)self->request_timeout;
    /* the client speaks first: the connection waits for that with the parked ones, without a thread */
    if (self->defer_accept && !request->datagram && self->request_timeout >= 0 && !ss_draining(self) &&
        pool_park(p, r) == 0)
        return 0;
    pthread_mutex_lock(&p->lock);
    pool_enqueue(p, r);
    pool_unlock(p);
    return 0;
}

static bool close_idle(struct ss_server *self)
{
    struct threadpool *p = threadpool_of(self);
    return has_threads(p) ? pool_close_oldest(p) : ss_super(self, &ThreadPoolMixIn)->close_idle(self);
}

/* The thread that accepts also closes parked connections whose time is up. */
static int threadpool_poll(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms)
{
    struct threadpool *p = threadpool_of(self);
    const struct ss_class *super = ss_super(self, &ThreadPoolMixIn);
    if (working_for == p && has_threads(p) && ms != 0)
        return wait_as_one_more(self, p, fds, count, ms);
    if (!has_threads(p) || !pthread_equal(p->server_thread, pthread_self()))
        return super->poll(self, fds, count, ms);
    int left = pool_time_left(self, p);
    if (left == 0)
        pool_close_expired(p, ss_now());
    if (count == 0 && ms == 0)
        return super->poll(self, fds, count, ms);
    struct pollfd wake = {.fd = p->wake[0], .events = POLLIN};
    int rc = poll_also(self, super, fds, count, ms, &wake, 1, left);
    if (wake.revents)
        wakeup_take(p->wake);
    if (rc == -EINTR)
        pool_close_expired(p, ss_now());
    return rc;
}

/* ---------------------------------------------------------------- the pool's life */

static unsigned thread_count(const struct ss_server *self)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return self->workers ? self->workers : THREADS_PER_CPU * (unsigned)(cpus < 1 ? 1 : cpus);
}

static int start_pool(struct ss_server *self, struct threadpool *p)
{
    unsigned count = thread_count(self);
    p->last = &p->first;
    p->wake_time = TIMER_NEVER;
    p->wake[0] = p->wake[1] = -1;
    p->server_thread = pthread_self();
    pthread_mutex_init(&p->lock, NULL);
    wheel_init(&p->wheel, ss_now());
    int rc = wakeup_open(p->wake);
    if (rc == 0)
        rc = poller_open(&p->poller, POLLER_ONESHOT);
    if (rc == 0)
        rc = pool_open_station(self, p);
    p->limit = count;
    p->room = self->max_threads > count ? self->max_threads : count;
    if (rc == 0 && !(p->workers = calloc(p->room, sizeof *p->workers)))
        rc = -ENOMEM;
    if (rc == 0)
        rc = make_threads(self, p);
    return rc == -EAGAIN ? 0 : rc; /* the first request tries again */
}

static void free_pool(struct threadpool *p)
{
    poller_close(p->poller);
    wakeup_close(p->wake);
    free(p->workers);
    free(p->slots);
    memset(p, 0, sizeof *p);
}

static void stop_pool(struct threadpool *p)
{
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    unsigned made = p->made;
    pthread_mutex_unlock(&p->lock);
    if (made)
        (void)poller_wake(p->poller);
    for (unsigned i = 0; i < made; i++)
        if (p->workers[i].started)
            pthread_join(p->workers[i].thread, NULL);
    pool_close_station(p);
    pthread_mutex_destroy(&p->lock);
    free_pool(p);
}

/* The threads are the parent's; one of them may have the lock. */
static void forked(struct ss_server *self)
{
    struct threadpool *p = threadpool_of(self);
    ss_super(self, &ThreadPoolMixIn)->forked(self);
    if (has_threads(p))
        free_pool(p);
}

static int serve_forever(struct ss_server *self)
{
    struct threadpool *p = threadpool_of(self);
    int rc = start_pool(self, p);
    if (rc == 0)
        rc = ss_super(self, &ThreadPoolMixIn)->serve_forever(self);
    if (rc >= 0 || atomic_load(&self->core->serving.active) ==
                       0) /* else the process is going to end, with the threads that are still in handlers */
        stop_pool(p);
    return rc;
}

const struct ss_class ss_ThreadPoolMixIn = {
    .name = "ThreadPoolMixIn",
    .rank = RANK_RUNS,
    .state_size = sizeof(struct threadpool),
    .defaults = defaults,
    .serve_forever = serve_forever,
    .process_request = process_request,
    .forked = forked,
    .close_idle = close_idle,
    .poll = threadpool_poll,
    .await = await,
};
