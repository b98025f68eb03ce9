/* SPDX-License-Identifier: MIT */
/* What an event loop waits for: a table of descriptors, each registered with the poller once, and the
   tasks and parked requests that wait for them. */
#include "loop/loop.h"
#include "server/core.h"
#include "server/idle.h"
#include "server/mail.h"
#include "server/poller.h"
#include "server/request.h"
#include "server/shortage.h"
#include "server/stepping.h"
#include "server/timer.h"
#include "server/wait.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, ROUNDS = 16 };       /* events taken at a time; how often, before others run */
enum { LASTING = POLLRDHUP | POLLHUP }; /* true for good once told of; an error is not: SO_ERROR takes it */
enum { INPUT = POLLIN | POLLERR | LASTING }; /* events that end parking */

/* ---------------------------------------------------------------- what can run */

void loop_queue(struct loop *loop, struct entry *entry)
{
    entry->next = NULL;
    *loop->tail = entry;
    loop->tail = &entry->next;
    loop->length++;
}

void loop_wake(struct loop *loop, struct task *task)
{
    if (task->queued)
        return;
    task->queued = true;
    loop_queue(loop, &task->entry);
}

/* ---------------------------------------------------------------- descriptors */

static struct known *lengthen(struct loop *loop, int fd)
{
    int count = loop->fd_count ? loop->fd_count : 64;
    while (count <= fd)
        count *= 2;
    struct known *fds = calloc((size_t)count, sizeof *fds); /* what nobody uses yet takes no memory */
    if (!fds)
        return NULL;
    if (loop->fds)
        memcpy(fds, loop->fds, (size_t)loop->fd_count * sizeof *fds);
    free(loop->fds);
    loop->fds = fds;
    loop->fd_count = count;
    return &fds[fd];
}

struct known *loop_known(struct loop *loop, int fd)
{
    return fd >= 0 && fd < loop->fd_count ? &loop->fds[fd] : NULL;
}

static inline struct known *lookup(struct loop *loop, int fd)
{
    return fd < loop->fd_count ? &loop->fds[fd] : lengthen(loop, fd);
}

struct known *loop_lookup(struct loop *loop, int fd)
{
    return lookup(loop, fd);
}

int loop_add(struct loop *loop, int fd, uint32_t tag)
{
    return poller_add(loop->poller, fd, POLLIN | POLLOUT | POLLPRI | POLLRDBAND, tag,
                      fd == *loop->serving->socket && loop->server->socket_type == SOCK_STREAM);
}

int loop_register(struct loop *loop, int fd, struct known *known)
{
    int rc = loop_add(loop, fd, ++known->tag);
    if (rc == -EEXIST) { /* the last owner of the number has not closed it after all */
        poller_remove(loop->poller, fd);
        rc = loop_add(loop, fd, known->tag);
    }
    known->registered = rc == 0;
    return rc;
}

static inline int ensure_registered(struct loop *loop, int fd, struct known *known)
{
    return known->registered ? 0 : loop_register(loop, fd, known);
}

/* Events that were told of so far are forgotten, and those still to come for this registration ignored. */
void loop_unregister(struct loop *loop, int fd, struct known *known)
{
    if (known->registered && !known->owner) /* an owner closes it, which the kernel takes for the same */
        poller_remove(loop->poller, fd);
    known->registered = known->urgent = false;
    known->owner = NULL;
    known->ready = 0;
    known->tag++;
}

/* Some events of poll(2) have two names; programs hardly ever use the second one. */
enum { SECOND_NAMES = POLLRDNORM | POLLWRNORM | POLLWRBAND };

static inline short first_name(short events)
{
    return events & SECOND_NAMES ? poller_both_names(events) & ~SECOND_NAMES : events;
}

/* The events of a descriptor that stay true when somebody has waited for them. */
static inline short lasting(const struct known *known)
{
    return known->stays_readable ? LASTING | POLLIN : LASTING;
}

static short matching(short events, short wanted)
{
    if (events & LASTING)
        events |= POLLIN;
    if (wanted & SECOND_NAMES)
        events = poller_both_names(events);
    return events & (wanted | POLLERR | POLLHUP);
}

