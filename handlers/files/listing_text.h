/* SPDX-License-Identifier: MIT */
/* The text of a listing before it is sent. All of a listing that is not very long is there before its head
   is, so that it has an entity tag, a length, and no error in its middle. */
#ifndef HTTP_LISTING_TEXT_H
#define HTTP_LISTING_TEXT_H

#include "files/cache.h"

/* Bytes of one listing; a longer one is sent while it is made, and has no tag. */
#define HTTP_LISTING_KEPT (512 * 1024)
#define HTTP_LISTING_TOTAL (32 << 20) /* bytes of all that are kept by the process */

struct http_listing_text {
    struct ss_stream stream; /* h->wfile meanwhile */
    struct ss_stream *before;
    struct ss_handler *h;
    char *data;
    size_t size, room;
    bool full; /* it is to be sent */
    char etag[HTTP_FILE_ETAG];
};

/* What is written to h->wfile is kept from now on, until http_listing_text_end. */
void http_listing_text_begin(struct ss_handler *h, struct http_listing_text *text);
/* h->wfile is what it was. */
void http_listing_text_end(struct http_listing_text *text);
/* Gives the memory back. */
void http_listing_text_free(struct http_listing_text *text);
/* Makes the tag of what is there: a weak one, as it may leave in a coding. */
void http_listing_text_tag(struct http_listing_text *text);

#endif
