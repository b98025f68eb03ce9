/* SPDX-License-Identifier: MIT */
/* Handler instances: they are made, set up, run, finished and freed; and the handler classes that all others
   are based on. */
#include "server/handler.h"
#include "memory/arena.h"
#include "server/core.h"
#include "server/mail.h"
#include "server/request.h"
#include "server/stream.h"
#include "server/tasks.h"
#include "server/timer.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

static int nothing(struct ss_handler *h)
{
    (void)h;
    return 0;
}

static void no_finish(struct ss_handler *h)
{
    (void)h;
}

/* Runs an instance from `setup` to `finish`. `why` is for `resume`, if there is one. */
static int run_instance(const struct ss_handler_class *cls, struct ss_handler *h, int why)
{
    int rc = cls->setup(h);
    if (rc < 0) {
        if (h->wfile && !h->wfile->error)
            h->wfile->error = rc; /* so that nothing is sent */
        return rc;
    }
    rc = h->request->resume ? h->request->resume(h, why) : cls->handle(h);
    if (rc > 0 && rc != SS_PARK)
        rc = -EDOM; /* the handler's mistake: it may be a number of bytes */
    if (h->tasks)
        tasks_end(h);
    cls->finish(h);
    return rc;
}

static int send_written(struct ss_handler *h, int rc)
{
    int flushed = h->wfile ? ss_flush(h->wfile) : 0;
    return rc >= 0 && flushed < 0 ? flushed : rc;
}

static void new_instance(struct ss_handler *h, struct ss_server *self, struct ss_request *request,
                         struct ss_arena *arena)
{
    memset(h, 0, self->core->handler.size);
    h->server = self;
    h->request = request;
    h->timeout = self->request_timeout;
    h->write_timeout = self->write_timeout;
    h->min_rate = self->min_rate;
    h->arena = arena;
    (void)ss_client_address(request, &h->client_address);
}

/* When the wait of a parked connection ends. */
static void remember_deadline(struct ss_request *request, int timeout)
{
    struct timer *timer = &container_of(request, struct request, request)->entry.timer;
    timer->deadline = timeout < 0 ? TIMER_NEVER : ss_now() + (uint64_t)timeout;
}

static bool nothing_will_come(const struct ss_request *request, const struct ss_stream *s)
{
    return request->datagram || request->fd < 0 || (s && s->eof && s->rpos == s->rend);
}

/* As ss_peek_now. Without a stream nobody takes the input, so poll(2) tells whether there is some. */
static inline ssize_t look_for_input(const struct ss_request *request, struct ss_stream *s)
{
    const char *data;
    if (s && s->part && s->part == s->rend - s->rpos) /* of this part of a line the handler knows */
        return stream_has_news(s) ? 1 : -EAGAIN;
    if (!s)
        return poll(&(struct pollfd){.fd = request->fd, .events = POLLIN}, 1, 0) > 0 ? 1 : -EAGAIN;
    return ss_peek_now(s, &data, 1);
}

enum { AGAIN = SS_PARK + 1, STAY };

/* Waits for the rest of, say, a record or a line: its first half would be lost with the stream's memory. */
static int wait_for_rest(struct ss_handler *h, struct ss_stream *s)
{
    struct request *request = container_of(h->request, struct request, request);
    h->rfile = h->wfile = s;
    int rc = ss_wait(h, SS_INPUT | SS_MESSAGE | SS_IDLE, h->timeout);
    if (rc > 0 || !h->request->resume)
        return rc > 0 ? AGAIN : rc < 0 ? rc : -ETIMEDOUT;
    request->expired = rc == 0;
    request->ending = rc < 0;
    return AGAIN;
}

/* What becomes of a handler's SS_PARK: SS_PARK; 0: the connection ends, as no input will come, or none has
   come in time; AGAIN: the next instance is to run; or -errno. An event loop learns only of new input, so
   none may be left in the socket or in a stream. */
static int park_or_go_on(struct ss_handler *h, struct ss_stream *s)
{
    if (nothing_will_come(h->request, s))
        return 0;
    h->request->busy = false;
    ssize_t n = look_for_input(h->request, s);
    if (n == -EAGAIN)
        return stream_holds_input(s) ? wait_for_rest(h, s) : SS_PARK;
    if (n == -ETIMEDOUT || n == -ECANCELED) /* a stream that has no read_now has waited */
        return 0;
    int rc = ss_sleep(h->server, 0); /* a client that always has input must not keep others waiting */
    return rc < 0 ? rc : AGAIN;
}

enum { GOOD_BYE = 1000 }; /* ms for what `resume` and the streams still write when a connection ends */

/* Why is `resume` to be called now? False: it is not, because nothing has happened that it could see: half a
   record of a stream below has come, for instance. */
static bool is_resumed(const struct ss_server *self, struct request *request, struct ss_stream *s, int *why)
{
    bool expired = request->expired;
    request->expired = false;
    if (request->ending)
        ss_set_deadline(s, GOOD_BYE);
    /* also when it is ending: input that nobody has taken would reset the connection */
    *why = look_for_input(&request->request, s) == -EAGAIN ? 0 : SS_INPUT;
    *why = request->ending ? -ECANCELED : *why | (mail_waits(self, request) ? SS_MESSAGE : 0);
    return *why || expired;
}

/* (The lowest stream is the socket's, where nobody needs a good-bye besides the end.) */
static bool has_good_bye(const struct ss_stream *s)
{
    while (s && s->below && !s->methods->close)
        s = s->below;
    return s && s->below;
}

