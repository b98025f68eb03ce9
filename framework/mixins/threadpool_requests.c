/* SPDX-License-Identifier: MIT */
/* ThreadPoolMixIn's requests that no thread runs: the queue of those to be begun, and parked connections. The
   poller tells when one of these has input, the wheel when its time is up. Static functions are called with
   the lock held. */
#include "mixins/threadpool.h"
#include "server/core.h"
#include "server/hall.h"
#include "server/idle.h"
#include "server/mail.h"
#include "server/poller.h"
#include "server/request.h"
#include "server/timer.h"
#include "server/wait.h"
#include "server/wakeup.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- the queue */

void pool_enqueue(struct threadpool *p, struct request *request)
{
    request->entry.next = NULL;
    *p->last = &request->entry;
    p->last = &request->entry.next;
}

/* Not asked for a thread whose handler has waited: it may hold a lock that others wait for. */
bool pool_may_run(const struct threadpool *p)
{
    return p->running < p->limit || p->stopping;
}

struct request *pool_dequeue(struct threadpool *p)
{
    struct entry *entry = p->first;
    if (!entry || !pool_may_run(p))
        return NULL;
    if (!(p->first = entry->next))
        p->last = &p->first;
    return container_of(entry, struct request, entry);
}

/* One thread is woken, which wakes the next one in turn. That happens after the lock was given back, because
   the lock is the first thing that the other thread takes. */
void pool_unlock(struct threadpool *p)
{
    bool wake = p->first && p->idle && !p->woken && pool_may_run(p);
    p->woken |= wake;
    pthread_mutex_unlock(&p->lock);
    if (!wake || poller_wake(p->poller) == 0)
        return;
    pthread_mutex_lock(&p->lock);
    p->woken = false;
    pthread_mutex_unlock(&p->lock);
}

/* ---------------------------------------------------------------- parked connections */

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

/* The poller must be told when a handler has closed the descriptor, or kept it for itself. Otherwise it is
   about to be closed, and leaves the poller by itself. */
static void forget(struct threadpool *p, struct request *request)
{
    struct slot *slot = &p->slots[request->number];
    request->known = false;
    if (slot->owner != request)
        return;
    slot->owner = NULL;
    if (request->request.fd != request->number)
        poller_remove(p->poller, request->number);
}

static int arm(struct threadpool *p, struct request *request, struct slot *slot)
{
    int fd = request->request.fd;
    if (request->known && fd != request->number)
        forget(p, request);
    request->number = fd;
    if (slot->owner && slot->owner != request)
        poller_remove(p->poller, fd); /* its owner has closed it without telling us */
    slot->owner = request;
    slot->tag++;
    int rc = request->known ? poller_want(p->poller, fd, POLLIN, slot->tag)
                            : poller_add(p->poller, fd, POLLIN, slot->tag, false);
    request->known = rc == 0;
    return rc;
}

static int park_locked(struct threadpool *p, struct request *request)
{
    if (p->draining && drain_ends(p->station->server, request->request.fd))
        return -ECANCELED;
    if (p->draining) { /* what has arrived is read first */
        pool_enqueue(p, request);
        return 0;
    }
    struct slot *slot = slot_of(p, request->request.fd);
    if (!slot)
        return -ENOMEM;
    int rc = arm(p, request, slot);
    if (rc < 0)
        return rc;
    if (request->called) { /* a message has come since pool_park asked */
        pool_enqueue(p, request);
        return 0;
    }
    slot->parked = request;
    idle_add(&p->idle_ones, request);
    timer_set(&p->wheel, &request->entry.timer, request->entry.timer.deadline);
    if (request->entry.timer.deadline < p->wake_time) {
        p->wake_time = request->entry.timer.deadline;
        p->untold = wakeup_send(p->wake) < 0;
    }
    return 0;
}

void pool_forget(struct threadpool *p, struct request *request)
{
    pthread_mutex_lock(&p->lock);
    forget(p, request);
    pthread_mutex_unlock(&p->lock);
}

int pool_park(struct threadpool *p, struct request *request)
{
    bool waits = request->box && mail_begin_parking(p->station->server, request);
    pthread_mutex_lock(&p->lock);
    request->called |= waits;
    int rc = park_locked(p, request);
    pool_unlock(p);
    if (rc < 0 && request->box)
        pool_end_wait(p->station->server, request);
    return rc;
}

