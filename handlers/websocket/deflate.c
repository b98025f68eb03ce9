/* SPDX-License-Identifier: MIT */
/* Messages that are compressed (RFC 7692 6, 7.2). */
#include "compress/deflate.h"
#include "websocket/ws.h"
#include <errno.h>
#include <stdlib.h>

enum { WORTH = 1024, WORTH_WITH_CONTEXT = 64 }; /* bytes of a message from which on it is compressed */
enum { LONG = 1 << 16 };                        /* bytes that take so long that others are to run meanwhile */

struct ws_deflate {
    /* of what is sent, and received: it refers to 2^bits bytes back at most, with a context to messages
     * before */
    unsigned char out_bits, in_bits;
    bool out_context, in_context;
    struct http_deflater *deflater; /* Both are there between messages only where these refer to others. */
    struct http_inflater *inflater;
};

struct ws_deflate *ws_deflate_new(const struct ws_terms *terms, bool client)
{
    struct ws_deflate *deflate = calloc(1, sizeof *deflate);
    if (!deflate)
        return NULL;
    deflate->out_bits = client ? terms->client_bits : terms->server_bits;
    deflate->out_context = client ? terms->client_context : terms->server_context;
    deflate->in_bits = client ? terms->server_bits : terms->client_bits;
    deflate->in_context = client ? terms->server_context : terms->client_context;
    return deflate;
}

/* What takes long is called elsewhere, so that others run meanwhile; or not at all, if no thread can. */
static void call(const struct ws *ws, int (*function)(void *), void *data, size_t size)
{
    if (size > LONG && ws->run->server)
        (void)ss_offload(ws->run->server, function, data);
    else
        (void)function(data);
}

void ws_deflate_free(struct ws_deflate *deflate)
{
    if (!deflate)
        return;
    http_deflater_close(deflate->deflater);
    http_inflater_close(deflate->inflater);
    free(deflate);
}

/* ---------------------------------------------------------------- sending */

struct compression {
    struct http_deflater *deflater;
    const char *data;
    char *out;
    size_t size, out_size;
    bool done;
};

static int call_deflater(void *data)
{
    struct compression *c = data;
    c->done = http_deflater_run(c->deflater, c->data, c->size, c->out, c->size, &c->out_size) == 0;
    return 0;
}

char *ws_deflate(struct ws *ws, const void *data, size_t size, size_t *out_size)
{
    struct ws_deflate *d = ws_deflate_of(ws);
    if (!d || size < (d->out_context ? WORTH_WITH_CONTEXT : WORTH) || d->out_bits < HTTP_DEFLATE_MIN_BITS)
        return NULL;
    if (!d->deflater)
        d->deflater = http_deflater_open(d->out_bits);
    struct compression c = {.deflater = d->deflater, .data = data, .size = size, .out = malloc(size)};
    if (c.deflater && c.out)
        call(ws, call_deflater, &c, size);
    if (!d->out_context) {
        http_deflater_close(d->deflater);
        d->deflater = NULL;
    }
    if (c.done) {
        *out_size = c.out_size;
        return c.out;
    }
    free(c.out);
    return NULL;
}

/* ---------------------------------------------------------------- receiving */

struct inflation {
    struct http_inflater *inflater;
    struct http_coder_buffers *b;
    bool last, called;
    int rc;
};

static int call_inflater(void *data)
{
    struct inflation *i = data;
    i->called = true;
    i->rc = http_inflater_run(i->inflater, i->b, i->last);
    return 0;
}

/* Where no thread can help, it is done here. */
int ws_inflate(struct ws *ws, struct http_coder_buffers *b, bool last)
{
    struct ws_deflate *d = ws_deflate_of(ws);
    int bits = d->in_bits > HTTP_DEFLATE_MIN_BITS ? d->in_bits : HTTP_DEFLATE_MIN_BITS;
    if (!d->inflater && !(d->inflater = http_inflater_open(bits)))
        return -ENOMEM;
    struct inflation i = {.inflater = d->inflater, .b = b, .last = last};
    call(ws, call_inflater, &i, b->out_room);
    if (!i.called)
        call_inflater(&i);
    if (i.rc == 1 && !d->in_context) {
        http_inflater_close(d->inflater);
        d->inflater = NULL;
    }
    return i.rc;
}
