/* SPDX-License-Identifier: MIT */
/* The response on its way to the connection. Its head is completed with what HTTP asks for and leaves as late
   as possible, together with the body. The body is a stream over the connection's, framed as the head says;
   when its length is known, or it is too large for the buffer, it is not copied here. */
#include "http/response.h"
#include "http/body.h"
#include "http/coded_output.h"
#include "http/header.h"
#include "http/status.h"
#include "text/chars.h"
#include "text/date.h"
#include "text/number.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { BUFFER_SIZE = 8192, SIZE_LINE = 24, TAIL_SIZE = 160 };

/* How much of the body there is when the head leaves. */
enum progress {
    WRITING, /* more than h->wfile's buffer holds */
    FLUSHED, /* no more than that, and there may be more to come */
    FINAL,   /* all of it is in the buffer */
};

/* ---------------------------------------------------------------- how body and connection end */

/* What RFC 9110 and 9112 6.3 say about a body with this status and method. */
static enum http_framing framing_of(const struct http_exchange *x)
{
    const struct http_response *r = &x->response;
    if (r->status == 101 || (x->head.connects && r->status / 100 == 2))
        return HTTP_TUNNEL;
    if (r->status < 200 || r->status == 204 || r->status == 205 || r->status == 304)
        return HTTP_EMPTY;
    return r->length >= 0 ? HTTP_COUNTED : HTTP_UNDECIDED;
}

/* Without Content-Length a body that is still in its buffer can be counted; others end with a last
   chunk, which HTTP/1.0 does not know, or with the connection. */
static void decide_framing(struct http_exchange *x, bool final)
{
    struct http_response *r = &x->response;
    if (r->framing == HTTP_UNDECIDED && final) {
        r->framing = HTTP_COUNTED;
        if (x->lent->wfile.wend > 0 || !r->headless)
            r->length = (int64_t)x->lent->wfile.wend;
    } else if (r->framing == HTTP_UNDECIDED) {
        r->framing = x->head.request.minor > 0 && r->modern ? HTTP_CHUNKED : HTTP_UNTIL_CLOSE;
    }
    if (r->framing == HTTP_EMPTY && r->status != 304)
        r->length = r->status == 205 ? 0 : -1;
    if (r->framing == HTTP_TUNNEL)
        r->length = -1;
}

/* A function by itself, as few requests have a body that was not read. */
__attribute__((noinline)) static bool leaves_body(struct http_exchange *x, enum progress progress,
                                                  size_t size)
{
    return progress == FINAL
               ? http_body_is_hopeless(x)
               : http_body_is_ignored(x, x->response.written + (int64_t)size, progress == FLUSHED);
}

/* Whether the response must say that the connection is closed behind it. */
static bool must_close(struct http_exchange *x, enum progress progress, size_t size)
{
    const struct http_response *r = &x->response;
    return r->framing == HTTP_UNTIL_CLOSE || r->framing == HTTP_TUNNEL || ss_draining(x->h->server) ||
           (!x->body.done && leaves_body(x, progress, size));
}

/* ---------------------------------------------------------------- the head leaves */

static const struct iovec nothing;

#define APPEND(at, text) ((char *)memcpy(at, text, sizeof(text) - 1) + sizeof(text) - 1)

/* Adds the fields that say what the response depends on (RFC 9110 12.5.5) and how body and connection end,
   and the empty line. */
static int add_tail(struct http_exchange *x)
{
    struct http_response *r = &x->response;
    if (http_head_room(x, TAIL_SIZE) < 0)
        return r->error;
    char *at = r->text + r->size;
    if (x->negotiated)
        at = APPEND(at, "Vary: Accept-Encoding\r\n");
    if (r->length >= 0)
        at = APPEND(http_append_number(APPEND(at, "Content-Length: "), r->length), "\r\n");
    if (r->framing == HTTP_CHUNKED)
        at = APPEND(at, "Transfer-Encoding: chunked\r\n");
    if (x->close && r->modern && !r->has_close && r->framing != HTTP_TUNNEL)
        at = APPEND(at, "Connection: close\r\n");
    else if (!x->close && x->head.request.minor == 0)
        at = APPEND(at, "Connection: keep-alive\r\n");
    r->size = (size_t)(APPEND(at, "\r\n") - r->text);
    return 0;
}

/* Gives the head to the connection, before `size` bytes of the body, and `body` together with it: all of the
   body, or nothing. */
static int commit(struct http_exchange *x, enum progress progress, size_t size, const struct iovec *body)
{
    struct http_response *r = &x->response;
    decide_framing(x, progress == FINAL);
    x->close = x->close || must_close(x, progress, size);
    if (add_tail(x) < 0)
        return r->error;
    r->committed = true;
    r->start = x->out->sent + x->out->wend + r->size;
    return ss_writev(x->out, (struct iovec[]){{r->text, r->size}, *body}, 2);
}

/* ---------------------------------------------------------------- the body leaves */

static size_t total_of(const struct iovec *vector, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += vector[i].iov_len;
    return size;
}

