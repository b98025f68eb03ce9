/* SPDX-License-Identifier: MIT */
/* Sends a representation, or a part of it, as http_evaluate has decided. For http_send_content, and for
   files, whose header fields are kept ready-made. */
#ifndef HTTP_CONTENT_H
#define HTTP_CONTENT_H

#include "compress/coding.h"
#include "http_server.h"

/* Everything is borrowed. */
struct http_source {
    const char *fields; /* complete lines; Content-Type is the first */
    size_t fields_size;
    size_t type_size;    /* of the line with Content-Type */
    size_t content_size; /* of the lines, from the first, that a 304 leaves out */
    const char *more;    /* lines for a 304 too */
    size_t more_size;
    const struct http_field *extra; /* as in struct http_content */
    enum http_coding coding;        /* what the data is put into while it is sent; `fields` say so already */
    const char *data;               /* NULL: in fd */
    int fd;
    int64_t size; /* -1: fd is sent to its end, wherever that is */
};

/* Answers as decided. 0 or -errno. */
int http_send_source(struct ss_handler *h, const struct http_source *source,
                     const struct http_decision *decision);

#endif
