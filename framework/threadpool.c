/* ThreadPoolMixIn: a fixed number of threads. A connection that is parked between two requests holds
   none of them; whichever is free takes its next one.

   A thread without work asks the poller what has arrived, puts all of it into the queue, and takes it out
   again one by one. As long as something is left there, others that are idle are woken: nothing waits for
   a handler that takes its time while a thread has nothing to do. */
#include "core.h"
#include "poller.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS_PER_CPU = 4 };
enum { BATCH = 64 }; /* events taken at a time */

struct slot {
    struct request *parked;
    const struct request *owner; /* who has registered it; not to be looked at */
    uint32_t tag;                /* of its registration: tells old events from new ones */
};

struct threadpool {
    pthread_mutex_t lock;
    struct poller *poller; /* parked connections */
    struct slot *slots;    /* by descriptor */
    int slot_count;
    struct wheel wheel;          /* when parked connections expire */
    struct idle idle_ones;       /* parked */
    struct entry *first, **last; /* requests to be begun, or closed */
    uint64_t arrived;            /* counts what came into the queue */
    unsigned idle;               /* threads that wait for the poller */
    bool woken;                  /* one of them was, and none has come back since */
    int wake[2];                 /* tells the one that serves of an earlier time to wake up */
    uint64_t wake_time;          /* when it will wake up by itself */
    bool untold;                 /* it could not be told: the others look after the time meanwhile */
    bool draining, stopping;
    unsigned forks; /* core->forks when the threads were started: a child has none of them */
    pthread_t server_thread, *threads;
    unsigned count, limit; /* of them */
};

static struct threadpool *state_of(struct ss_server *self)
{
    return ss_state(self, &ThreadPoolMixIn);
}

static bool has_threads(const struct ss_server *self, const struct threadpool *p)
{
    return p->threads && p->forks == self->core->forks;
}

static void init(struct ss_server *self)
{
    self->max_requests = 16384;
}

/* ---------------------------------------------------------------- the queue; with the lock held */

static void enqueue(struct threadpool *p, struct request *request)
{
    request->entry.next = NULL;
    *p->last = &request->entry;
    p->last = &request->entry.next;
    p->arrived++;
}

static struct request *dequeue(struct threadpool *p)
{
    struct entry *entry = p->first;
    if (!entry)
        return NULL;
    if (!(p->first = entry->next))
        p->last = &p->first;
    return container_of(entry, struct request, entry);
}

/* Has one idle thread look at the queue if anything is left there; that one sees to the next. It is woken
   without the lock, which is the first thing it wants. */
static void unlock(struct threadpool *p)
{
    bool wake = p->first && p->idle && !p->woken;
    p->woken |= wake;
    pthread_mutex_unlock(&p->lock);
    if (!wake || poller_wake(p->poller) == 0)
        return;
    pthread_mutex_lock(&p->lock);
    p->woken = false;
    pthread_mutex_unlock(&p->lock);
}

/* ---------------------------------------------------------------- parking; with the lock held */

static struct slot *slot_of(struct threadpool *p, int fd)
{
    if (fd < p->slot_count)
        return &p->slots[fd];
    int count = p->slot_count ? p->slot_count : 64;
    while (count <= fd)
        count *= 2;
    struct slot *slots = realloc(p->slots, (size_t)count * sizeof *slots);
    if (!slots)
        return NULL;
    memset(slots + p->slot_count, 0, (size_t)(count - p->slot_count) * sizeof *slots);
    p->slots = slots;
    p->slot_count = count;
    return &slots[fd];
}

/* A handler may have closed its descriptor, or taken it away; elsewhere, it is about to be closed. */
static void forget(struct threadpool *p, struct request *request)
{
    struct slot *slot = &p->slots[request->number];
    request->known = false;
    if (slot->owner != request)
        return;
    slot->owner = NULL;
    if (request->request.fd == request->number)
        poller_forget(p->poller, request->number);
    else
        poller_remove(p->poller, request->number);
}

static int arm(struct threadpool *p, struct request *request, struct slot *slot)
{
    int fd = request->request.fd;
    if (request->known && fd != request->number)
        forget(p, request);
    request->number = fd;
    if (slot->owner && slot->owner != request)
        poller_remove(p->poller, fd); /* closed behind our back */
    slot->owner = request;
    slot->tag++;
    int rc = request->known ? poller_want(p->poller, fd, POLLIN, slot->tag)
                            : poller_add(p->poller, fd, POLLIN, slot->tag, false);
    request->known = rc == 0;
    return rc;
}

