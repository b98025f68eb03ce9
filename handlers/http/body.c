/* SPDX-License-Identifier: MIT */
/* The request's body as a stream: it ends where Content-Length or the last chunk say (RFC 9112 6, 7).
   Chunks are read strictly: whoever reads them otherwise sees other requests behind them. */
#include "http/body.h"
#include "text/chars.h"
#include "text/number.h"
#include <errno.h>
#include <string.h>

enum {
    BUFFER_SIZE = 8192,
    LINE_SIZE = 1024,       /* of a chunk's size line or a trailer */
    SIZE_DIGITS = 15,       /* of a chunk's size, hexadecimal */
    MAX_EXTRA = 16 * 1024,  /* chunk extensions and trailers, together */
    SKIP_BYTES = 64 * 1024, /* of a body that the handler has not read */
    SKIP_TIME = 1000,       /* ms for them to come */
    EXPANSION = 16,         /* a handler that answers as it reads writes at most so many bytes for one */
};

static int refuse(struct http_exchange *x, int status, const char *explain)
{
    if (!x->body.refusal.status)
        x->body.refusal = (struct http_refusal){status, explain};
    return status == 413 ? -EMSGSIZE : -EPROTO;
}

/* The client holds the body back until it gets a 100. That is not needed when some of the body has come
   already, and not allowed once the response is on its way (RFC 9110 10.1.1). */
static int send_continue(struct http_exchange *x)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const char *data;
    x->body.expecting = false;
    if (x->response.committed || ss_peek(x->in, &data, 0) > 0)
        return 0;
    int rc = ss_write(x->out, text, sizeof text - 1);
    return rc < 0 ? rc : ss_flush(x->out);
}

/* ---------------------------------------------------------------- chunks */

static size_t skip_blanks(const char *line, size_t at)
{
    return at + strspn(line + at, " \t");
}

static size_t skip_quoted(const char *line, size_t at)
{
    for (at++; line[at] != '"'; at++)
        if (line[at] == 0 || (line[at] == '\\' && line[++at] == 0))
            return 0;
    return at + 1;
}

/* *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ), RFC 9112 7.1.1 */
static bool are_extensions(const char *line, size_t size)
{
    size_t at = 0, n;
    while (at < size) {
        at = skip_blanks(line, at);
        if (line[at] != ';')
            return false;
        at = skip_blanks(line, at + 1);
        if ((n = http_span(line + at, size - at, HTTP_TOKEN)) == 0)
            return false;
        at += n;
        n = skip_blanks(line, at);
        if (line[n] != '=')
            continue;
        at = skip_blanks(line, n + 1);
        n = line[at] == '"' ? skip_quoted(line, at) : at + http_span(line + at, size - at, HTTP_TOKEN);
        if (n <= at)
            return false;
        at = n;
    }
    return true;
}

/* A line between the chunks, its end cut off. Returns its length or -errno. */
static ssize_t read_line(struct http_exchange *x, char line[LINE_SIZE])
{
    ssize_t n = ss_readline(x->in, line, LINE_SIZE);
    if (n < 0)
        return n;
    if (n < 2 || line[n - 1] != '\n' || line[n - 2] != '\r' ||
        http_span(line, (size_t)n - 2, HTTP_VALUE) != (size_t)n - 2)
        return refuse(x, 400, "A chunk of the body is malformed");
    line[n - 2] = 0;
    return n - 2;
}

static int read_size(struct http_exchange *x, int64_t *value)
{
    char line[LINE_SIZE];
    ssize_t size = read_line(x, line);
    if (size < 0)
        return (int)size;
    size_t digits = strspn(line, "0123456789abcdefABCDEF");
    if (digits == 0 || digits > SIZE_DIGITS || !are_extensions(line + digits, (size_t)size - digits))
        return refuse(x, 400, "The size of a chunk is malformed");
    x->body.extra += (size_t)size - digits;
    if (x->body.extra > MAX_EXTRA)
        return refuse(x, 400, "There are too many chunk extensions");
    *value = 0;
    for (size_t i = 0; i < digits; i++)
        *value = *value * 16 + http_hex_digit(line[i]);
    return 0;
}

/* Trailer fields are checked and dropped: nothing that comes so late may change what came before. */
static int read_trailers(struct http_exchange *x)
{
    char line[LINE_SIZE];
    ssize_t n;
    while ((n = read_line(x, line)) > 0) {
        if (!http_is_field_line(line, (size_t)n))
            return refuse(x, 400, "A trailer field is malformed");
        x->body.extra += (size_t)n;
        if (x->body.extra > MAX_EXTRA)
            return refuse(x, 400, "There are too many trailer fields");
    }
    x->body.done = n == 0;
    return (int)n;
}

static int end_chunk(struct http_exchange *x)
{
    char end[2];
    ssize_t n = ss_readexactly(x->in, end, 2);
    if (n < 0)
        return (int)n;
    if (n < 2 || end[0] != '\r' || end[1] != '\n')
        return refuse(x, 400, "A chunk is longer or shorter than its size");
    x->body.chunk_open = false;
    return 0;
}

static int next_chunk(struct http_exchange *x)
{
    int rc = x->body.chunk_open ? end_chunk(x) : 0;
    if (rc < 0 || (rc = read_size(x, &x->body.left)) < 0)
        return rc;
    if (x->body.left == 0)
        return read_trailers(x);
    x->body.total += x->body.left;
    x->body.chunk_open = true;
    return x->body.total > x->cls->table->max_body ? refuse(x, 413, NULL) : 0;
}

/* ---------------------------------------------------------------- the stream */