static void take_parked(struct threadpool *p, struct slot *slot)
{
    timer_remove(&p->wheel, &slot->parked->entry.timer);
    idle_remove(&p->idle_ones, slot->parked);
    slot->parked = NULL;
}

/* ---------------------------------------------------------------- messages for them */

static void arrived_in_pool(struct station *station, struct request *request, void *waiter)
{
    struct threadpool *p = station->context;
    if (waiter) {
        hall_arrived(station, request, waiter);
        return;
    }
    pthread_mutex_lock(&p->lock);
    struct slot *slot = request->request.fd < p->slot_count ? &p->slots[request->request.fd] : NULL;
    if (slot && slot->parked == request) {
        take_parked(p, slot);
        pool_enqueue(p, request);
    } else {
        request->called = true;
    }
    pool_unlock(p);
}

void pool_end_wait(struct ss_server *self, struct request *request)
{
    mail_end_wait(self, request);
    request->called = false;
}

static int poll_station(struct station *station)
{
    const struct threadpool *p = station->context;
    int rc = hall_open_poller(station->server);
    return rc < 0 ? rc : poller_add(p->poller, station->fd, POLLIN, 0, false);
}

int pool_open_station(struct ss_server *self, struct threadpool *p)
{
    p->station = &self->core->hall.station;
    p->station->arrived = arrived_in_pool;
    p->station->context = p;
    p->station->opened = poll_station;
    return p->station->fd >= 0 ? poll_station(p->station) : 0;
}

void pool_close_station(struct threadpool *p)
{
    if (!p->station)
        return;
    p->station->arrived = hall_arrived;
    p->station->opened = NULL;
}

void pool_woken(struct threadpool *p)
{
    wakeup_take_named(p->station->fd);
    (void)poller_want(p->poller, p->station->fd, POLLIN, 0);
    station_deliver(p->station);
}

/* ---------------------------------------------------------------- their input */

void pool_claim(struct threadpool *p, const struct poller_event *event)
{
    struct slot *slot = &p->slots[event->fd];
    struct request *request = slot->tag == event->tag ? slot->parked : NULL;
    if (!request)
        return;
    take_parked(p, slot);
    pool_enqueue(p, request);
}

void pool_close_expired(struct threadpool *p, uint64_t now)
{
    struct timer *timer;
    pthread_mutex_lock(&p->lock);
    while ((timer = wheel_expire(&p->wheel, now))) {
        struct request *request = container_of(timer, struct request, entry.timer);
        take_parked(p, &p->slots[request->request.fd]);
        request->expired = !socket_has_input(request->request.fd);
        pool_enqueue(p, request);
    }
    /* An earlier time may belong to a connection that is busy just now. To wake up then does no harm, and is
       cheaper than to wake the thread for a new time. */
    if (p->wake_time <= now)
        p->wake_time = wheel_next(&p->wheel);
    if (p->untold)
        p->untold = wakeup_send(p->wake) < 0;
    pool_unlock(p);
}

int pool_time_left(struct ss_server *self, struct threadpool *p)
{
    bool draining = ss_draining(self);
    uint64_t now = ss_now();
    pthread_mutex_lock(&p->lock);
    for (int fd = 0; fd < p->slot_count && draining && !p->draining; fd++) {
        struct request *request = p->slots[fd].parked;
        if (!request)
            continue;
        take_parked(p, &p->slots[fd]);
        request->ending = drain_ends(self, fd);
        pool_enqueue(p, request);
    }
    p->draining = draining;
    uint64_t next = p->wake_time;
    if (p->first && p->idle && next > now + LOOK_AGAIN)
        next = now + LOOK_AGAIN; /* in case that waking a thread has failed */
    pool_unlock(p);
    return ms_until(next);
}

bool pool_close_oldest(struct threadpool *p)
{
    pthread_mutex_lock(&p->lock);
    struct request *oldest;
    bool closed = false;
    while (!closed && (oldest = p->idle_ones.oldest)) {
        take_parked(p, &p->slots[oldest->request.fd]);
        oldest->ending = closed = !socket_has_input(oldest->request.fd);
        pool_enqueue(p, oldest);
    }
    pool_unlock(p);
    return closed;
}
