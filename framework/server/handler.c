/* The life of a handler instance: made, set up, run, finished, freed; and the handler classes that
   others are based on. */
#include "memory/arena.h"
#include "net/socket.h"
#include "server/core.h"
#include "server/request.h"
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

/* The stream's end of it, whatever setup and finish were overridden by. */
static int end_output(struct ss_handler *h)
{
    struct ss_stream *s = h->wfile;
    if (!s)
        return 0;
    if (!h->request->datagram)
        return ss_flush(s);
    if (s->wend && !s->error)
        s->error = datagram_reply(s, h->request->datagram);
    return s->error;
}

/* One instance, from setup to finish. */
static int run_instance(const struct ss_handler_class *cls, struct ss_handler *h)
{
    int rc = cls->setup(h);
    if (rc < 0)
        return rc;
    rc = cls->handle(h);
    if (rc > 0 && rc != SS_PARK)
        rc = -EDOM; /* a count, perhaps: nobody knows what it was to mean */
    cls->finish(h);
    int ended = end_output(h);
    return rc >= 0 && ended < 0 ? ended : rc;
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

static struct ss_stream *new_stream(struct ss_handler *h)
{
    struct ss_datagram *datagram = h->request->datagram;
    size_t rsize = datagram ? 0 : h->server->buffer_size;
    size_t wsize = datagram ? h->server->max_packet_size : h->server->buffer_size;
    struct ss_stream *s = ss_alloc(h, sizeof *s);
    char *buffers = s ? ss_alloc(h, rsize + wsize) : NULL;
    if (!buffers)
        return NULL;
    ss_stream_init(s, datagram ? &datagram_stream : &socket_stream, NULL, buffers, rsize, buffers + rsize,
                   wsize);
    s->server = h->server;
    s->request = h->request;
    s->fd = h->request->fd;
    if (datagram) { /* all input is there */
        s->rbuf = datagram->data;
        s->rend = s->rsize = datagram->size;
        s->eof = true;
    } else {
        s->is_tcp = h->server->core->is_tcp;
    }
    return s;
}

static void remember_deadline(struct ss_request *request, int timeout)
{
    struct timer *timer = &container_of(request, struct request, request)->entry.timer;
    timer->deadline = timeout < 0 ? TIMER_NEVER : ss_now() + (uint64_t)timeout;
}

/* For streams without a buffer, into which it could be read. 0 at the end, -errno. */
static ssize_t look_at_input(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n < 0 ? -errno : n;
}

/* Before parking: an event loop is told of changes only, and the handler may have left something that
   the kernel has told of already. */
static bool nothing_there(const struct ss_request *request, struct ss_stream *s)
{
    const char *data;
    if (!s)
        return poll(&(struct pollfd){.fd = request->fd, .events = POLLIN}, 1, 0) <= 0;
    if (s->rpos < s->rend)
        return false;
    return stream_drained(s) || (s->rsize ? ss_peek_now(s, &data) : look_at_input(s->fd)) == -EAGAIN;
}

static bool nothing_will_come(const struct ss_request *request, const struct ss_stream *s)
{
    return request->datagram || request->fd < 0 || (s && s->eof && s->rpos == s->rend);
}

enum { AGAIN = SS_PARK + 1 };

/* What a handler's SS_PARK comes to: SS_PARK, 0 when there is no use in waiting, AGAIN when there is input,
   or -ECANCELED. */
static int park_or_go_on(struct ss_handler *h, struct ss_stream *s)
{
    if (nothing_will_come(h->request, s))
        return 0;
    if (nothing_there(h->request, s)) {
        remember_deadline(h->request, h->timeout);
        return SS_PARK;
    }
    int rc = ss_sleep(h->server, 0); /* a client that is never at a loss for input is not alone */
    return rc < 0 ? rc : AGAIN;
}

static bool has_unread_input(const struct ss_stream *s)
{
    return s && (s->rpos < s->rend || (s->unread && look_at_input(s->fd) > 0));
}

/* The stream outlives the instances; what else they allocated goes with each. */
static int run_instances(struct ss_handler *h, struct ss_server *self, struct ss_request *request,
                         struct ss_arena *arena)
{
    struct ss_stream *stream = NULL;
    int rc;
    do {
        new_instance(h, self, request, arena);
        if (!stream && self->core->streams && !(stream = new_stream(h)))
            return -ENOMEM;
        struct ss_mark mark = ss_mark(h);
        request->busy = false;
        h->rfile = h->wfile = stream;
        if (stream) {
            stream->timeout = &h->timeout;
            stream->write_timeout = &h->write_timeout;
            stream->min_rate = &h->min_rate;
        }
        rc = run_instance(&self->core->handler, h);
        ss_release(h, mark);
        if (rc == SS_PARK)
            rc = park_or_go_on(h, stream);
    } while (rc == AGAIN);
    if (rc != SS_PARK && !request->datagram && has_unread_input(stream))
        request->linger = true;
    return rc;
}

int handler_finish_request(struct ss_server *self, struct ss_request *request)
{
    struct ss_arena arena = {0};
    struct ss_handler *h = arena_alloc(&arena, self->core->handler.size);
    int rc = h ? run_instances(h, self, request, &arena) : -ENOMEM;
    arena_free(&arena);
    return rc;
}

const struct ss_handler_class ss_BaseRequestHandler = {
    .base = NULL,
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