static ssize_t read_some(struct http_exchange *x, void *data, size_t size)
{
    int rc = x->body.expecting ? send_continue(x) : 0;
    if (rc == 0 && x->body.chunked && x->body.left == 0)
        rc = next_chunk(x);
    if (rc < 0 || x->body.done)
        return rc;
    if ((uint64_t)x->body.left < size)
        size = (size_t)x->body.left;
    ssize_t n = ss_read(x->in, data, size);
    if (n == 0)
        return refuse(x, 400, "The body is shorter than announced");
    if (n > 0) {
        x->body.left -= n;
        x->body.done = !x->body.chunked && x->body.left == 0;
    }
    return n;
}

static ssize_t body_read(struct ss_stream *s, void *data, size_t size)
{
    struct http_exchange *x = s->context;
    if (x->body.done)
        return 0;
    x->body.reading = true;
    ssize_t n = read_some(x, data, size);
    x->body.reading = false;
    if (x->body.done)
        ss_set_owed(x->in, false);
    if (n == -ETIMEDOUT)
        refuse(x, 408, NULL);
    return n;
}

/* A part of a chunk's head makes it wait for the rest. */
static ssize_t body_read_now(struct ss_stream *s, void *data, size_t size)
{
    struct http_exchange *x = s->context;
    const char *there;
    int rc = x->body.expecting && !x->body.done ? send_continue(x) : 0;
    if (rc == 0 && !x->body.done && ss_peek_now(x->in, &there, 1) == -EAGAIN)
        return -EAGAIN;
    return rc < 0 ? rc : body_read(s, data, size);
}

/* ---------------------------------------------------------------- what nobody reads */

bool http_body_is_hopeless(const struct http_exchange *x)
{
    const struct http_body *body = &x->body;
    return !body->done && (body->expecting || body->refusal.status || body->left > SKIP_BYTES);
}

/* While this waits, the response's own output is not flushed, only that of earlier requests. (A function by
   itself: most requests have no body, and need neither the page of stack nor the check of its protector.) */
__attribute__((noinline)) static bool skip_rest(struct http_exchange *x)
{
    struct ss_stream *tied = x->in->tied;
    char data[4096];
    size_t total = 0;
    ssize_t n = 1;
    x->in->tied = NULL;
    ss_set_deadline(x->in, SKIP_TIME);
    while (total < SKIP_BYTES && (n = ss_read(&x->lent->rfile, data, sizeof data)) > 0)
        total += (size_t)n;
    ss_set_deadline(x->in, -1);
    x->in->tied = tied;
    return n == 0;
}

bool http_body_skip(struct http_exchange *x)
{
    return x->body.done || (!http_body_is_hopeless(x) && skip_rest(x));
}

int http_body_inspect(struct ss_handler *h)
{
    struct http_exchange *x = http_exchange_of(h);
    if (x->body.done || x->close || x->response.committed)
        return 0;
    if (!http_body_skip(x))
        x->close = true;
    if (!x->body.chunked)
        return 0;
    switch (x->body.refusal.status) {
    case 400:
        return -EPROTO;
    case 413:
        return -EMSGSIZE;
    default:
        return 0;
    }
}

void http_body_settle(struct http_exchange *x)
{
    if (!x->body.done && !x->close && x->response.framing != HTTP_TUNNEL && !http_body_skip(x))
        x->close = true;
}

/* Bytes of the body that the handler has read. */
static int64_t taken(const struct http_exchange *x)
{
    const struct http_body *body = &x->body;
    int64_t come = body->chunked ? body->total : x->head.request.content_length;
    return come - body->left - (int64_t)(x->lent->rfile.rend - x->lent->rfile.rpos);
}

/* Waits a moment until the rest of the body is in the connection's buffer, where it can be skipped later
   without waiting. Of chunks nobody knows how long the rest is. */
static bool comes_in_time(struct http_exchange *x)
{
    struct ss_stream *tied = x->in->tied;
    const char *data;
    if (x->body.chunked || (uint64_t)x->body.left > x->in->rsize)
        return false;
    x->in->tied = NULL;
    ss_set_deadline(x->in, SKIP_TIME);
    ssize_t n = ss_peek(x->in, &data, (size_t)x->body.left);
    ss_set_deadline(x->in, -1);
    x->in->tied = tied;
    return n >= x->body.left;
}

bool http_body_is_ignored(struct http_exchange *x, int64_t written, bool flushed)
{
    const struct http_body *body = &x->body;
    if (body->done || body->reading)
        return false;
    if (body->expecting || body->refusal.status)
        return true;
    if (flushed)
        return taken(x) == 0 && (body->chunked || body->left > SKIP_BYTES);
    return taken(x) * EXPANSION < written && !comes_in_time(x);
}

static const struct ss_stream_class body_stream = {
    .name = "http request body",
    .read = body_read,
    .read_now = body_read_now,
};

static void open_body(struct http_exchange *x, char *buffer)
{
    ss_stream_init(&x->lent->rfile, &body_stream, x, buffer, buffer ? BUFFER_SIZE : 0, NULL, 0);
    x->lent->rfile.server = x->h->server;
    x->lent->rfile.eof = x->body.done;
    x->h->rfile = &x->lent->rfile;
}

void http_body_end(struct http_exchange *x)
{
    x->body.done = true;
    open_body(x, NULL);
}

int http_body_begin(struct http_exchange *x)
{
    const struct http_request *request = &x->head.request;
    x->body.chunked = request->content_length < 0;
    x->body.left = x->body.chunked ? 0 : request->content_length;
    x->body.done = request->content_length == 0;
    x->body.expecting = x->head.expect_continue && !x->body.done;
    if (x->in->owed || !x->body.done)
        ss_set_owed(x->in, !x->body.done);
    char *buffer = x->body.done ? NULL : ss_alloc(x->h, BUFFER_SIZE);
    if (!buffer && !x->body.done)
        return -ENOMEM;
    open_body(x, buffer);
    return 0;
}
