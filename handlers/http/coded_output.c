/* SPDX-License-Identifier: MIT */
/* The response's body in a content coding (RFC 9110 8.4), for handlers that have called http_compress: a
   stream that compresses what is written to it, and writes the result to the stream of the body. Short bodies
   stay plain. */
#include "http/coded_output.h"
#include "compress/compress.h"
#include "http/header.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* MINIMUM: bytes of a body that is worth the work. PIECE: bytes compressed before others run. */
enum { MINIMUM = 1024, IN_SIZE = 8192, OUT_SIZE = 16384, PIECE = 65536 };

struct http_coded {
    struct ss_stream stream; /* h->wfile meanwhile */
    const struct http_coder_class *coder;
    void *state; /* NULL: nothing was compressed yet */
    bool plain;  /* the body leaves as it is */
    char in[IN_SIZE], out[OUT_SIZE];
};

/* ---------------------------------------------------------------- negotiation */

int http_compress(struct ss_handler *h)
{
    struct http_exchange *x = http_exchange_of(h);
    struct http_response *r = &x->response;
    struct http_accepted accepted;
    if (!r->status || r->ended)
        return -EINVAL;
    x->negotiated = true;
    if (!http_accepted(&x->head.request, &accepted))
        return 0;
    int coding = http_choose_coding(&accepted, http_codings());
    if (coding > HTTP_IDENTITY && r->status != 206) {
        r->coding = (enum http_coding)coding;
        r->needed = accepted.weight[HTTP_IDENTITY] == 0;
    }
    return 0;
}

void http_compress_as(struct http_exchange *x, enum http_coding coding)
{
    struct http_response *r = &x->response;
    r->coding = coding;
    r->has_coding = r->promised = r->needed = true;
}

/* ---------------------------------------------------------------- work */

struct work {
    struct http_coded *coded;
    struct http_coder_buffers buffers;
    enum http_coder_step step;
};

/* Runs in another thread where there is an event loop: compressing would stop the loop, and needs a large
   stack. */
static int work(void *argument)
{
    struct work *w = argument;
    return w->coded->coder->run(w->coded->state, &w->buffers, w->step);
}

/* Compresses a piece and writes what comes out. */
static int code(struct http_exchange *x, const char *data, size_t size, enum http_coder_step step)
{
    struct work w = {.coded = x->coded, .buffers = {.in = data, .in_size = size}, .step = step};
    int more = 1, rc = 0;
    while (more > 0 && rc == 0) {
        w.buffers.out = x->coded->out;
        w.buffers.out_room = OUT_SIZE;
        more = ss_offload(x->h->server, work, &w);
        if (more >= 0 && w.buffers.out_room < OUT_SIZE)
            rc = ss_write(&x->lent->wfile, x->coded->out, OUT_SIZE - w.buffers.out_room);
    }
    return more < 0 ? more : rc;
}

/* Begins to compress, and adds Content-Encoding to the head, which has not left. False: there is no memory,
   or there are too many bodies being compressed; then the body stays plain, but for a client that refuses
   that this is an error: 503. */
static bool start(struct http_exchange *x)
{
    struct http_coded *c = x->coded;
    bool entered = http_coder_enter();
    if (entered)
        c->state = c->coder->open(HTTP_CODER_FAST, 0);
    if (!c->state) {
        if (entered)
            http_coder_leave();
        c->plain = true;
        if (x->response.needed)
            x->response.error = entered ? -ENOMEM : -EAGAIN;
        return false;
    }
    return x->response.promised ||
           http_add_field(x, "Content-Encoding", http_coding_name(x->response.coding)) == 0;
}

/* ---------------------------------------------------------------- the stream */

static int coded_write(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    struct http_exchange *x = s->context;
    struct http_coded *c = x->coded;
    int rc = 0;
    (void)more;
    if (c->plain || (!c->state && !start(x)))
        return x->response.error ? x->response.error : ss_writev(&x->lent->wfile, vector, count);
    for (int i = 0; i < count && rc == 0; i++) {
        const char *at = vector[i].iov_base;
        for (size_t left = vector[i].iov_len, n; left > 0 && rc == 0; at += n, left -= n) {
            n = left < PIECE ? left : PIECE;
            rc = code(x, at, n, HTTP_CODER_GO);
        }
    }
    return rc;
}

/* Flushing before anything was written sends the head. */
static int coded_flush(struct ss_stream *s)
{
    struct http_exchange *x = s->context;
    struct http_coded *c = x->coded;
    int rc = 0;
    if (!c->plain && !c->state && !start(x))
        rc = x->response.error;
    if (rc == 0 && c->state)
        rc = code(x, NULL, 0, HTTP_CODER_FLUSH);
    return rc < 0 ? rc : ss_flush(&x->lent->wfile);
}

static const struct ss_stream_class coded_stream = {
    .name = "http response body in a content coding",
    .write = coded_write,
    .flush = coded_flush,
};

/* Without memory the body stays plain; but for a client that refuses that, the error sticks. */
static int do_without(struct http_exchange *x)
{
    x->response.coding = HTTP_IDENTITY;
    return x->response.needed ? x->lent->wfile.error = x->response.error = -ENOMEM : 0;
}

int http_coded_begin(struct http_exchange *x)
{
    struct http_coded *c = malloc(sizeof *c);
    if (!c)
        return do_without(x);
    x->coded = c;
    c->coder = http_coder_of(x->response.coding);
    c->state = NULL;
    c->plain = false;
    ss_stream_init(&c->stream, &coded_stream, x, NULL, 0, c->in, IN_SIZE);
    c->stream.server = x->h->server;
    x->h->wfile = &c->stream;
    x->in->tied = &c->stream;
    return 0;
}

/* All of a short body is still in the buffer. */
int http_coded_end(struct http_exchange *x)
{
    struct http_coded *c = x->coded;
    size_t size = c->stream.wend;
    if (c->stream.error)
        return c->stream.error;
    c->stream.wend = 0;
    if (c->plain || (!c->state && (size < MINIMUM || !start(x))))
        return x->response.error ? x->response.error : ss_write(&x->lent->wfile, c->in, size);
    return code(x, c->in, size, HTTP_CODER_END);
}

void http_coded_free(struct http_exchange *x)
{
    struct http_coded *c = x->coded;
    if (c->state) {
        c->coder->close(c->state);
        http_coder_leave();
    }
    x->h->wfile = &x->lent->wfile;
    if (x->in->tied == &c->stream)
        x->in->tied = &x->lent->wfile;
    x->coded = NULL;
    free(c);
}
