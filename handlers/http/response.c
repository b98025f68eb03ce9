/* The response's head: collected, completed with what HTTP asks for, and given to the connection as
   late as possible, so that it leaves together with the body. */
#include "http/response.h"
#include "http/body.h"
#include "http/error.h"
#include "text/chars.h"
#include "text/date.h"
#include "text/number.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FIRST_ROOM = 1024, TAIL_SIZE = 128 };

static const char vary[] = "Vary: Accept-Encoding\r\n";

void http_response_reset(struct http_exchange *x)
{
    struct http_response *r = &x->response;
    char *text = r->text;
    size_t room = r->room;
    http_coded_free(x);
    *r = (struct http_response){.length = -1, .text = text, .room = room};
    http_output_refuse(x);
}

/* ---------------------------------------------------------------- collecting */

static int grow(struct http_exchange *x, struct http_response *r, size_t size)
{
    size_t room = r->room ? r->room : FIRST_ROOM;
    while (room - r->size < size)
        room *= 2;
    char *text = ss_alloc(x->h, room);
    if (!text)
        return r->error = -ENOMEM;
    if (r->size)
        memcpy(text, r->text, r->size);
    r->text = text;
    r->room = room;
    return 0;
}

static inline int make_room(struct http_exchange *x, struct http_response *r, size_t size)
{
    return r->room - r->size < size || !r->room ? grow(x, r, size) : 0;
}

static inline void put(struct http_response *r, const char *text, size_t size)
{
    memcpy(r->text + r->size, text, size);
    r->size += size;
}

static int add_field(struct http_exchange *x, const char *name, size_t name_size, const char *value,
                     size_t size)
{
    struct http_response *r = &x->response;
    if (make_room(x, r, name_size + size + 4) < 0)
        return r->error;
    put(r, name, name_size);
    put(r, ": ", 2);
    put(r, value, size);
    put(r, "\r\n", 2);
    return 0;
}

/* The status line, its end left out; there is room for it. */
static void put_status(struct http_response *r, bool persistent, int status, const char *phrase, size_t size)
{
    char line[13] = "HTTP/1.0 000 ";
    line[7] = persistent ? '1' : '0';
    line[9] = (char)('0' + status / 100);
    line[10] = (char)('0' + status / 10 % 10);
    line[11] = (char)('0' + status % 10);
    put(r, line, sizeof line);
    put(r, phrase, size);
}

int http_send_response(struct ss_handler *h, int status, const char *message)
{
    struct http_exchange *x = http_exchange_of(h);
    struct http_response *r = &x->response;
    const char *phrase = message ? message : http_status_phrase(status);
    size_t size = strlen(phrase);
    if (status < 100 || status > 999 || (message && http_span(message, size, HTTP_VALUE) != size))
        return -EINVAL;
    if (r->committed)
        return -EALREADY;
    if (r->size || r->error)
        http_response_reset(x);
    if (make_room(x, r, size + 15) < 0)
        return r->error;
    put_status(r, x->cls->persistent, status, phrase, size);
    put(r, "\r\n", 2);
    r->line = r->size;
    r->status = status;
    return 0;
}

/* "close" and "keep-alive" are for http_commit to say; other options pass. */
static bool take_connection(struct http_exchange *x, const char *value)
{
    if (http_list_has(value, "close"))
        x->close = true;
    if (strcasecmp(value, "close") == 0 || strcasecmp(value, "keep-alive") == 0)
        return true;
    x->response.has_close |= http_list_has(value, "close");
    return false;
}

static int take_length(struct http_response *r, const char *value)
{
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || digits > 18 || value[digits] || r->length >= 0)
        return -EINVAL;
    r->length = strtoll(value, NULL, 10);
    return 0;
}

/* Fields that http_commit makes or must know about. 1: not to be added, 0: to be added, -EINVAL. */
static int take_special(struct http_exchange *x, const char *name, size_t size, const char *value)
{
    struct http_response *r = &x->response;
    if (size == 4 && strcasecmp(name, "Date") == 0)
        r->has_date = true;
    else if (size == 5 && strcasecmp(name, "Allow") == 0)
        r->has_allow = true;
    else if (size == 6 && strcasecmp(name, "Server") == 0)
        r->has_server = true;
    else if (size == 10 && strcasecmp(name, "Connection") == 0)
        return take_connection(x, value);
    else if (size == 14 && strcasecmp(name, "Content-Length") == 0)
        return take_length(r, value) < 0 ? -EINVAL : 1;
    else if (size == 16 && strcasecmp(name, "Content-Encoding") == 0)
        r->has_coding = true;
    else if (size == 17 && strcasecmp(name, "Transfer-Encoding") == 0)
        return -EINVAL;
    return 0;
}