static int park_locked(struct threadpool *p, struct request *request)
{
    struct slot *slot = p->draining ? NULL : slot_of(p, request->request.fd);
    if (!slot)
        return p->draining ? -ECANCELED : -ENOMEM;
    int rc = arm(p, request, slot);
    if (rc < 0)
        return rc;
    slot->parked = request;
    idle_add(&p->idle_ones, request);
    timer_set(&p->wheel, &request->entry.timer, request->entry.timer.deadline);
    if (request->entry.timer.deadline < p->wake_time) {
        p->wake_time = request->entry.timer.deadline;
        p->untold = wakeup_send(p->wake) < 0;
    }
    return 0;
}

static void forget_closed(struct threadpool *p, struct request *request)
{
    pthread_mutex_lock(&p->lock);
    forget(p, request);
    pthread_mutex_unlock(&p->lock);
}

static int park(struct threadpool *p, struct request *request)
{
    pthread_mutex_lock(&p->lock);
    int rc = park_locked(p, request);
    pthread_mutex_unlock(&p->lock);
    return rc;
}

static void unpark(struct threadpool *p, struct slot *slot)
{
    timer_remove(&p->wheel, &slot->parked->entry.timer);
    idle_remove(&p->idle_ones, slot->parked);
    slot->parked = NULL;
}

/* What an event is about goes into the queue, unless it is old news. */
static void claim(struct threadpool *p, const struct poller_event *event)
{
    struct slot *slot = &p->slots[event->fd];
    struct request *request = slot->tag == event->tag ? slot->parked : NULL;
    if (!request)
        return;
    unpark(p, slot);
    enqueue(p, request);
}

static void close_expired(struct threadpool *p, uint64_t now)
{
    struct timer *timer;
    pthread_mutex_lock(&p->lock);
    while ((timer = wheel_expire(&p->wheel, now))) {
        struct request *request = container_of(timer, struct request, entry.timer);
        unpark(p, &p->slots[request->request.fd]);
        request->expired = true;
        enqueue(p, request);
    }
    /* Before, it is the time of one who may only just be busy: to keep to it is as good, and costs nothing.
     */
    if (p->wake_time <= now)
        p->wake_time = wheel_next(&p->wheel);
    if (p->untold)
        p->untold = wakeup_send(p->wake) < 0;
    unlock(p);
}

/* Milliseconds until a parked connection expires, -1: none. When the server drains, all go now. */
static int time_left(struct threadpool *p, bool draining)
{
    uint64_t now = ss_now();
    pthread_mutex_lock(&p->lock);
    for (int fd = 0; fd < p->slot_count && draining && !p->draining; fd++) {
        struct request *request = p->slots[fd].parked;
        if (!request)
            continue;
        unpark(p, &p->slots[fd]);
        request->expired = true;
        enqueue(p, request);
    }
    p->draining = draining;
    uint64_t next = p->wake_time;
    if (p->first && p->idle && next > now + LOOK_AGAIN)
        next = now + LOOK_AGAIN; /* should none of them have been woken */
    unlock(p);
    return next == TIMER_NEVER      ? -1
           : next <= now            ? 0
           : next - now > INT32_MAX ? INT32_MAX
                                    : (int)(next - now);
}

static bool close_idle(struct ss_server *self)
{
    struct threadpool *p = state_of(self);
    if (!has_threads(self, p))
        return ss_super(self, &ThreadPoolMixIn)->close_idle(self);
    pthread_mutex_lock(&p->lock);
    struct request *oldest = p->idle_ones.oldest;
    if (oldest) {
        unpark(p, &p->slots[oldest->request.fd]);
        oldest->expired = true;
        enqueue(p, oldest);
    }
    unlock(p);
    return oldest;
}

/* ---------------------------------------------------------------- threads */

static void serve(struct ss_server *self, struct request *request)
{
    const struct ss_class *methods = methods_of(self);
    if (!request->expired) {
        int rc = methods->finish_request(self, &request->request);
        if (rc == SS_PARK && park(state_of(self), request) == 0)
            return;
        request_failed(self, &request->request, rc);
    }
    if (request->known)
        forget_closed(state_of(self), request);
    methods->shutdown_request(self, &request->request);
    ss_request_ended(self);
}

/* The next request to serve, NULL at the end; waits until there is one. */
static struct request *next(struct threadpool *p)
{
    struct poller_event events[BATCH];
    struct request *request;
    pthread_mutex_lock(&p->lock);
    while (!(request = dequeue(p)) && !p->stopping) {
        bool keeps_time = p->untold;
        p->idle++;
        pthread_mutex_unlock(&p->lock);
        int n = poller_wait(p->poller, events, BATCH, keeps_time ? LOOK_AGAIN : -1);
        if (keeps_time)
            close_expired(p, ss_now());
        if (n < 0 && n != -EINTR)
            rest();
        pthread_mutex_lock(&p->lock);
        p->idle--;
        p->woken = false;
        for (int i = 0; i < n; i++)
            claim(p, &events[i]);
    }
    turn_share(p->arrived);
    unlock(p);
    return request;
}

