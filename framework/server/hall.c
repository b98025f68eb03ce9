/* SPDX-License-Identifier: MIT */
/* Threads that wait for a descriptor or a message, whichever comes first. Their station has one descriptor,
   and a thread that is woken by it for others has to wake them. So one of the threads leads: it waits for its
   own descriptors, for the station, and for a poller that has the descriptors of all others, which sleep. It
   wakes those for whom something has come; and when its own wait is over, another one leads. Where only one
   thread waits, as in a process that serves one request, it leads, and there is no poller. */
#include "server/hall.h"
#include "server/core.h"
#include "server/stop.h"
#include "server/wait.h"
#include "server/wakeup.h"
#include <errno.h>
#include <time.h>

enum { BATCH = 64 };  /* events taken at a time */
enum { MAX_FDS = 4 }; /* that one wait is for; see idle.c and wait.c */
enum { LOOK = 10 };   /* ms; see look_in_a_while */
enum { SHARED, OWN }; /* tags of the poller's descriptors: the server's, and those of threads */

struct hall_waiter {
    struct hall_waiter *next, **link; /* in the list of those that sleep; link NULL: not in it */
    pthread_cond_t wake;
    int fd;
    bool message; /* it is there */
    bool called;  /* to look again */
    bool leads;   /* it waits for the poller, and another thread may deliver messages meanwhile: a pool's */
};

void hall_arrived(struct station *station, struct request *request, void *waiter)
{
    struct hall *hall = &station->server->core->hall;
    struct hall_waiter *w = waiter;
    (void)request;
    if (!w)
        return;
    pthread_mutex_lock(&hall->lock);
    w->message = true;
    pthread_cond_signal(&w->wake);
    if (w->leads)
        (void)poller_wake(hall->poller);
    pthread_mutex_unlock(&hall->lock);
}

void hall_init(struct hall *hall, struct ss_server *self)
{
    station_init(&hall->station, self, hall_arrived);
    pthread_mutex_init(&hall->lock, NULL);
}

void hall_free(struct hall *hall)
{
    station_close(&hall->station);
    poller_close(hall->poller);
    pthread_mutex_destroy(&hall->lock);
}

void hall_forget(struct hall *hall)
{
    struct ss_server *self = hall->station.server;
    station_forget(&hall->station);
    poller_close(hall->poller);
    *hall = (struct hall){.led = false};
    hall_init(hall, self);
}

/* ---------------------------------------------------------------- those that sleep */

static void call(struct hall_waiter *w)
{
    w->called = true;
    pthread_cond_signal(&w->wake);
}

/* All the server's descriptors that end waits: for a shutdown, and for the place of an idle connection. */
static int shared_descriptors(struct ss_server *self, int fds[3])
{
    const struct ss_stop *stop = self->core->stop;
    int count = 0, place = self->core->serving.end_idle[0];
    fds[count++] = stop->drain[0];
    fds[count++] = stop->cancel[0];
    if (place >= 0)
        fds[count++] = place;
    return count;
}

static int open_poller(struct ss_server *self, struct hall *hall)
{
    int fds[3], count = shared_descriptors(self, fds);
    if (hall->poller)
        return 0;
    int rc = poller_open(&hall->poller, POLLER_ONESHOT);
    for (int i = 0; rc == 0 && i < count; i++)
        rc = poller_add(hall->poller, fds[i], POLLIN, SHARED, false);
    if (rc < 0) {
        poller_close(hall->poller);
        hall->poller = NULL;
    }
    return rc;
}

int hall_open_poller(struct ss_server *self)
{
    struct hall *hall = &self->core->hall;
    pthread_mutex_lock(&hall->lock);
    int rc = open_poller(self, hall);
    pthread_mutex_unlock(&hall->lock);
    return rc;
}

/* A descriptor that has told once tells again. */
static int arm_own(const struct hall *hall, const struct hall_waiter *w, const struct pollfd *fds,
                   nfds_t count)
{
    int rc = 0;
    for (nfds_t i = 1; i < count; i++)
        (void)poller_want(hall->poller, fds[i].fd, POLLIN, SHARED);
    if (fds->fd >= 0 && !w->link)
        rc = poller_add(hall->poller, fds->fd, fds->events, OWN, false);
    if (fds->fd >= 0 && (w->link || rc == -EEXIST))
        rc = poller_want(hall->poller, fds->fd, fds->events, OWN);
    return rc;
}

/* The leader sees to it that a thread which sleeps is woken. The first descriptor is the thread's own. 0 or
   -errno. */
static int lie_down(struct ss_server *self, struct hall *hall, struct hall_waiter *w,
                    const struct pollfd *fds, nfds_t count)
{
    int rc = open_poller(self, hall);
    if (rc == 0)
        rc = arm_own(hall, w, fds, count);
    if (rc < 0 || w->link)
        return rc;
    w->fd = fds->fd;
    w->link = &hall->first;
    if ((w->next = hall->first))
        w->next->link = &w->next;
    hall->first = w;
    return 0;
}

static void get_up(struct hall *hall, struct hall_waiter *w)
{
    if (!w->link)
        return;
    if ((*w->link = w->next))
        w->next->link = w->link;
    w->link = NULL;
    if (w->fd >= 0)
        poller_remove(hall->poller, w->fd);
}

