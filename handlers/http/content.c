/* SPDX-License-Identifier: MIT */
/* Sends a representation as http_evaluate has decided: all of it, parts of it, or the news that nothing
   has changed. */
#include "http/content.h"

#include "http/body.h"
#include "http/coded_output.h"
#include "http/header.h"
#include "http/response.h"
#include "text/chars.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { BOUNDARY_SIZE = 32 };

/* A multipart/byteranges body without its data: what stands before each part, and at the end. */
struct parts {
    char boundary[BOUNDARY_SIZE + 1];
    struct iovec heads[HTTP_MAX_RANGES];
    char end[BOUNDARY_SIZE + sizeof "\r\n----\r\n"];
    int64_t size; /* data included */
};

/* ---------------------------------------------------------------- heads */

/* RFC 9110 15.4.5: of the fields about the content a 304 has only where it is found. */
static bool is_left_out(int status, const char *name)
{
    return status == 304 && strncasecmp(name, "Content-", 8) == 0 &&
           strcasecmp(name, "Content-Location") != 0;
}

/* The status and the fields behind the first `skip` bytes of the ready-made ones. `length` -1: none. */
static int send_fields(struct http_exchange *x, int status, const struct http_source *source, size_t skip,
                       int64_t length)
{
    int rc = http_send_response(x->h, status, NULL);
    if (rc < 0)
        return rc;
    x->response.length = length;
    if (source->more_size)
        rc = http_add_lines(x, source->more, source->more_size);
    if (rc == 0)
        rc = http_add_lines(x, source->fields + skip, source->fields_size - skip);
    for (const struct http_field *f = source->extra; rc == 0 && f && f->name; f++)
        if (!is_left_out(status, f->name))
            rc = http_send_header(x->h, f->name, f->value);
    return rc;
}

static int send_error(struct ss_handler *h, int status, const struct http_source *source)
{
    char range[40];
    snprintf(range, sizeof range, "bytes */%lld", (long long)source->size);
    int rc = status == 416 ? http_error_header(h, "Content-Range", range) : 0;
    return rc < 0 ? rc : http_send_error(h, status, NULL, NULL);
}

/* ---------------------------------------------------------------- bodies */

static int send_data(struct http_exchange *x, const struct http_source *source,
                     const struct http_range *range)
{
    if (source->data || range->size == 0)
        return http_write_body(x, source->data + (source->data ? range->first : 0), (size_t)range->size);
    return ss_sendfile(x->h->wfile, source->fd, (off_t)range->first, (size_t)range->size);
}

/* Sends a file whose size is not known, to its end. */
static int send_to_the_end(struct ss_handler *h, int fd)
{
    enum { PIECE = 16384 };
    struct ss_mark mark = ss_mark(h);
    char *data = ss_alloc(h, PIECE);
    ssize_t n = data ? 1 : -ENOMEM;
    for (off_t offset = 0; n > 0; offset += n) {
        n = TEMP_FAILURE_RETRY(pread(fd, data, PIECE, offset));
        int rc = n > 0 ? ss_write(h->wfile, data, (size_t)n) : n < 0 ? -EIO : 0;
        if (rc < 0)
            n = rc;
    }
    ss_release(h, mark);
    return (int)n;
}

static int send_whole(struct http_exchange *x, const struct http_source *source)
{
    int rc = send_fields(x, 200, source, 0, source->size);
    if (rc == 0 && source->coding != HTTP_IDENTITY)
        http_compress_as(x, source->coding);
    if (rc == 0)
        rc = http_end_headers(x->h);
    if (rc < 0 || x->response.headless)
        return rc;
    if (source->size < 0)
        return send_to_the_end(x->h, source->fd);
    return send_data(x, source, &(struct http_range){0, source->size});
}

static int send_part(struct http_exchange *x, const struct http_source *source,
                     const struct http_range *range)
{
    long long first = range->first, last = range->first + range->size - 1, size = source->size;
    int rc = send_fields(x, 206, source, 0, range->size);
    if (rc == 0)
        rc = http_send_headerf(x->h, "Content-Range", "bytes %lld-%lld/%lld", first, last, size);
    if (rc == 0)
        rc = http_end_headers(x->h);
    return rc < 0 ? rc : send_data(x, source, range);
}

/* ---------------------------------------------------------------- several parts */

/* Random, so that nobody can write a file that has it inside; and it needs no quotes. */
static int make_boundary(char boundary[BOUNDARY_SIZE + 1])
{
    unsigned char bytes[BOUNDARY_SIZE / 2];
    if (getentropy(bytes, sizeof bytes) < 0)
        return -errno;
    for (size_t i = 0; i < sizeof bytes; i++)
        sprintf(boundary + 2 * i, "%02x", bytes[i]);
    return 0;
}