int http_send_header(struct ss_handler *h, const char *name, const char *value)
{
    struct http_exchange *x = http_exchange_of(h);
    size_t name_size = strlen(name), size = strlen(value);
    if (!http_is_token(name, name_size) || http_span(value, size, HTTP_VALUE) != size)
        return -EINVAL;
    if (!x->response.status || x->response.ended)
        return -EINVAL;
    int rc = take_special(x, name, name_size, value);
    return rc == 0 ? add_field(x, name, name_size, value, size) : rc < 0 ? rc : 0;
}

/* Ready-made lines. */
static int append(struct http_exchange *x, const char *lines, size_t size)
{
    struct http_response *r = &x->response;
    if (make_room(x, r, size) < 0)
        return r->error;
    put(r, lines, size);
    return 0;
}

int http_append_field(struct http_exchange *x, const char *name, const char *value)
{
    return add_field(x, name, strlen(name), value, strlen(value));
}

int http_send_fields(struct http_exchange *x, const char *text, size_t size, int64_t length)
{
    struct http_response *r = &x->response;
    if (!r->status || r->ended || r->length >= 0)
        return -EINVAL;
    r->length = length;
    return append(x, text, size);
}

int http_send_headerf(struct ss_handler *h, const char *name, const char *format, ...)
{
    char small[256], *text = small;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, format, args);
    if (n >= (int)sizeof small && (text = ss_alloc(h, (size_t)n + 1)))
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    return n < 0 ? -EINVAL : text ? http_send_header(h, name, text) : -ENOMEM;
}

/* ---------------------------------------------------------------- completing */

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

/* An interim response: leaves at once, and another one follows. HTTP/1.0 has none. */
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
    if (r->status >= 400)
        http_send_error_headers(x);
    r->ended = true;
    r->headless = http_is_head(x);
    r->framing = framing_of(x);
    if ((r->has_coding && !r->promised) || r->framing == HTTP_EMPTY || r->framing == HTTP_TUNNEL)
        r->coding = HTTP_IDENTITY;
    if (r->coding != HTTP_IDENTITY) {
        r->length = -1; /* that of the body before it is coded */
        r->framing = HTTP_UNDECIDED;
    }
    if (!r->has_allow && r->status == 405) /* RFC 9110 15.5.6 */
        add_field(x, "Allow", 5, x->cls->allow, strlen(x->cls->allow));
    if (x->negotiated) /* RFC 9110 12.5.5 */
        append(x, vary, sizeof vary - 1);
    return r->error ? r->error : http_output_begin(x);
}

/* Without Content-Length a body that is still in its buffer can be counted; others end with a last
   chunk, which HTTP/1.0 does not know, or with the connection. */
static void decide_framing(struct http_exchange *x, bool final)
{
    struct http_response *r = &x->response;
    if (r->framing == HTTP_UNDECIDED && final) {
        r->framing = HTTP_COUNTED;
        if (x->wfile.wend > 0 || !r->headless)
            r->length = (int64_t)x->wfile.wend;
    } else if (r->framing == HTTP_UNDECIDED) {
        r->framing = x->head.request.minor > 0 && x->cls->persistent ? HTTP_CHUNKED : HTTP_UNTIL_CLOSE;
    }
    if (r->framing == HTTP_EMPTY && r->status != 304)
        r->length = r->status == 205 ? 0 : -1;
    if (r->framing == HTTP_TUNNEL)
        r->length = -1;
}

#define APPEND(at, text) ((char *)memcpy(at, text, sizeof(text) - 1) + sizeof(text) - 1)

/* The fields that say how the body and the connection end, and the empty line. */
static size_t make_tail(const struct http_exchange *x, char tail[TAIL_SIZE])
{
    const struct http_response *r = &x->response;
    char *at = tail;
    if (r->length >= 0)
        at = APPEND(http_append_number(APPEND(at, "Content-Length: "), r->length), "\r\n");
    if (r->framing == HTTP_CHUNKED)
        at = APPEND(at, "Transfer-Encoding: chunked\r\n");
    if (x->close && x->cls->persistent && !r->has_close && r->framing != HTTP_TUNNEL)
        at = APPEND(at, "Connection: close\r\n");
    else if (!x->close && x->head.request.minor == 0)
        at = APPEND(at, "Connection: keep-alive\r\n");
    return (size_t)(APPEND(at, "\r\n") - tail);
}