/* Until `deadline` (as ss_now counts; UINT64_MAX: no limit). */
static void sleep_until(struct hall *hall, struct hall_waiter *w, uint64_t deadline)
{
    struct timespec end = {.tv_sec = (time_t)(deadline / 1000), .tv_nsec = (long)(deadline % 1000) * 1000000};
    if (deadline == UINT64_MAX)
        pthread_cond_wait(&w->wake, &hall->lock);
    else
        pthread_cond_timedwait(&w->wake, &hall->lock, &end);
}

/* ---------------------------------------------------------------- the one that leads */

static void call_of(struct hall *hall, const struct poller_event *event)
{
    for (struct hall_waiter *w = hall->first; w; w = w->next)
        if (event->tag == SHARED || w->fd == event->fd)
            call(w);
}

static void call_ready(struct hall *hall)
{
    struct poller_event events[BATCH];
    int n = poller_wait(hall->poller, events, BATCH, 0);
    for (int i = 0; i < n; i++)
        call_of(hall, &events[i]);
}

/* One wait of the leader; the lock is given back meanwhile. As a poll method, but -EINTR when something has
   come for others, or for the station. */
static int lead(struct ss_server *self, struct hall *hall, struct hall_waiter *w, struct pollfd *fds,
                nfds_t count, int ms)
{
    struct pollfd all[MAX_FDS + 2];
    int poller = hall->poller ? poller_descriptor(hall->poller) : -1;
    for (nfds_t i = 0; i < count; i++)
        all[i] = fds[i];
    all[count] = (struct pollfd){.fd = hall->station.fd, .events = POLLIN};
    all[count + 1] = (struct pollfd){.fd = poller, .events = POLLIN};
    w->leads = poller >= 0;
    pthread_mutex_unlock(&hall->lock);
    int rc = methods_of(self)->poll(self, all, count + 2, ms), ready = 0;
    pthread_mutex_lock(&hall->lock);
    w->leads = false;
    if (rc > 0 && all[count].revents) {
        pthread_mutex_unlock(&hall->lock);
        wakeup_take_named(hall->station.fd);
        station_deliver(&hall->station);
        pthread_mutex_lock(&hall->lock);
    }
    if (rc > 0 && all[count + 1].revents)
        call_ready(hall);
    for (nfds_t i = 0; i < count; i++)
        ready += (fds[i].revents = rc > 0 ? all[i].revents : 0) != 0;
    return rc > 0 && !ready ? -EINTR : rc > 0 ? ready : rc;
}

/* ---------------------------------------------------------------- a wait */

static int look_now(struct pollfd *fds, nfds_t count)
{
    int rc = poll(fds, count, 0);
    return rc < 0 ? -errno : rc;
}

/* Without a descriptor for a poller, the leader cannot wake the thread for its own descriptors: it looks now
   and then. */
static int look_in_a_while(struct hall *hall, struct pollfd *fds, nfds_t count)
{
    pthread_mutex_unlock(&hall->lock);
    int rc = poll(fds, count, LOOK), error = errno;
    pthread_mutex_lock(&hall->lock);
    return rc < 0 ? -error : rc;
}

/* One thread sleeps, until it is called, or is to lead. As look_now(). */
static int follow(struct ss_server *self, struct hall *hall, struct hall_waiter *w, struct pollfd *fds,
                  nfds_t count, uint64_t deadline)
{
    bool first = !hall->poller;
    int rc = lie_down(self, hall, w, fds, count);
    if (rc < 0)
        return look_in_a_while(hall, fds, count);
    if (first) /* the leader's wait has begun without it */
        (void)wakeup_send_named(hall->station.fd, hall->station.name);
    w->called = false;
    if ((rc = look_now(fds, count)) != 0)
        return rc;
    while (!w->message && !w->called && hall->led && ms_until(deadline) != 0)
        sleep_until(hall, w, deadline);
    return w->called ? look_now(fds, count) : 0;
}

/* With the lock held, until something has come for the caller, or the time is over. */
static int wait_in(struct ss_server *self, struct hall *hall, struct hall_waiter *w, struct pollfd *fds,
                   nfds_t count, uint64_t deadline)
{
    int rc = 0, left;
    while (rc == 0 && !w->message && (left = ms_until(deadline)) != 0) {
        if (hall->led) {
            rc = follow(self, hall, w, fds, count, deadline);
            continue;
        }
        hall->led = true;
        rc = lead(self, hall, w, fds, count, left);
        hall->led = false;
        rc = rc == -EINTR ? 0 : rc;
    }
    return rc;
}

static void waiter_init(struct hall_waiter *w)
{
    pthread_condattr_t attributes;
    *w = (struct hall_waiter){.fd = -1};
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &attributes);
    pthread_condattr_destroy(&attributes);
}

int hall_await(struct ss_server *self, struct ss_request *request, struct pollfd *fds, nfds_t count, int ms)
{
    struct hall *hall = &self->core->hall;
    const struct request *r = container_of(request, struct request, request);
    struct hall_waiter w;
    int rc = 0;
    waiter_init(&w);
    if (!mail_begin_wait(self, r, &w)) {
        uint64_t deadline = ms < 0 ? UINT64_MAX : ss_now() + (uint64_t)ms;
        pthread_mutex_lock(&hall->lock);
        rc = ms == 0 ? look_now(fds, count) : wait_in(self, hall, &w, fds, count, deadline);
        get_up(hall, &w);
        if (!hall->led && hall->first)
            call(hall->first);
        pthread_mutex_unlock(&hall->lock);
        mail_end_wait(self, r);
    }
    pthread_cond_destroy(&w.wake);
    return rc;
}