static void *work(void *argument)
{
    struct ss_server *self = argument;
    struct threadpool *p = state_of(self);
    struct request *request;
    struct block_pool pool;
    block_pool_enter(&pool);
    while ((request = next(p)))
        serve(self, request);
    poller_wake(p->poller); /* one after another */
    block_pool_leave(&pool, NULL);
    return NULL;
}

/* As many as there should be, or for now as many as there can be. -EAGAIN: none. */
static int make_threads(struct ss_server *self, struct threadpool *p)
{
    int rc = 0;
    while (rc == 0 && p->count < p->limit)
        if ((rc = -pthread_create(&p->threads[p->count], NULL, work, self)) == 0)
            p->count++;
    return p->count || rc == -EAGAIN ? 0 : rc;
}

static int process_request(struct ss_server *self, struct ss_request *request)
{
    struct threadpool *p = state_of(self);
    struct request *r = container_of(request, struct request, request);
    if (!has_threads(self, p))
        return ss_super(self, &ThreadPoolMixIn)->process_request(self, request);
    if (p->count < p->limit) {
        int rc = make_threads(self, p);
        if (rc < 0 || !p->count)
            return rc < 0 ? rc : -EAGAIN;
    }
    ss_request_started(self);
    r->entry.timer.deadline = ss_now() + (uint64_t)self->request_timeout;
    /* a client that speaks first may as well wait where the parked ones do */
    if (self->defer_accept && !request->datagram && self->request_timeout >= 0 && !ss_draining(self) &&
        park(p, r) == 0)
        return 0;
    pthread_mutex_lock(&p->lock);
    enqueue(p, r);
    unlock(p);
    return 0;
}

/* The one that serves also keeps the time for the parked. */
static int threadpool_poll(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms)
{
    struct threadpool *p = state_of(self);
    const struct ss_class *super = ss_super(self, &ThreadPoolMixIn);
    turn_end();
    if (!has_threads(self, p) || !pthread_equal(p->server_thread, pthread_self()))
        return super->poll(self, fds, count, ms);
    int left = time_left(p, ss_draining(self));
    if (left == 0)
        close_expired(p, ss_now());
    if (count == 0 && ms == 0)
        return super->poll(self, fds, count, ms);
    struct pollfd wake = {.fd = p->wake[0], .events = POLLIN};
    int rc = poll_also(self, super, fds, count, ms, &wake, 1, left);
    if (wake.revents)
        wakeup_take(p->wake);
    if (rc == -EINTR)
        close_expired(p, ss_now());
    return rc;
}

/* ---------------------------------------------------------------- the pool's life */

static unsigned thread_count(const struct ss_server *self)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return self->workers ? self->workers : THREADS_PER_CPU * (unsigned)(cpus < 1 ? 1 : cpus);
}

static int start(struct ss_server *self, struct threadpool *p)
{
    unsigned count = thread_count(self);
    p->last = &p->first;
    p->wake_time = TIMER_NEVER;
    p->wake[0] = p->wake[1] = -1;
    p->forks = self->core->forks;
    p->server_thread = pthread_self();
    pthread_mutex_init(&p->lock, NULL);
    wheel_init(&p->wheel, ss_now());
    int rc = wakeup_open(p->wake);
    if (rc == 0)
        rc = poller_open(&p->poller, POLLER_ONESHOT);
    if (rc == 0 && !(p->threads = calloc(count, sizeof *p->threads)))
        rc = -ENOMEM;
    p->limit = count;
    return rc == 0 ? make_threads(self, p) : rc;
}

static void stop(struct threadpool *p)
{
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_mutex_unlock(&p->lock);
    if (p->count)
        poller_wake(p->poller);
    while (p->count > 0)
        pthread_join(p->threads[--p->count], NULL);
    poller_close(p->poller);
    wakeup_close(p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p->threads);
    free(p->slots);
    memset(p, 0, sizeof *p);
}

static int serve_forever(struct ss_server *self)
{
    struct threadpool *p = state_of(self);
    int rc = start(self, p);
    if (rc == 0)
        rc = ss_super(self, &ThreadPoolMixIn)->serve_forever(self);
    if (rc >= 0 ||
        atomic_load(&self->core->active) == 0) /* else this process ends, whoever still waits in it */
        stop(p);
    return rc;
}

const struct ss_class ss_ThreadPoolMixIn = {
    .name = "ThreadPoolMixIn",
    .base = NULL,
    .state_size = sizeof(struct threadpool),
    .init = init,
    .serve_forever = serve_forever,
    .process_request = process_request,
    .close_idle = close_idle,
    .poll = threadpool_poll,
};
