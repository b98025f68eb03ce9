/* SPDX-License-Identifier: MIT */
/* Messages, of one frame or of several (RFC 6455 6.2). */
#include "compress/compress.h"
#include "websocket/ws.h"
#include <errno.h>
#include <stdlib.h>

enum { FIRST_ROOM = 4096 }; /* bytes for a message that has not come as a whole; twice as much each time */

/* ---------------------------------------------------------------- piece by piece */

/* `size` bytes of a payload that is not compressed were unmasked. 1; 0: they are wrong. */
static int took(struct ws *ws, const char *data, size_t size)
{
    struct ws_incoming *in = &ws->run->incoming;
    ws_took(ws, size);
    return ws_take_text(ws, data, size, in->final && !in->left);
}

/* What has come of a message that is compressed, unmasked. Waits for some where all that came before was
   inflated. 1; 0: it has ended; or -errno. */
static int next_input(struct ws *ws, struct http_coder_buffers *b)
{
    struct ws_incoming *in = &ws->run->incoming;
    char *there = ws->run->in->rbuf + ws->run->in->rpos;
    size_t n = in->clear;
    int rc = in->full ? 1 : ws_payload(ws, &there, &n);
    if (rc <= 0)
        return rc;
    ws_mask(there + in->clear, there + in->clear, n - in->clear, in->key, in->at + in->clear);
    in->clear = n;
    b->in = there;
    b->in_size = n;
    return 1;
}

/* Inflates some of it. Returns as ws_inflate; or -EPIPE. */
static int inflate_some(struct ws *ws, struct http_coder_buffers *b)
{
    struct ws_incoming *in = &ws->run->incoming;
    int rc = next_input(ws, b);
    if (rc <= 0)
        return rc < 0 ? rc : -EPIPE;
    rc = ws_inflate(ws, b, in->final && b->in_size == in->left);
    size_t used = in->clear - b->in_size;
    in->full = b->out_room == 0;
    in->clear = b->in_size;
    ws_took(ws, used);
    if (rc == -EPROTO)
        (void)ws_fail(ws, WS_INVALID, "data that is not compressed");
    return rc == -EPROTO ? -EPIPE : rc;
}

static ssize_t read_deflated(struct ws *ws, char *data, size_t size)
{
    struct ws_incoming *in = &ws->run->incoming;
    uint64_t most = ws->run->options.max_message - in->size;
    size = size <= most ? size : (size_t)most + 1; /* one byte more is too many */
    struct http_coder_buffers b = {.out = data, .out_room = size};
    int rc = ws->ended ? -EPIPE : 0;
    while (rc == 0 && size && b.out_room == size)
        rc = inflate_some(ws, &b);
    size_t n = size - b.out_room;
    in->size += n;
    if (rc >= 0 && n > most) {
        (void)ws_fail(ws, WS_TOO_BIG, "the message is too big");
        rc = -EPIPE;
    }
    if (rc >= 0 && ws_take_text(ws, data, n, rc) == 0)
        rc = -EPIPE;
    if (rc < 0)
        return rc;
    in->deflated = rc == 0; /* from its end on it is one that was read */
    if (rc && !n)
        in->type = 0;
    return (ssize_t)n;
}

ssize_t ws_read(struct ws *ws, void *data, size_t size)
{
    struct ws_incoming *in = &ws->run->incoming;
    char *there;
    size_t n;
    if (in->deflated)
        return read_deflated(ws, data, size);
    int rc = ws_payload(ws, &there, &n);
    if (rc <= 0)
        return rc < 0 ? rc : -EPIPE;
    if (!n)
        in->type = 0;
    n = n < size ? n : size;
    if (!n)
        return 0;
    ws_mask(data, there, n, in->key, in->at);
    rc = took(ws, data, n);
    return rc > 0 ? (ssize_t)n : rc < 0 ? rc : -EPIPE;
}

static int skip_rest(struct ws *ws)
{
    char data[4096];
    ssize_t n = 0;
    while (ws->run->incoming.type && (n = ws_read(ws, data, sizeof data)) > 0)
        ;
    return n == -EPIPE ? 0 : n < 0 ? (int)n : 1;
}

static void forget_last(struct ws_run *run)
{
    free(run->whole);
    run->whole = NULL;
}

int ws_next(struct ws *ws, struct ws_message *message)
{
    struct ws_run *run = ws->run;
    forget_last(run);
    int rc = ws->ended ? 0 : skip_rest(ws);
    if (rc > 0 && run->posted) {
        *message = *run->posted;
        run->whole = (char *)run->posted;
        run->posted = NULL;
        return 1;
    }
    if (rc > 0)
        rc = ws_next_frame(ws, message);
    if (rc == 1)
        *message = (struct ws_message){.type = run->incoming.type};
    return rc > 0 ? 1 : rc;
}

/* ---------------------------------------------------------------- as a whole */

/* The message is one frame, all of which is in the input buffer. It is moved over its head: so there is
   room for a NUL behind it. */
static int take_in_place(struct ws *ws, struct ws_message *message)
{
    struct ws_incoming *in = &ws->run->incoming;
    char *from = ws->run->in->rbuf + ws->run->in->rpos, *to = from - 2;
    size_t size = (size_t)in->left;
    ws_mask(to, from, size, in->key, 0);
    to[size] = 0;
    message->data = to;
    message->size = size;
    int rc = size ? took(ws, to, size) : 1;
    in->type = 0;
    return rc;
}

/* Room for one more byte than there is. */
static int room_for_more(struct ws_run *run, size_t size, size_t *room)
{
    if (size + 1 < *room)
        return 0;
    size_t more = *room ? 2 * *room : FIRST_ROOM, most = run->options.max_message;
    if (more - 2 > most)
        more = most + 2; /* for one byte too many, and a NUL */
    char *whole = realloc(run->whole, more);
    if (!whole)
        return -ENOMEM;
    run->whole = whole;
    *room = more;
    return 0;
}

static int gather(struct ws *ws, struct ws_message *message)
{
    struct ws_run *run = ws->run;
    size_t size = 0, room = 0;
    ssize_t n = 1;
    while (n > 0) {
        int rc = room_for_more(run, size, &room);
        if (rc < 0)
            return rc;
        if ((n = ws_read(ws, run->whole + size, room - 1 - size)) > 0)
            size += (size_t)n;
    }
    if (n < 0)
        return n == -EPIPE ? 0 : (int)n;
    run->whole[size] = 0;
    message->data = run->whole;
    message->size = size;
    return 1;
}

int ws_recv(struct ws *ws, struct ws_message *message)
{
    struct ws_run *run = ws->run;
    int rc = ws_next(ws, message);
    if (rc <= 0 || message->type == WS_POSTED)
        return rc;
    bool there =
        run->incoming.final && !run->incoming.deflated && run->incoming.left <= run->in->rend - run->in->rpos;
    return there ? take_in_place(ws, message) : gather(ws, message);
}

static int receive_by(struct ws *ws, struct ws_message *message, uint64_t begins_by)
{
    ws->run->begins_by = begins_by;
    int rc = ws_recv(ws, message);
    ws->run->begins_by = 0; /* so that who gets the message may receive, too */
    return rc;
}

int ws_recv_for(struct ws *ws, struct ws_message *message, int ms)
{
    return receive_by(ws, message, ms < 0 ? 0 : ss_now() + (uint64_t)ms);
}

int ws_recv_or_park(struct ws *ws, struct ws_message *message)
{
    return receive_by(ws, message, WS_PARKS);
}
