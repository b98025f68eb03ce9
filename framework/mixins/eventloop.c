/* EventLoopMixIn: a coroutine for each request, on one or several threads with a loop each. */
#include "loop/loop.h"
#include "net/bind.h"
#include "server/core.h"
#include "server/request.h"
#include "server/stop.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static void defaults(struct ss_server *self)
{
    self->max_requests = 16384;
}

static int eventloop_poll(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms)
{
    struct loop *loop = loop_current();
    return loop ? loop_poll(loop, fds, count, ms)
                : ss_super(self, &EventLoopMixIn)->poll(self, fds, count, ms);
}

static int process_request(struct ss_server *self, struct ss_request *request)
{
    struct loop *loop = loop_current();
    struct request *r = container_of(request, struct request, request);
    if (!loop)
        return ss_super(self, &EventLoopMixIn)->process_request(self, request);
    r->counted = true;
    ss_request_started(self);
    loop_begin(loop, r);
    return 0;
}

static void close_request(struct ss_server *self, struct ss_request *request)
{
    struct loop *loop = loop_current();
    struct request *r = container_of(request, struct request, request);
    bool counted = r->counted;
    if (loop)
        loop_forget(loop, r);
    ss_super(self, &EventLoopMixIn)->close_request(self, request);
    if (counted)
        ss_request_ended(self);
}

static bool close_idle(struct ss_server *self)
{
    struct loop *loop = loop_current();
    return loop ? loop_close_oldest(loop) : ss_super(self, &EventLoopMixIn)->close_idle(self);
}

/* ---------------------------------------------------------------- descriptors, and calls that block */

static void adopt(struct ss_server *self, int fd, const void *owner)
{
    struct loop *loop = loop_current();
    if (loop)
        loop_adopt(loop, fd, owner);
    else
        ss_super(self, &EventLoopMixIn)->adopt(self, fd, owner);
}

static bool forget(struct ss_server *self, int fd, const void *owner)
{
    struct loop *loop = loop_current();
    if (!loop)
        return ss_super(self, &EventLoopMixIn)->forget(self, fd, owner);
    if (owner)
        return loop_release(loop, fd, owner);
    loop_ignore(loop, fd);
    return true;
}

static int offload(struct ss_server *self, int (*function)(void *), void *argument)
{
    struct loop *loop = loop_current();
    return loop ? loop_offload(loop, function, argument)
                : ss_super(self, &EventLoopMixIn)->offload(self, function, argument);
}

/* ---------------------------------------------------------------- one loop, or several */

static int serve_with_loop(struct ss_server *self)
{
    struct loop *loop;
    int rc = loop_enter(self, &loop);
    if (rc < 0)
        return rc;
    rc = ss_super(self, &EventLoopMixIn)->serve_forever(self);
    loop_leave(loop);
    return rc;
}

struct worker {
    pthread_t thread;
    struct ss_server server;
    int rc;
};

static void *work(void *argument)
{
    struct worker *w = argument;
    w->rc = serve_with_loop(&w->server);
    if (w->rc < 0)
        server_failed(&w->server);
    return NULL;
}

/* Each loop listens for itself where the kernel spreads connections over several sockets of one port;
   else all wait for the same one. */
static int start_worker(struct ss_server *self, struct worker *w)
{
    int fd, rc = bind_again(self, &fd);
    self->core->shared |= rc < 0;
    if (rc < 0 && (fd = fcntl(self->socket, F_DUPFD_CLOEXEC, 0)) < 0)
        return -errno;
    if ((rc = server_clone(self, fd, &w->server)) < 0) {
        close(fd);
        return rc;
    }
    if ((rc = -pthread_create(&w->thread, NULL, work, w)) < 0)
        server_clone_free(&w->server);
    return rc;
}

static int join_worker(struct worker *w)
{
    pthread_join(w->thread, NULL);
    server_clone_free(&w->server);
    return w->rc;
}

static int serve_forever(struct ss_server *self)
{
    /* the counts and lists of a mix-in to the left belong to one thread */
    bool ours = methods_of(self)->process_request == process_request;
    unsigned count = ours && self->workers > 1 ? self->workers - 1 : 0, started = 0;
    struct worker *workers = count ? calloc(count, sizeof *workers) : NULL;
    int rc = count && !workers ? -ENOMEM : 0;
    while (rc == 0 && started < count)
        if ((rc = start_worker(self, &workers[started])) == 0)
            started++;
    if (rc < 0)
        server_failed(self);
    int own = serve_with_loop(self);
    if (own < 0)
        server_failed(self);
    rc = rc < 0 ? rc : own;
    while (started-- > 0) {
        int theirs = join_worker(&workers[started]);
        rc = rc < 0 ? rc : theirs;
    }
    free(workers);
    return rc;
}

const struct ss_class ss_EventLoopMixIn = {
    .name = "EventLoopMixIn",
    .rank = RANK_RUNS,
    .defaults = defaults,
    .serve_forever = serve_forever,
    .process_request = process_request,
    .close_request = close_request,
    .close_idle = close_idle,
    .poll = eventloop_poll,
    .adopt = adopt,
    .forget = forget,
    .offload = offload,
};
