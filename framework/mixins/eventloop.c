/* SPDX-License-Identifier: MIT */
/* EventLoopMixIn: a coroutine for each request, on one or several threads with a loop each. */
#include "loop/loop.h"
#include "net/bind.h"
#include "server/core.h"
#include "server/request.h"
#include "server/stop.h"
#include "server/wait.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
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

static int await(struct ss_server *self, struct ss_request *request, struct pollfd *fds, nfds_t count, int ms)
{
    const struct loop *loop = loop_current();
    const struct request *r = container_of(request, struct request, request);
    if (!loop)
        return ss_super(self, &EventLoopMixIn)->await(self, request, fds, count, ms);
    if (mail_begin_wait(self, r, loop->running))
        return 0;
    int rc = eventloop_poll(self, fds, count, ms);
    mail_end_wait(self, r);
    return rc;
}

static int process_request(struct ss_server *self, struct ss_request *request)
{
    struct serving *serving = serving_current();
    struct request *r = container_of(request, struct request, request);
    /* in no loop, or in that of another server, whose handler is what serves here */
    if (!serving || serving->server != self)
        return ss_super(self, &EventLoopMixIn)->process_request(self, request);
    r->counted = true;
    serving_started(serving);
    loop_begin(serving->loop, r);
    return 0;
}

static void close_request(struct ss_server *self, struct ss_request *request)
{
    struct serving *serving = serving_current();
    struct request *r = container_of(request, struct request, request);
    bool counted = r->counted;
    if (serving)
        loop_forget(serving->loop, r);
    ss_super(self, &EventLoopMixIn)->close_request(self, request);
    if (serving && counted)
        serving_ended(serving);
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

static int serve_with_loop(struct serving *serving)
{
    struct ss_server *self = serving->server;
    struct loop *loop;
    int rc = loop_enter(serving, &loop);
    if (rc >= 0) {
        loop_begin_messages(loop);
        rc = ss_super(self, &EventLoopMixIn)->serve_forever(self);
        loop_end_offload(loop);
        loop_end_messages(loop);
        loop_leave(loop);
    }
    if (rc < 0)
        server_failed(self);
    return rc;
}

/* A loop besides that of the thread in which serve_forever was called. */
struct worker {
    pthread_t thread;
    struct serving serving;
    int socket, rc;
    bool started;
    atomic_bool over;
};

static void *run_loop(void *argument)
{
    struct worker *w = argument;
    w->rc = serve_with_loop(&w->serving);
    thread_is_over(w->serving.server, &w->over);
    return NULL;
}

/* Where the kernel spreads connections over several sockets of one port, each loop gets a socket of its own;
   elsewhere all loops accept from the same one. */
static int give_socket(struct ss_server *self, int *fd)
{
    if (bind_again(self, fd) == 0)
        return 0;
    self->core->shared = true;
    *fd = fcntl(self->socket, F_DUPFD_CLOEXEC, 0);
    return *fd < 0 ? -errno : 0;
}

static int prepare_worker(struct ss_server *self, struct worker *w)
{
    int rc = give_socket(self, &w->socket);
    if (rc == 0 && (rc = serving_open(&w->serving, self, &w->socket)) < 0)
        close(w->socket);
    return rc;
}

static int end_worker(struct ss_server *self, struct worker *w)
{
    if (w->started) {
        server_wait_thread(self, &w->over);
        pthread_join(w->thread, NULL);
    }
    if (w->socket >= 0)
        close(w->socket);
    serving_close(&w->serving);
    return w->rc;
}

/* Everything is prepared before the first thread runs, which reads self->core->shared. `prepared`: how many
   of them are to be ended. */
static int start_workers(struct ss_server *self, struct worker *workers, unsigned count, unsigned *prepared)
{
    int rc = 0;
    for (*prepared = 0; rc == 0 && *prepared < count; *prepared += rc == 0)
        rc = prepare_worker(self, &workers[*prepared]);
    for (unsigned i = 0; rc == 0 && i < count; i++) {
        rc = -pthread_create(&workers[i].thread, NULL, run_loop, &workers[i]);
        workers[i].started = rc == 0;
    }
    return rc;
}

static int serve_forever(struct ss_server *self)
{
    /* the counts and lists of a mix-in to the left belong to one thread */
    bool ours = methods_of(self)->process_request == process_request;
    unsigned count = ours && self->workers > 1 ? self->workers - 1 : 0, prepared = 0;
    struct worker *workers = count ? calloc(count, sizeof *workers) : NULL;
    int rc = count && !workers ? -ENOMEM : start_workers(self, workers, count, &prepared);
    if (rc < 0)
        server_failed(self);
    int own = serve_with_loop(&self->core->serving);
    rc = rc < 0 ? rc : own;
    while (prepared-- > 0) {
        int theirs = end_worker(self, &workers[prepared]);
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
    .await = await,
    .adopt = adopt,
    .forget = forget,
    .offload = offload,
};
