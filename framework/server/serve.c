/* SPDX-License-Identifier: MIT */
/* How a server serves: it takes requests in bursts, and makes room for them. All waits are made through the
   poll method, so this is the same under every mix-in. */
#include "server/serve.h"
#include "memory/arena.h"
#include "server/accept.h"
#include "server/aside.h"
#include "server/clock.h"
#include "server/core.h"
#include "server/idle.h"
#include "server/own_mailbox.h"
#include "server/shortage.h"
#include "server/stop.h"
#include "server/wait.h"
#include "server/wakeup.h"
#include <errno.h>
#include <stdatomic.h>

enum { ACCEPT_BURST = 64 }; /* requests that are taken before others run */
/* After so many wake-ups without a request there is a pause: poll(2) reports something that nobody will take,
   as an entry in a datagram socket's error queue. */
enum { VAIN_WAKES = 16, VAIN_PAUSE = 1 /* ms */ };
enum { ACCEPT_PAUSE = 100 }; /* ms to wait when the process or the machine has no descriptors left */

/* Is the server's socket itself broken? Every other error concerns one client, or passes. */
static bool fatal(int rc)
{
    return rc == -EBADF || rc == -EINVAL || rc == -ENOTSOCK || rc == -EOPNOTSUPP || rc == -EFAULT;
}

/* Until this thread waits again, clients that connect are for another thread or process of the server. */
static void let_others_accept(struct ss_server *self)
{
    (void)methods_of(self)->forget(self, ss_fileno(self), NULL);
}

/* Waits until a request ends, which may free a descriptor, or for a moment. */
static int pause_accepting(struct ss_server *self)
{
    unsigned active = atomic_load(&serving_of(self)->active);
    (void)methods_of(self)->close_idle(self);
    let_others_accept(self);
    int rc = active ? server_wait_active(self, active - 1, ACCEPT_PAUSE, DRAINING) : -EAGAIN;
    if (rc != 0 && rc != -ETIMEDOUT && rc != -ECANCELED)
        rc = ss_sleep(self, ACCEPT_PAUSE);
    idle_enough(self); /* connections that become idle later need not end for this */
    return rc;
}

/* A datagram may have been received already, together with others. */
static bool somebody_waits(const struct serving *serving)
{
    return serving->held > 0 || is_readable(*serving->socket);
}

/* Is there no idle connection in this loop that could make room for a client? */
static bool cannot_make_room(void)
{
    const struct serving *serving = serving_current();
    return serving && !serving->parked.oldest;
}

/* Milliseconds for a wait while the server is full. `turning`: clients are turned away, and more wait. */
static int full_wait(const struct ss_server *self, uint64_t since, bool turning)
{
    uint64_t end = since + (uint64_t)self->full_timeout, now = ss_now();
    if (turning)
        return 0;
    return self->full_timeout >= 0 && now < end && end - now < LOOK_AGAIN ? (int)(end - now) : LOOK_AGAIN;
}

/* Turns clients away when the server has been full for too long. Returns whether more may wait. */
static bool turn_away_some(struct ss_server *self, uint64_t since)
{
    int rc = 0;
    if (self->full_timeout < 0 || self->socket_type == SOCK_DGRAM ||
        ss_now() < since + (uint64_t)self->full_timeout)
        return false;
    for (int i = 0; i < ACCEPT_BURST && rc == 0; i++) {
        struct request *request;
        rc = accept_request(self, &request);
        if (rc == 0 && request)
            turn_request_away(self, request);
    }
    return rc == 0;
}

/* Waits until fewer than max_requests are active; idle connections end when somebody waits. 0; -EAGAIN:
   nobody does; -ECANCELED. */