/* Does a parked connection end, for which no handler is called? Its streams say good-bye. */
static bool is_ended(const struct ss_request *request)
{
    const struct request *r = container_of(request, const struct request, request);
    return (r->expired || r->ending) && !request->resume;
}

static int prepare_good_bye(struct ss_stream *s)
{
    ss_set_deadline(s, GOOD_BYE);
    return 0;
}

/* What is known of a connection while it is parked. */
static int prepare_to_park(struct ss_handler *h, const struct ss_stream *s)
{
    if (s && s->below)
        container_of(h->request, struct request, request)->has_good_bye = has_good_bye(s);
    remember_deadline(h->request, h->timeout);
    return SS_PARK;
}

/* Runs one instance, and sends what it has written. */
static int run_next(struct ss_handler *h, struct ss_stream *s, int why)
{
    struct ss_mark mark = ss_mark(h);
    h->request->busy = false;
    int rc = run_instance(&h->server->core->handler, h, why);
    if (rc == SS_PARK || h->wfile != s) /* ss_close flushes the stream */
        rc = send_written(h, rc);
    ss_release(h, mark);
    return rc;
}

/* What comes before the next instance of a connection that has a mailbox or a `resume`: 0: it runs; STAY: it
   does not, as the connection stays parked; or -errno. (Not inlined: few have either.) */
__attribute__((noinline)) static int prepare_to_run(struct ss_handler *h, struct ss_stream *s, int *why)
{
    struct request *request = container_of(h->request, struct request, request);
    if (request->box && mail_has_ended(h->server, request))
        return -ENOBUFS;
    return h->request->resume && !is_resumed(h->server, request, s, why) ? STAY : 0;
}

/* Runs the next instance. Returns what comes of that, as park_or_go_on does. */
static int run_and_park(struct ss_handler *h, struct ss_stream *s)
{
    const struct request *request = container_of(h->request, struct request, request);
    bool special = h->request->resume || request->box;
    int why = 0, rc = special ? prepare_to_run(h, s, &why) : 0;
    bool runs = rc == 0;
    if (runs)
        rc = run_next(h, s, why);
    if (rc != SS_PARK && rc != STAY)
        return rc;
    if (special && request->ending)
        return 0;
    rc = park_or_go_on(h, s);
    return rc == SS_PARK && runs ? prepare_to_park(h, s) : rc;
}

/* Runs instance after instance as long as there is input. They have one stream; what an instance has
   allocated is freed when it is finished. */
static int run_instances(struct ss_handler *h, struct ss_server *self, struct ss_request *request,
                         struct ss_arena *arena)
{
    struct ss_stream *stream = NULL;
    int rc;
    do {
        new_instance(h, self, request, arena);
        if (!stream && self->core->has_streams && (rc = methods_of(self)->open_stream(self, h, &stream)) < 0)
            return rc;
        h->rfile = h->wfile = stream;
        rc = is_ended(request) ? prepare_good_bye(stream) : run_and_park(h, stream);
    } while (rc == AGAIN);
    int closed = rc == SS_PARK ? 0 : ss_close(stream);
    /* the other side may have gone: that it does not take the good-bye is no failure */
    return rc >= 0 && closed < 0 && !is_ended(request) ? closed : rc;
}

int handler_finish_request(struct ss_server *self, struct ss_request *request)
{
    _Alignas(max_align_t) char first[ARENA_FIRST];
    struct ss_arena arena;
    arena_begin(&arena, first, sizeof first);
    struct ss_handler *h = arena_alloc(&arena, self->core->handler.size);
    int rc = h ? run_instances(h, self, request, &arena) : -ENOMEM;
    arena_free(&arena);
    return rc;
}

/* ---------------------------------------------------------------- classes */

/* (Handler classes have no names, so the server's class is named.) */
static void refuse_circular_handler(const struct ss_server *self, const struct ss_handler_class *cls)
{
    const struct ss_handler_class *half_as_fast = cls;
    while (cls && cls->base) {
        half_as_fast = half_as_fast->base;
        cls = cls->base->base;
        if (cls && cls == half_as_fast)
            give_up("ss_server_init: the handler class given to %s is based on itself",
                    class_name(self->core->mro[0]));
    }
}

void handler_resolve(struct ss_server *self, const struct ss_handler_class *cls)
{
    const struct ss_handler_class *last =
        self->socket_type == SOCK_DGRAM ? &DatagramRequestHandler : &StreamRequestHandler;
    struct ss_core *core = self->core;
    struct ss_handler_class *all = &core->handler;
    refuse_circular_handler(self, cls);
    *all = *cls;
    core->has_streams = false;
    while (cls) {
        if (!all->setup)
            all->setup = cls->setup;
        if (!all->handle)
            all->handle = cls->handle;
        if (!all->finish)
            all->finish = cls->finish;
        if (all->size < cls->size)
            all->size = cls->size;
        core->has_streams |= cls == &StreamRequestHandler || cls == &DatagramRequestHandler;
        cls = cls->base ? cls->base : cls == &BaseRequestHandler ? NULL : last;
    }
}

const struct ss_handler_class ss_BaseRequestHandler = {
    .size = sizeof(struct ss_handler),
    .setup = nothing,
    .handle = nothing,
    .finish = no_finish,
};

const struct ss_handler_class ss_StreamRequestHandler = {
    .base = &BaseRequestHandler,
    .size = sizeof(struct ss_handler),
    .setup = nothing,
    .handle = nothing,
    .finish = no_finish,
};

const struct ss_handler_class ss_DatagramRequestHandler = {
    .base = &BaseRequestHandler,
    .size = sizeof(struct ss_handler),
    .setup = nothing,
    .handle = nothing,
    .finish = no_finish,
};