/* Apart, as few requests have a body that is left. */
__attribute__((noinline)) static bool leaves_body(struct http_exchange *x, enum http_progress progress,
                                                  size_t size)
{
    return progress == HTTP_FINAL
               ? http_body_is_hopeless(x)
               : http_body_is_ignored(x, x->response.written + (int64_t)size, progress == HTTP_FLUSHED);
}

/* A client that learns it now need not be cut off later. */
static bool must_close(struct http_exchange *x, enum http_progress progress, size_t size)
{
    const struct http_response *r = &x->response;
    return r->framing == HTTP_UNTIL_CLOSE || r->framing == HTTP_TUNNEL || ss_draining(x->h->server) ||
           (!x->body.done && leaves_body(x, progress, size));
}

static struct iovec piece(const char *text, size_t size)
{
    return (struct iovec){(char *)(uintptr_t)text, size};
}

static int commit(struct http_exchange *x, const struct iovec *pieces, int count)
{
    int rc = ss_writev(x->out, pieces, count);
    x->response.committed = true;
    x->response.start = x->out->sent + x->out->wend;
    return rc;
}

int http_commit(struct http_exchange *x, enum http_progress progress, size_t size)
{
    struct http_response *r = &x->response;
    char tail[TAIL_SIZE];
    decide_framing(x, progress == HTTP_FINAL);
    x->close = x->close || must_close(x, progress, size);
    struct iovec pieces[] = {
        piece(r->text, r->line),
        piece(x->cls->server_field, r->has_server ? 0 : x->cls->server_field_size),
        piece(http_date_field(), r->has_date ? 0 : HTTP_DATE_FIELD_SIZE),
        piece(r->text + r->line, r->size - r->line),
        {tail, make_tail(x, tail)},
    };
    return commit(x, pieces, 5);
}

int http_send_ok(struct http_exchange *x, const struct iovec *fields, int count, const void *body,
                 size_t size)
{
    struct http_response *r = &x->response;
    struct iovec pieces[HTTP_OK_FIELDS + 4], *at = pieces;
    char tail[TAIL_SIZE];
    assert(count <= HTTP_OK_FIELDS);
    if (r->committed)
        return -EALREADY;
    if (r->size || r->error)
        http_response_reset(x);
    r->status = 200;
    r->ended = true;
    r->headless = http_is_head(x);
    r->framing = HTTP_COUNTED;
    x->close = x->close || must_close(x, HTTP_FINAL, size);
    *at++ = piece(x->cls->ok, x->cls->ok_size);
    *at++ = piece(http_date_field(), HTTP_DATE_FIELD_SIZE);
    while (count-- > 0)
        *at++ = *fields++;
    if (x->negotiated)
        *at++ = piece(vary, sizeof vary - 1);
    *at++ = (struct iovec){tail, make_tail(x, tail)};
    int rc = commit(x, pieces, (int)(at - pieces));
    r->length = (int64_t)size; /* not before: make_tail is not to say it again */
    if (rc == 0)
        rc = http_output_begin(x);
    if (rc < 0 || r->headless)
        return rc;
    r->written = r->length;
    return ss_write(x->out, body, size);
}

/* ---------------------------------------------------------------- for handlers */

int http_reply(struct ss_handler *h, int status, const char *type, const void *body, size_t size)
{
    struct http_exchange *x = http_exchange_of(h);
    size_t type_size = strlen(type);
    if (status == 200 && http_is_settled(x) && http_value_span(type, type_size) == type_size) {
        char number[20];
        struct iovec fields[] = {piece("Content-Type: ", 14),
                                 piece(type, type_size),
                                 piece("\r\nContent-Length: ", 18),
                                 {number, (size_t)(http_append_number(number, (int64_t)size) - number)},
                                 piece("\r\n", 2)};
        return http_send_ok(x, fields, 5, body, size);
    }
    int rc = http_send_response(h, status, NULL);
    if (rc == 0)
        rc = http_send_header(h, "Content-Type", type);
    x->response.length = (int64_t)size;
    if (rc == 0)
        rc = http_end_headers(h);
    return rc < 0 ? rc : ss_write(h->wfile, body, size);
}

void http_close_connection(struct ss_handler *h)
{
    http_exchange_of(h)->close = true;
}

int http_status(const struct ss_handler *h)
{
    return http_exchange_of(h)->response.status;
}
