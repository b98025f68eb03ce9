/* SPDX-License-Identifier: MIT */
/* A stream into memory, of which all listings together take a bounded amount. */
#include "files/listing_text.h"
#include "files/tag.h"
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 16 * 1024 };

static atomic_size_t total;

/* What is written when there is no more room is a row, and its listing is then sent. */
static int make_room(struct http_listing_text *text, size_t size)
{
    size_t room = text->room ? text->room : FIRST_ROOM;
    while (room < text->size + size)
        room *= 2;
    if (room == text->room)
        return 0;
    char *data = realloc(text->data, room);
    if (!data)
        return -ENOMEM;
    if (atomic_fetch_add(&total, room - text->room) + room - text->room > HTTP_LISTING_TOTAL)
        text->full = true;
    text->data = data;
    text->room = room;
    return 0;
}

static int keep_text(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    struct http_listing_text *text = s->context;
    (void)more;
    for (int i = 0; i < count; i++) {
        int rc = make_room(text, vector[i].iov_len);
        if (rc < 0)
            return rc;
        memcpy(text->data + text->size, vector[i].iov_base, vector[i].iov_len);
        text->size += vector[i].iov_len;
    }
    text->full |= text->size >= HTTP_LISTING_KEPT;
    return 0;
}

static const struct ss_stream_class keeping_stream = {.name = "http listing in memory", .write = keep_text};

void http_listing_text_begin(struct ss_handler *h, struct http_listing_text *text)
{
    *text = (struct http_listing_text){.h = h, .before = h->wfile};
    ss_stream_init(&text->stream, &keeping_stream, text, NULL, 0, NULL, 0);
    text->stream.server = h->server;
    h->wfile = &text->stream;
}

void http_listing_text_end(struct http_listing_text *text)
{
    if (text->h->wfile == &text->stream)
        text->h->wfile = text->before;
}

void http_listing_text_free(struct http_listing_text *text)
{
    http_listing_text_end(text);
    atomic_fetch_sub(&total, text->room);
    free(text->data);
    text->data = NULL;
    text->size = text->room = 0;
}

void http_listing_text_tag(struct http_listing_text *text)
{
    snprintf(text->etag, sizeof text->etag, "W/\"%zx-%016" PRIx64 "\"", text->size,
             http_digest(text->data, text->size));
}