static void wake_parked(struct loop *loop, struct known *known)
{
    struct request *request = known->parked;
    known->parked = NULL;
    idle_remove(&loop->serving->parked, request);
    loop_queue(loop, &request->entry);
}

static void call_watch(struct loop *loop, int fd)
{
    for (int i = 0; i < loop->watch_count; i++)
        if (loop->watches[i].fd == fd)
            loop->watches[i].ready(loop->watches[i].argument);
}

static void deliver(struct loop *loop, const struct poller_event *event)
{
    struct known *known = &loop->fds[event->fd];
    short left = event->events;
    if (event->tag != known->tag)
        return;
    known->urgent |= (event->events & POLLPRI) != 0;
    for (struct waiter *w = known->waiters; w; w = w->next) {
        short hit = matching(event->events, w->events);
        if (hit) {
            w->revents |= hit;
            left &= (short)~first_name(hit);
            loop_wake(loop, w->task);
        }
    }
    if (known->parked && (left & INPUT)) {
        wake_parked(loop, known);
        left &= POLLOUT;
    }
    known->ready |= left | (event->events & lasting(known));
    if (known->watched && (event->events & INPUT))
        call_watch(loop, event->fd);
}

void loop_end_parked(struct loop *loop, struct known *known, bool ends)
{
    known->parked->ending = ends;
    wake_parked(loop, known);
}

bool loop_close_oldest(struct loop *loop)
{
    const struct request *oldest;
    bool ends = false;
    while (!ends && (oldest = loop->serving->parked.oldest)) {
        ends = !socket_has_input(oldest->request.fd);
        loop_end_parked(loop, &loop->fds[oldest->request.fd], ends);
    }
    return ends;
}

/* The last read may have ended at an urgent byte. No event tells of input behind it: poll(2) is asked. */
static short untold(const struct known *known, int fd)
{
    struct pollfd now = {.fd = fd, .events = POLLIN};
    return known->urgent && poll(&now, 1, 0) > 0 ? now.revents & POLLIN : 0;
}

/* The timer of a connection that is not parked any more may still run. */
static void expire_parked(struct loop *loop, struct request *request)
{
    struct known *known = loop_known(loop, request->request.fd);
    if (!known || known->parked != request)
        return;
    request->expired = !socket_has_input(request->request.fd);
    wake_parked(loop, known);
}

/* Timers that are due: a task is woken, and finds nothing ready; a parked connection's idle time is over. */
static void expire(struct loop *loop, uint64_t now)
{
    struct timer *timer;
    while ((timer = wheel_expire(&loop->wheel, now))) {
        struct entry *entry = container_of(timer, struct entry, timer);
        if (entry->task)
            loop_wake(loop, entry->task);
        else
            expire_parked(loop, request_of(entry));
    }
}

void loop_drain(void *argument)
{
    struct loop *loop = argument;
    loop->draining = true;
    for (int fd = 0; fd < loop->fd_count; fd++)
        if (loop->fds[fd].parked)
            loop_end_parked(loop, &loop->fds[fd], drain_ends(loop->server, fd));
}

enum { TIDY_TURNS = 1024 }; /* a loop without timers looks at the clock once in so many turns */

/* Without a timer the clock is needed for loop->tidy_time only: then it is not read in each turn. */
static bool minds_time(const struct loop *loop, int ms, int events)
{
    return loop->wait_limit != UINT_MAX &&
           ((events <= 0 && (unsigned)ms >= loop->wait_limit) || loop->serving->turn % TIDY_TURNS == 0);
}

static int take_events(struct loop *loop, int ms)
{
    struct poller_event events[BATCH];
    int n = poller_wait(loop->poller, events, BATCH, ms);
    for (int i = 0; i < n; i++)
        deliver(loop, &events[i]);
    if (n < 0)
        rest();
    return n;
}

/* Where the loop would wait, the step is left. */
static int take_events_in_steps(struct loop *loop, int ms)
{
    uint64_t deadline = ms < 0 ? TIMER_NEVER : ss_now() + (uint64_t)ms;
    int n = take_events(loop, 0), left = ms;
    bool is_over = stepping_is_over(loop->stepping);
    while (n >= 0 && (is_over || (n == 0 && left != 0))) {
        stepping_leave(loop->stepping, NULL, 0, n == 0 ? left : 0);
        is_over = false;
        n = n ? n : take_events(loop, 0);
        left = ms_until(deadline);
    }
    return n;
}

