/* SPDX-License-Identifier: MIT */
/* The header fields of a response, collected (header.c). */
#ifndef HTTP_HEADER_H
#define HTTP_HEADER_H

#include "http/exchange.h"

/* Makes room for `size` more bytes of the head. 0 or -ENOMEM. */
int http_head_room(struct http_exchange *x, size_t size);
/* Adds complete lines that need no check. 0 or -errno. */
int http_add_lines(struct http_exchange *x, const char *lines, size_t size);
/* Adds a field that needs no check; also to a head that has ended, before it is committed. 0 or -errno. */
int http_add_field(struct http_exchange *x, const char *name, const char *value);
/* Adds the fields that http_error_header has kept. */
void http_add_error_fields(struct http_exchange *x);

#endif
