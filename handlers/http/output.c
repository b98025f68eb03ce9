/* The response's body as a stream over the connection's, framed as the head says. A body of known
   length, and what is too large for the buffer, goes through without being copied here. */
#include "http/response.h"
#include <errno.h>
#include <stdio.h>

enum { BUFFER_SIZE = 8192, SIZE_LINE = 24 };

/* ---------------------------------------------------------------- before there is a head */

static int refuse_write(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    (void)s, (void)vector, (void)count, (void)more;
    return -EINVAL;
}

static const struct ss_stream_class refusing_stream = {
    .name = "http response without head",
    .read = NULL,
    .write = refuse_write,
    .sendfile = NULL,
    .flush = NULL,
    .write_eof = NULL,
    .close = NULL,
};

void http_output_refuse(struct http_exchange *x)
{
    ss_stream_init(&x->wfile, &refusing_stream, x, NULL, 0, NULL, 0);
    x->wfile.server = x->h->server;
    x->h->wfile = &x->wfile;
}

/* ---------------------------------------------------------------- framing */

static size_t total_of(const struct iovec *vector, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += vector[i].iov_len;
    return size;
}

/* Sees to the head, and that the body does not become longer than was promised. 1: go on, 0: nothing
   is to be sent, or -errno. */
static int admit(struct http_exchange *x, size_t size)
{
    struct http_response *r = &x->response;
    enum http_progress progress = size > x->wfile.wsize ? HTTP_WRITING : HTTP_FLUSHED;
    int rc = r->committed ? 0 : http_commit(x, progress, size);
    if (rc < 0)
        return rc;
    if (r->framing == HTTP_COUNTED && size > (uint64_t)(r->length - r->written))
        return -EOVERFLOW;
    r->written += (int64_t)size;
    return size > 0 && !r->headless && r->framing != HTTP_EMPTY;
}

/* One chunk, all in one piece: its size, its data, and their ends. `last`: the body's end too. */
__attribute__((noinline)) static int write_chunk(struct ss_stream *out, const struct iovec *vector, int count,
                                                 bool last)
{
    char line[SIZE_LINE];
    struct iovec all[12], *at = all;
    size_t size = total_of(vector, count);
    if (count > 10) {
        int rc = write_chunk(out, vector, 10, false);
        return rc < 0 ? rc : write_chunk(out, vector + 10, count - 10, last);
    }
    *at++ = (struct iovec){line, (size_t)sprintf(line, "%zx\r\n", size)};
    for (int i = 0; i < count; i++)
        *at++ = vector[i];
    *at++ = last ? (struct iovec){(char[]){"\r\n0\r\n\r\n"}, 7} : (struct iovec){(char[]){"\r\n"}, 2};
    return ss_writev(out, all, (int)(at - all));
}

static int body_write(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    struct http_exchange *x = s->context;
    (void)more; /* the connection's buffer knows better */
    int rc = admit(x, total_of(vector, count));
    if (rc <= 0)
        return rc;
    if (x->response.framing == HTTP_CHUNKED)
        return write_chunk(x->out, vector, count, false);
    return ss_writev(x->out, vector, count);
}

static int body_sendfile(struct ss_stream *s, int fd, off_t offset, size_t size)
{
    struct http_exchange *x = s->context;
    int rc = admit(x, size);
    if (rc <= 0)
        return rc;
    bool chunked = x->response.framing == HTTP_CHUNKED;
    if (chunked && (rc = ss_printf(x->out, "%zx\r\n", size)) < 0)
        return rc;
    rc = ss_sendfile(x->out, fd, offset, size);
    return rc == 0 && chunked ? ss_write(x->out, "\r\n", 2) : rc;
}

static int body_flush(struct ss_stream *s)
{
    struct http_exchange *x = s->context;
    int rc = admit(x, 0);
    return rc < 0 ? rc : ss_flush(x->out);
}

static const struct ss_stream_class body_stream = {
    .name = "http response body",
    .read = NULL,
    .write = body_write,
    .sendfile = body_sendfile,
    .flush = body_flush,
    .write_eof = NULL,
    .close = NULL,
};

/* A body that may turn out to be short, or to be all of the response before it is known what becomes of the
   request's body, waits. A write of more than was promised does not fit, and so is seen. */
static size_t buffer_size(const struct http_exchange *x)
{
    const struct http_response *r = &x->response;
    if (r->framing == HTTP_COUNTED && !r->committed && !http_is_settled(x))
        return r->length < BUFFER_SIZE ? (size_t)r->length : BUFFER_SIZE;
    return r->framing == HTTP_UNDECIDED ? BUFFER_SIZE : 0;
}

int http_output_begin(struct http_exchange *x)
{
    size_t size = buffer_size(x);
    char *buffer = size > 0 ? ss_alloc(x->h, size) : NULL;
    if (size > 0 && !buffer)
        return -ENOMEM;
    ss_stream_init(&x->wfile, &body_stream, x, NULL, 0, buffer, size);
    x->wfile.server = x->h->server;
    x->h->wfile = &x->wfile;
    return x->response.coding != HTTP_IDENTITY ? http_coded_begin(x) : 0;
}

/* What is still in the buffer, and the last chunk. (Apart, as most have nothing left: see stream.c.) */
__attribute__((noinline)) static int write_buffer(struct http_exchange *x, bool chunked)
{
    struct iovec rest = {x->wfile.wbuf, x->wfile.wend};
    x->wfile.wend = 0;
    int rc = admit(x, rest.iov_len);
    if (rc <= 0)
        return rc;
    return chunked ? write_chunk(x->out, &rest, 1, true) : ss_writev(x->out, &rest, 1);
}

static int write_rest(struct http_exchange *x)
{
    bool chunked = x->response.framing == HTTP_CHUNKED && !x->response.headless;
    if (x->wfile.wend)
        return write_buffer(x, chunked);
    return chunked ? ss_write(x->out, "0\r\n\r\n", 5) : 0;
}

int http_output_end(struct http_exchange *x)
{
    const struct http_response *r = &x->response;
    int rc = x->coded ? http_coded_end(x) : 0;
    if (rc == 0)
        rc = x->wfile.error;
    if (rc == 0 && !r->committed)
        rc = http_commit(x, HTTP_FINAL, 0);
    if (rc == 0)
        rc = write_rest(x);
    if (rc == 0 && r->framing == HTTP_COUNTED && !r->headless && r->written != r->length)
        rc = -EPROTO;
    return rc;
}