/* After a wait for `ms` milliseconds, which has taken `n` events. What has come before a time was over
   counts, also when it is more than is taken at a time. */
static inline void look_at_time(struct loop *loop, int ms, int n)
{
    loop->now = !wheel_empty(&loop->wheel) || minds_time(loop, ms, n) ? ss_now() : 0;
    if (!loop->now || loop->now < loop->next_timer)
        return;
    for (int round = 1; n >= BATCH - 1 && round < ROUNDS; round++)
        n = take_events(loop, 0);
    expire(loop, loop->now);
}

void loop_look(struct loop *loop, int ms)
{
    look_at_time(loop, ms, take_events(loop, ms));
}

void loop_look_in_steps(struct loop *loop, int ms)
{
    look_at_time(loop, ms, take_events_in_steps(loop, ms));
}

/* Input that comes from now on is among what is ready when it is parked again. */
static void wake_for_message(struct loop *loop, struct known *known)
{
    known->parked->quiet = true;
    wake_parked(loop, known);
}

void loop_unpark(struct loop *loop, const struct request *request)
{
    struct known *known = loop_known(loop, request->request.fd);
    if (known && known->parked == request)
        wake_for_message(loop, known);
}

int loop_park(struct loop *loop, struct request *request)
{
    struct ss_request *r = &request->request;
    if (r->datagram || r->fd < 0 || (loop->draining && drain_ends(loop->server, r->fd)))
        return -ECANCELED;
    if (loop->draining) { /* what has arrived is read first */
        loop_queue(loop, &request->entry);
        return 0;
    }
    struct known *known = lookup(loop, r->fd);
    int rc = known ? ensure_registered(loop, r->fd, known) : -ENOMEM;
    if (rc < 0)
        return rc;
    if ((known->ready | untold(known, r->fd)) & INPUT) {
        known->ready &= POLLOUT | lasting(known);
        loop_queue(loop, &request->entry);
        return 0;
    }
    known->parked = request;
    idle_add(&loop->serving->parked, request);
    timer_set(&loop->wheel, &request->entry.timer, request->entry.timer.deadline);
    if (request->box && mail_begin_parking(loop->server, request))
        wake_for_message(loop, known);
    return 0;
}

/* ---------------------------------------------------------------- a wait */

int loop_collect(struct loop *loop, struct pollfd *fds, nfds_t count)
{
    int ready = 0;
    for (nfds_t i = 0; i < count; i++) {
        fds[i].revents = 0;
        if (fds[i].fd < 0 || fds[i].fd >= loop->fd_count)
            continue;
        struct known *known = &loop->fds[fds[i].fd];
        short hit = matching(known->ready | untold(known, fds[i].fd), fds[i].events);
        if (!hit)
            continue;
        fds[i].revents = hit;
        known->ready &= (short)~(first_name(hit) & ~lasting(known));
        ready++;
    }
    return ready;
}

int loop_begin_wait(struct loop *loop, struct waiter *w, struct pollfd *fd)
{
    *w = (struct waiter){.task = loop->running, .fd = -1, .events = fd->events};
    struct known *known = fd->fd < 0 ? NULL : lookup(loop, fd->fd);
    if (!known)
        return fd->fd < 0 ? 0 : -ENOMEM;
    int rc = ensure_registered(loop, fd->fd, known);
    if (rc == -EPERM)
        w->revents = fd->events & (POLLIN | POLLOUT); /* a file: always ready */
    if (rc < 0)
        return rc == -EPERM ? 1 : rc;
    w->fd = fd->fd;
    w->next = known->waiters;
    if (w->next)
        w->next->previous = w;
    known->waiters = w;
    return 0;
}

void loop_end_wait(struct loop *loop, struct waiter *w)
{
    if (w->fd < 0)
        return;
    struct known *known = &loop->fds[w->fd];
    if (w->next)
        w->next->previous = w->previous;
    if (w->previous)
        w->previous->next = w->next;
    else
        known->waiters = w->next;
    if (!known->waiters && !known->owner && known->registered)
        loop_unregister(loop, w->fd, known);
}