static int wait_for_room(struct ss_server *self, const struct serving *serving)
{
    unsigned limit = self->max_requests - 1; /* max_requests 0: there is none */
    if (atomic_load(&serving->active) <= limit)
        return 0;
    if (!cannot_make_room() && !somebody_waits(serving))
        return -EAGAIN; /* room could be made, but nobody waits for it */
    let_others_accept(self);
    uint64_t since = ss_now();
    bool turning = false;
    int rc;
    do {
        if (somebody_waits(serving))
            (void)methods_of(self)->close_idle(self);
        rc = server_wait_active(self, limit, clock_left(self, full_wait(self, since, turning)), DRAINING);
        if (rc == -ETIMEDOUT) {
            clock_tick(self);
            turning = turn_away_some(self, since);
        }
    } while (rc == -ETIMEDOUT);
    idle_enough(self);
    return rc;
}

/* As long as connections have some of the reserved descriptors, one has to end before the next one is
   accepted: an idle one, or any other. When none does for a while, no more than half of the reserve is given
   away. 0 if a connection may be accepted now; -EAGAIN: there is none; -EMFILE; -ECANCELED. */
static int make_room(struct ss_server *self)
{
    const struct serving *serving = serving_of(self);
    unsigned active = atomic_load(&serving->active);
    if (atomic_load(&self->core->in_reserve) == 0)
        return 0;
    if (!somebody_waits(serving))
        return -EAGAIN;
    int rc = 0;
    if (!methods_of(self)->close_idle(self)) {
        rc = pause_accepting(self);
    } else if (active > 0) { /* it ends in a moment, perhaps in another thread or process */
        (void)methods_of(self)->poll(self, NULL, 0, 0);
        rc = server_wait_active(self, active - 1, ACCEPT_PAUSE, DRAINING);
    }
    if (rc == -ETIMEDOUT && atomic_load(&self->core->in_reserve) > serving->reserve / 2)
        return -EMFILE;
    return rc == -ECANCELED ? rc : 0;
}

/* Takes the requests that have come, up to a number. 0: there are no more; 1: there may be more; -errno: the
   socket is broken. `vain` counts the calls, one after the other, that have found none. */
static int take_burst(struct ss_server *self, unsigned *vain)
{
    const struct serving *serving = serving_of(self);
    *vain += 1;
    for (int i = 0; i < ACCEPT_BURST; i++) {
        if (ss_draining(self))
            return 1;
        int rc = wait_for_room(self, serving);
        if (rc == 0 && !aside_can_go_on(self))
            rc = make_room(self);
        if (rc == 0)
            rc = take_request(self);
        if (rc >= 0)
            *vain = 0;
        if (rc == -EAGAIN && *vain == 0 && self->core->shared && self->socket_type != SOCK_DGRAM)
            let_others_accept(self);
        if (rc == -EAGAIN || rc == -ECANCELED)
            return 0;
        if (out_of_resources(rc))
            pause_accepting(self);
        else if (fatal(rc))
            return rc;
    }
    (void)methods_of(self)->poll(self, NULL, 0, 0);
    return 1;
}

int base_serve_forever(struct ss_server *self)
{
    int rc = 1;
    unsigned vain = 0;
    struct block_pool pool, *before = block_pool_enter(&pool);
    serving_of(self)->can_put_aside = true;
    idle_open(self);
    own_mailbox_open(self);
    while (rc >= 0 && !ss_draining(self)) {
        if (rc == 0)
            rc = serving_of(self)->held ? 0 : aside_wait(self);
        clock_tick(self);
        if (rc == 0 || rc == 1)
            rc = take_burst(self, &vain);
        else if (rc == -ETIMEDOUT)
            rc = 0;
        if (vain >= VAIN_WAKES)
            (void)ss_sleep(self, VAIN_PAUSE);
    }
    if (rc < 0 && rc != -ECANCELED)
        server_failed(self);
    if (ss_draining(self))
        drain_queue(self);
    if (self->socket_type != SOCK_DGRAM)
        serving_stop_listening(self);
    if (ss_draining(self))
        server_drain(self);
    else /* the server has failed here, and goes on in other processes: the requests here may end */
        (void)server_wait_active(self, 0, self->shutdown_timeout, CANCELED);
    serving_stop_listening(self); /* of datagrams only now: those in progress are answered through it */
    own_mailbox_close(self);
    idle_shut(self);
    block_pool_leave(&pool, before);
    return rc == -ECANCELED || rc >= 0 ? 0 : rc;
}
