/* SPDX-License-Identifier: MIT */
/* The header fields of a response: each is checked, and collected until the head leaves (response.c). */
#include "http/header.h"
#include "text/chars.h"
#include "text/number.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { FIRST_ROOM = 1024 };

/* ---------------------------------------------------------------- the text of the head */

__attribute__((noinline)) static int grow(struct http_exchange *x, size_t size)
{
    struct http_response *r = &x->response;
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

int http_head_room(struct http_exchange *x, size_t size)
{
    return x->response.room - x->response.size < size ? grow(x, size) : 0;
}

/* There is room for it. */
static void put(struct http_exchange *x, const char *text, size_t size)
{
    memcpy(x->response.text + x->response.size, text, size);
    x->response.size += size;
}

int http_add_lines(struct http_exchange *x, const char *lines, size_t size)
{
    int rc = http_head_room(x, size);
    if (rc == 0)
        put(x, lines, size);
    return rc;
}

int http_add_field(struct http_exchange *x, const char *name, const char *value)
{
    size_t name_size = strlen(name), size = strlen(value);
    int rc = http_head_room(x, name_size + size + 4);
    if (rc < 0)
        return rc;
    put(x, name, name_size);
    put(x, ": ", 2);
    put(x, value, size);
    put(x, "\r\n", 2);
    return 0;
}

/* ---------------------------------------------------------------- fields of a handler's */

/* "close" and "keep-alive" are said when the head leaves; other options are added as they are. */
static bool take_connection(struct http_exchange *x, const char *value)
{
    if (http_list_has(value, "close"))
        x->close = true;
    if (strcasecmp(value, "close") == 0 || strcasecmp(value, "keep-alive") == 0)
        return true;
    if (x->response.status == 101 && strcasecmp(value, "upgrade") == 0)
        return true; /* http_upgrade adds it */
    x->response.has_close |= http_list_has(value, "close");
    return false;
}

static int take_length(struct http_response *r, const char *value)
{
    int64_t length;
    if (!http_read_number(&value, &length) || *value || length == INT64_MAX || r->length >= 0)
        return -EINVAL;
    r->length = length;
    return 0;
}

/* A handler's own Date or Server takes the place of the usual one. */
static void cut(struct http_response *r, struct http_line *line)
{
    size_t end = line->at + line->size;
    memmove(r->text + line->at, r->text + end, r->size - end);
    r->size -= line->size;
    if (r->date.at > line->at)
        r->date.at -= line->size;
    line->size = 0;
}

/* Notes the fields that response.c makes or must know about. 1: the field is not to be added; 0: it is;
   -EINVAL: it must not be there. */
static int take_special(struct http_exchange *x, const char *name, size_t size, const char *value)
{
    struct http_response *r = &x->response;
    if (size == 4 && strcasecmp(name, "Date") == 0)
        cut(r, &r->date);
    else if (size == 5 && strcasecmp(name, "Allow") == 0)
        r->has_allow = true;
    else if (size == 6 && strcasecmp(name, "Server") == 0)
        cut(r, &r->server);
    else if (size == 7 && strcasecmp(name, "Upgrade") == 0)
        return r->status == 101; /* that one, too */
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

static bool is_field(const char *name, const char *value)
{
    size_t size = strlen(value);
    return http_is_token(name, strlen(name)) && http_value_span(value, size) == size;
}

int http_send_header(struct ss_handler *h, const char *name, const char *value)
{
    struct http_exchange *x = http_exchange_of(h);
    if (!is_field(name, value) || !x->response.status || x->response.ended)
        return -EINVAL;
    int rc = take_special(x, name, strlen(name), value);
    return rc == 0 ? http_add_field(x, name, value) : rc < 0 ? rc : 0;
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

/* ---------------------------------------------------------------- fields of an error response to come */

int http_error_header(struct ss_handler *h, const char *name, const char *value)
{
    struct http_exchange *x = http_exchange_of(h);
    if (!is_field(name, value))
        return -EINVAL;
    struct http_error_field *field = ss_alloc(h, sizeof *field);
    if (!field)
        return -ENOMEM;
    *field = (struct http_error_field){ss_format(h, "%s", name), ss_format(h, "%s", value), x->error_fields};
    if (!field->name || !field->value)
        return -ENOMEM;
    x->error_fields = field;
    return 0;
}

void http_add_error_fields(struct http_exchange *x)
{
    for (; x->error_fields; x->error_fields = x->error_fields->next)
        http_send_header(x->h, x->error_fields->name, x->error_fields->value);
}