/* Called before `size` bytes of the body are sent: lets the head leave first, and refuses a body without a
   head, or one that is longer than its Content-Length. 1: they are to be sent; 0: they are not; or -errno. */
static int admit(struct http_exchange *x, size_t size)
{
    struct http_response *r = &x->response;
    if (!r->ended)
        return -EINVAL;
    int rc = r->committed ? 0 : commit(x, size > x->lent->wfile.wsize ? WRITING : FLUSHED, size, &nothing);
    if (rc < 0)
        return rc;
    if (r->framing == HTTP_COUNTED && size > (uint64_t)(r->length - r->written))
        return -EOVERFLOW;
    r->written += (int64_t)size;
    return size > 0 && !r->headless && r->framing != HTTP_EMPTY;
}

/* Writes one chunk in one piece: its size, its data and the ends of both. `last`: also the end of the body.
 */
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

static int output_write(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    struct http_exchange *x = s->context;
    (void)more; /* the connection has a buffer of its own */
    int rc = admit(x, total_of(vector, count));
    if (rc <= 0)
        return rc;
    if (x->response.framing == HTTP_CHUNKED)
        return write_chunk(x->out, vector, count, false);
    return ss_writev(x->out, vector, count);
}

static int output_sendfile(struct ss_stream *s, int fd, off_t offset, size_t size)
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

static int output_flush(struct ss_stream *s)
{
    struct http_exchange *x = s->context;
    int rc = x->response.ended ? admit(x, 0) : 0;
    return rc < 0 || !x->response.ended ? rc : ss_flush(x->out);
}

static const struct ss_stream_class output_stream = {
    .name = "http response body",
    .write = output_write,
    .sendfile = output_sendfile,
    .flush = output_flush,
};

/* A body waits in a buffer when its length is not known, since it may be short, and when the unread rest of
   the request's body is to be skipped before the head leaves. A counted one has a buffer of just its length:
   more does not fit, and is refused. */
static size_t buffer_size(const struct http_exchange *x)
{
    const struct http_response *r = &x->response;
    bool settled = (x->body.done || x->close) && !x->head.connects;
    if (r->framing == HTTP_COUNTED && !r->committed && !settled)
        return r->length < BUFFER_SIZE ? (size_t)r->length : BUFFER_SIZE;
    return r->framing == HTTP_UNDECIDED ? BUFFER_SIZE : 0;
}

/* From now on h->wfile takes the body. 0 or -ENOMEM. */
static int begin_body(struct http_exchange *x)
{
    size_t size = buffer_size(x);
    char *buffer = size > 0 ? ss_alloc(x->h, size) : NULL;
    if (size > 0 && !buffer)
        return -ENOMEM;
    x->lent->wfile.error = 0; /* of what was written before there was a head */
    x->lent->wfile.wbuf = buffer;
    x->lent->wfile.wsize = size;
    return x->response.coding != HTTP_IDENTITY ? http_coded_begin(x) : 0;
}

/* A whole body that need not wait, in a buffer or for its coding, leaves together with the head. */
int http_write_body(struct http_exchange *x, const void *body, size_t size)
{
    struct http_response *r = &x->response;
    if (size == 0 || r->framing != HTTP_COUNTED || size != (uint64_t)r->length || r->committed ||
        r->headless || x->lent->wfile.wsize)
        return ss_write(x->h->wfile, body, size);
    r->written = r->length;
    return x->lent->wfile.error = commit(x, WRITING, size, &(struct iovec){(void *)(uintptr_t)body, size});
}

/* Writes what is still in the buffer, and the last chunk. (A function by itself, as most responses have
   nothing there: a vector on the stack costs the check of its protector.) */
__attribute__((noinline)) static int write_buffer(struct http_exchange *x, bool chunked)
{
    struct iovec rest = {x->lent->wfile.wbuf, x->lent->wfile.wend};
    x->lent->wfile.wend = 0;
    int rc = admit(x, rest.iov_len);
    if (rc <= 0)
        return rc;
    return chunked ? write_chunk(x->out, &rest, 1, true) : ss_writev(x->out, &rest, 1);
}

int http_response_finish(struct http_exchange *x)
{
    const struct http_response *r = &x->response;
    int rc = x->coded ? http_coded_end(x) : 0;
    if (rc == 0)
        rc = x->lent->wfile.error;
    if (rc == 0 && !r->committed)
        rc = commit(x, FINAL, 0, &nothing);
    bool chunked = r->framing == HTTP_CHUNKED && !r->headless;
    if (rc == 0 && x->lent->wfile.wend)
        rc = write_buffer(x, chunked);
    else if (rc == 0 && chunked)
        rc = ss_write(x->out, "0\r\n\r\n", 5);
    if (rc == 0 && r->framing == HTTP_COUNTED && !r->headless && r->written != r->length)
        rc = -EPROTO;
    return rc;
}

/* ---------------------------------------------------------------- beginning and ending a head */

