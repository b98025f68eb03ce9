/* SPDX-License-Identifier: MIT */
/* How a handler waits for several things at once. */
#include "server/core.h"
#include "server/mail.h"
#include "server/serving.h"
#include "server/stream.h"
#include "server/wait.h"
#include <errno.h>

enum { ALL = SS_INPUT | SS_MESSAGE | SS_ROOM | SS_IDLE | SS_REST };
enum { STREAK = 16 }; /* waits in a row that are over at once, until others run */
enum { REST = 1000 }; /* ms of a wait after which memory is given back that is not needed for it */

static struct request *request_of_handler(const struct ss_handler *h)
{
    return container_of(h->request, struct request, request);
}

static bool is_ready(int fd, short events)
{
    return fd >= 0 && poll(&(struct pollfd){.fd = fd, .events = events}, 1, 0) > 0;
}

static bool has_input(const struct ss_handler *h)
{
    if (!h->rfile)
        return is_ready(h->request->fd, POLLIN);
    return stream_has_news(h->rfile) || (!h->rfile->methods->read_now && is_ready(h->rfile->fd, POLLIN));
}

/* What is in the buffer leaves before. */
static bool has_room(const struct ss_handler *h)
{
    if (h->wfile && !h->request->datagram && ss_flush_now(h->wfile) == -EAGAIN)
        return false;
    return is_ready(h->request->fd, POLLOUT);
}

/* What is true now of what is waited for. */
static int look_at(const struct ss_handler *h, int what)
{
    int found = 0;
    if (what & SS_MESSAGE && mail_waits(h->server, request_of_handler(h)))
        found |= SS_MESSAGE;
    if (what & SS_INPUT && has_input(h))
        found |= SS_INPUT;
    if (what & SS_ROOM && has_room(h))
        found |= SS_ROOM;
    return found;
}

static int await_once(const struct ss_handler *h, int what, int ms)
{
    struct request *request = what & SS_MESSAGE ? request_of_handler(h) : NULL;
    short events = (short)((what & SS_INPUT ? POLLIN : 0) | (what & SS_ROOM ? POLLOUT : 0));
    struct pollfd fd = {.fd = events && !h->request->datagram ? h->request->fd : -1, .events = events};
    int rc = server_await(h->server, request && request->box ? &request->request : NULL, &fd, ms,
                          what & SS_IDLE ? DRAINING : CANCELED);
    if (rc > 0 && fd.revents & ~POLLOUT)
        note_poll(); /* so that the stream tries to read again */
    return rc;
}

/* A handler that only looks, again and again, lets others run, too, and learns that it must end. */
static int look_in_vain(const struct ss_handler *h, int what)
{
    int rc = ss_sleep(h->server, 0);
    return rc == 0 && what & SS_IDLE && ss_draining(h->server) ? -ECANCELED : rc;
}

/* Ten thousand handlers may wait so; what they have touched to get there is more than what they hold. Under
   an event loop others run meanwhile, for whom the memory is in the CPU's cache. */
static int await_resting(struct ss_handler *h, int what, int ms)
{
    stream_return(h->rfile, h->arena);
    stream_return(h->wfile, h->arena);
    int rc = await_once(h, what, ms), lent = stream_borrow(h->rfile, h->arena);
    if (lent == 0)
        lent = stream_borrow(h->wfile, h->arena);
    return lent < 0 ? lent : rc;
}

/* In a thread of its own it would be of use to nobody at once. */
static int await_to_rest(struct ss_handler *h, int what)
{
    int rc = await_once(h, what, REST);
    if (rc == 0)
        stream_rest(h->rfile);
    if (rc == 0 && h->wfile != h->rfile)
        stream_rest(h->wfile);
    return rc;
}

static bool is_long(int ms)
{
    return ms < 0 || ms > REST;
}

/* Nothing is true yet of what is waited for. */
static int wait_for(struct ss_handler *h, int what, int ms)
{
    bool loops = serving_current(), rests = what & SS_REST && (loops || is_long(ms));
    uint64_t end = ms < 0 ? UINT64_MAX : ss_now() + (uint64_t)ms;
    int rc = 0, found = 0, left = ms;
    while (found == 0 && left != 0 && rc >= 0) {
        rc = !rests  ? await_once(h, what, left)
             : loops ? await_resting(h, what, left)
                     : await_to_rest(h, what);
        rests = rests && loops;
        found = look_at(h, what);
        left = found ? 0 : ms_until(end);
    }
    return found ? found : rc < 0 ? rc : 0;
}

/* A handler that never has to wait lets others run, and learns here that it must end. */
static int take_turns(const struct ss_handler *h, int found)
{
    static _Thread_local unsigned streak;
    int rc = ++streak % STREAK == 0 ? ss_sleep(h->server, 0) : 0;
    return rc < 0 ? rc : found;
}

/* 0, also when what waits for room has not sent all. */
static int flush_before(const struct ss_handler *h, int what)
{
    if (!h->wfile || h->request->datagram)
        return 0;
    int rc = what & SS_ROOM ? ss_flush_now(h->wfile) : ss_flush(h->wfile);
    return rc == -EBADF || rc == -EAGAIN ? 0 : rc;
}

int ss_wait(struct ss_handler *h, int what, int ms)
{
    if (what & ~ALL)
        return -EINVAL;
    int rc = flush_before(h, what);
    if (rc < 0)
        return rc;
    if (ms == 0)
        note_poll(); /* nobody tells a stream that has been emptied when nobody waits: it looks by itself */
    int found = look_at(h, what);
    rc = found ? found : ms == 0 ? look_in_vain(h, what) : wait_for(h, what, ms);
    if (rc > 0 && what & SS_MESSAGE && mail_has_ended(h->server, request_of_handler(h)))
        return -ENOBUFS;
    return found ? take_turns(h, found) : rc;
}