/* RFC 9110 14.6 */
static int make_parts(struct ss_handler *h, const struct http_source *source, const struct http_decision *d,
                      struct parts *parts)
{
    int rc = make_boundary(parts->boundary);
    if (rc < 0)
        return rc;
    parts->size = snprintf(parts->end, sizeof parts->end, "\r\n--%s--\r\n", parts->boundary);
    for (size_t i = 0; i < d->range_count; i++) {
        const struct http_range *range = &d->ranges[i];
        char *head =
            ss_format(h, "%s--%s\r\n%.*sContent-Range: bytes %lld-%lld/%lld\r\n\r\n", i > 0 ? "\r\n" : "",
                      parts->boundary, (int)source->type_size, source->fields, (long long)range->first,
                      (long long)(range->first + range->size - 1), (long long)source->size);
        if (!head)
            return -ENOMEM;
        parts->heads[i] = (struct iovec){head, strlen(head)};
        parts->size += (int64_t)parts->heads[i].iov_len + range->size;
    }
    return 0;
}

static int send_parts(struct http_exchange *x, const struct http_source *source,
                      const struct http_decision *d)
{
    struct parts parts;
    int rc = make_parts(x->h, source, d, &parts);
    if (rc == 0)
        rc = send_fields(x, 206, source, source->type_size, parts.size);
    if (rc == 0)
        rc = http_send_headerf(x->h, "Content-Type", "multipart/byteranges; boundary=%s", parts.boundary);
    if (rc == 0)
        rc = http_end_headers(x->h);
    for (size_t i = 0; rc == 0 && i < d->range_count; i++) {
        rc = ss_write(x->h->wfile, parts.heads[i].iov_base, parts.heads[i].iov_len);
        if (rc == 0)
            rc = send_data(x, source, &d->ranges[i]);
    }
    return rc < 0 ? rc : ss_write(x->h->wfile, parts.end, strlen(parts.end));
}

/* ---------------------------------------------------------------- together */

int http_send_source(struct ss_handler *h, const struct http_source *source, const struct http_decision *d)
{
    struct http_exchange *x = http_exchange_of(h);
    int rc;
    switch (d->status) {
    case 200:
        return send_whole(x, source);
    case 206:
        return d->range_count == 1 ? send_part(x, source, &d->ranges[0]) : send_parts(x, source, d);
    case 304:
        rc = send_fields(x, 304, source, source->content_size, -1);
        return rc < 0 ? rc : http_end_headers(h);
    default:
        return send_error(h, d->status, source);
    }
}

/* "name: value", in memory as from ss_alloc; "" without a value; NULL if it cannot be sent. */
static const char *make_line(struct ss_handler *h, const char *name, const char *value)
{
    size_t size = value ? strlen(value) : 0;
    if (!value)
        return "";
    return http_span(value, size, HTTP_VALUE) == size ? ss_format(h, "%s: %s\r\n", name, value) : NULL;
}

static int make_source(struct ss_handler *h, const struct http_content *content, struct http_source *source)
{
    static const char accept[] = "Accept-Ranges: bytes\r\n";
    const struct http_validators *current = &content->validators;
    char date[HTTP_DATE_SIZE];
    const char *modified = current->last_modified ? http_format_date(*current->last_modified, date) : NULL;
    const char *type = make_line(h, "Content-Type", content->type);
    const char *etag = make_line(h, "ETag", current->etag), *since = make_line(h, "Last-Modified", modified);
    if (content->size < 0 || !type || !etag || !since)
        return -EINVAL;
    const char *fields = ss_format(h, "%s%s%s%s", type, accept, since, etag);
    if (!fields)
        return -ENOMEM;
    *source = (struct http_source){
        .fields = fields,
        .fields_size = strlen(fields),
        .type_size = strlen(type),
        .content_size = strlen(type) + sizeof accept - 1,
        .extra = content->fields,
        .data = content->data,
        .fd = content->fd,
        .size = content->size,
    };
    return 0;
}

int http_send_content(struct ss_handler *h, const struct http_content *content)
{
    struct http_decision decision;
    struct http_source source;
    int rc = http_body_inspect(h);
    if (rc < 0)
        return rc;
    rc = make_source(h, content, &source);
    if (rc < 0)
        return rc;
    http_evaluate(http_request(h), &content->validators, content->size, &decision);
    return http_send_source(h, &source, &decision);
}