void http_response_reset(struct http_exchange *x)
{
    struct http_response *r = &x->response;
    char *text = r->room ? r->text : x->lent->head;
    size_t room = r->room ? r->room : sizeof x->lent->head;
    if (x->coded)
        http_coded_free(x);
    *r = (struct http_response){.length = -1, .text = text, .room = room};
    ss_stream_init(&x->lent->wfile, &output_stream, x, NULL, 0, NULL, 0);
    x->lent->wfile.server = x->h->server;
    x->h->wfile = &x->lent->wfile;
}

/* "200 OK"; NULL for an unknown status. */
static const char *status_text(int status)
{
#define STATUS(code, phrase, explain) \
    case code:                        \
        return #code " " phrase;
    switch (status) {
        HTTP_STATUS_TABLE(STATUS)
    default:
        return NULL;
    }
#undef STATUS
}

const char *http_status_phrase(int status)
{
    const char *text = status_text(status);
    return text ? text + 4 : "";
}

static bool is_value(const char *text)
{
    size_t size = strlen(text);
    return http_value_span(text, size) == size;
}

/* The status line and the usual fields, which an interim response has not. */
static int begin_head(struct http_exchange *x, const char *status, size_t size, bool interim)
{
    struct http_response *r = &x->response;
    const struct http_class *cls = x->cls;
    if (http_head_room(x, 11 + size + cls->server_field_size + HTTP_DATE_FIELD_SIZE) < 0)
        return r->error;
    r->modern = cls->persistent;
    char *at = APPEND(r->text, "HTTP/1.1 ");
    at[-2] = r->modern ? '1' : '0';
    at = APPEND((char *)mempcpy(at, status, size), "\r\n");
    if (!interim) {
        r->server = (struct http_line){(size_t)(at - r->text), cls->server_field_size};
        at = mempcpy(at, cls->server_field, cls->server_field_size);
        r->date = (struct http_line){(size_t)(at - r->text), HTTP_DATE_FIELD_SIZE};
        at = mempcpy(at, http_date_field(), HTTP_DATE_FIELD_SIZE);
    }
    r->size = (size_t)(at - r->text);
    return 0;
}

int http_send_response(struct ss_handler *h, int status, const char *message)
{
    struct http_exchange *x = http_exchange_of(h);
    struct http_response *r = &x->response;
    if (status < 100 || status > 999 || (message && !is_value(message)))
        return -EINVAL;
    if (r->committed)
        return -EALREADY;
    if (r->status || r->error)
        http_response_reset(x);
    const char *text = message ? NULL : status_text(status);
    if (!text && !(text = ss_format(h, "%d %s", status, message ? message : "")))
        return r->error = -ENOMEM;
    if (begin_head(x, text, strlen(text), status < 200 && status != 101) < 0)
        return r->error;
    r->status = status;
    return 0;
}

/* An interim response leaves at once, and another response follows. A client of HTTP/1.0 knows none, and gets
   none. */
static int send_interim(struct http_exchange *x)
{
    struct http_response *r = &x->response;
    int rc = 0;
    if (x->head.request.minor > 0) {
        x->body.expecting &= r->status != 100;
        rc = ss_writev(x->out, (struct iovec[]){{r->text, r->size}, {(char[]){"\r\n"}, 2}}, 2);
        if (rc == 0)
            rc = ss_flush(x->out);
    }
    http_response_reset(x);
    return rc;
}

int http_end_headers(struct ss_handler *h)
{
    struct http_exchange *x = http_exchange_of(h);
    struct http_response *r = &x->response;
    if (!r->status || r->ended)
        return r->error ? r->error : -EINVAL;
    if (r->status < 200 && r->status != 101)
        return send_interim(x);
    if (r->status == 101 && !x->upgraded)
        return -EINVAL;
    if (r->status >= 400)
        http_add_error_fields(x);
    r->ended = true;
    r->headless = *x->head.request.command == 'H' && strcmp(x->head.request.command, "HEAD") == 0;
    r->framing = framing_of(x);
    if ((r->has_coding && !r->promised) || r->framing == HTTP_EMPTY || r->framing == HTTP_TUNNEL)
        r->coding = HTTP_IDENTITY;
    if (r->coding != HTTP_IDENTITY) {
        r->length = -1; /* the plain body's length */
        r->framing = HTTP_UNDECIDED;
    }
    if (!r->has_allow && r->status == 405) /* RFC 9110 15.5.6 */
        http_add_field(x, "Allow", x->cls->allow);
    return r->error ? r->error : begin_body(x);
}

int http_reply(struct ss_handler *h, int status, const char *type, const void *body, size_t size)
{
    struct http_exchange *x = http_exchange_of(h);
    int rc = http_send_response(h, status, NULL);
    if (rc < 0)
        return rc; /* another response's head may have left, with a length of its own */
    x->response.length = (int64_t)size;
    rc = http_send_header(h, "Content-Type", type);
    if (rc == 0)
        rc = http_end_headers(h);
    return rc < 0 ? rc : http_write_body(x, body, size);
}
