/* SPDX-License-Identifier: MIT */
/* How a server ends: clients that have connected before are served, and requests in progress may end, as long
   as the drain's time lasts. */
#include "server/accept.h"
#include "server/aside.h"
#include "server/core.h"
#include "server/shortage.h"
#include "server/stop.h"
#include "server/wait.h"
#include <errno.h>
#include <stdatomic.h>

enum { ROOM_PAUSE = 100 }; /* ms to wait where nothing but time may help */

static uint64_t end_of_drain(const struct ss_server *self)
{
    int ms = self->shutdown_timeout;
    return ms < 0 ? UINT64_MAX : atomic_load(&self->core->stop->since) + (uint64_t)ms;
}

/* Milliseconds until the drain ends; 0: its time is over. */
static int drain_left(const struct ss_server *self)
{
    uint64_t end = end_of_drain(self), now = ss_now();
    if (now >= end || atomic_load(&self->core->stop->stage) >= CANCELED)
        return 0;
    return end - now > INT32_MAX ? INT32_MAX : (int)(end - now);
}

/* ---------------------------------------------------------------- clients in the kernel's queue */

/* Waits until a request ends or a moment has passed: then there may be a descriptor or memory. */
static void wait_for_resources(struct ss_server *self)
{
    unsigned active = atomic_load(&serving_of(self)->active);
    if (active == 0 || server_wait_active(self, active - 1, ROOM_PAUSE, CANCELED) < 0)
        (void)server_wait(self, -1, 0, ROOM_PAUSE, 0, CANCELED);
}

/* Has a request processed that was taken during the drain. -errno: it is still the caller's. */
static int begin_late(struct ss_server *self, struct request *request)
{
    int left, rc = -ECANCELED;
    request->late = true;
    while ((left = drain_left(self)) > 0) {
        rc = server_wait_active(self, self->max_requests - 1, left, CANCELED);
        if (rc == 0)
            rc = methods_of(self)->process_request(self, &request->request);
        if (rc != -EAGAIN && !out_of_resources(rc))
            break;
        wait_for_resources(self);
    }
    return rc;
}

/* Serves the requests that were put aside, or closes them when there is no time left. */
static void serve_aside(struct ss_server *self)
{
    struct request *request;
    while ((request = aside_next(self)))
        if (begin_late(self, request) < 0)
            methods_of(self)->shutdown_request(self, &request->request);
}

/* Closing the socket resets the clients in its queue, so all are taken before, up to `left`, and put aside.
   Returns why no more are taken: -EAGAIN when there are none. */
static int take_queue(struct ss_server *self, unsigned *left)
{
    struct request *request;
    int rc = 0;
    while (rc >= 0 && *left > 0 && aside_has_room(self)) {
        rc = accept_request(self, &request);
        *left -= rc >= 0;
        if (rc < 0 || !request)
            continue;
        if (request->reserved) /* the reserve is for requests in progress */
            rc = -EMFILE;
        aside_put(self, request);
    }
    return rc;
}

/* Takes no more clients than the queue holds: with those that come meanwhile it might never end. */
void drain_queue(struct ss_server *self)
{
    struct serving *serving = serving_of(self);
    serving->can_put_aside = false;
    unsigned left = (unsigned)self->request_queue_size + 1 + serving->held, before;
    int rc;
    do {
        before = left;
        rc = take_queue(self, &left);
        bool over = left == 0 || (rc < 0 && !out_of_resources(rc));
        if (over && self->socket_type != SOCK_DGRAM)
            serving_stop_listening(self);
        serve_aside(self);
        if (over)
            return;
        if (left == before || atomic_load(&serving->active) > 0)
            wait_for_resources(self);
    } while (drain_left(self) > 0);
}

/* ---------------------------------------------------------------- requests in progress */

void server_drain(struct ss_server *self)
{
    int rc;
    while ((rc = server_wait_active(self, 0, drain_left(self), CANCELED)) < 0 && drain_left(self) > 0)
        if (rc != -ETIMEDOUT)
            rest();
    if (rc == 0)
        return;
    /* Every wait of a handler ends now, so this one ends as soon as the handlers have returned. */
    ss_cancel(self);
    while (server_wait_active(self, 0, INT32_MAX, NEVER) < 0)
        rest();
}
