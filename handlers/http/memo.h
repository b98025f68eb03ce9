/* SPDX-License-Identifier: MIT */
/* Heads that came before (memo.c). */
#ifndef HTTP_MEMO_H
#define HTTP_MEMO_H

#include "http/head.h"

/* Connections whose heads can be kept at a time; each takes some 1.3 KB when it has sent a second head. */
enum { HTTP_MEMO_SLOTS = 1024 };

struct http_memo; /* the field lines of a connection's last head, and what they mean */

/* Do these bytes begin with the field lines, up to and with the empty one, that the last head of this
   connection had? Then they are lent to the caller until http_memo_release. NULL: no, or they are not known
   any more. */
struct http_memo *http_memo_find(const struct ss_request *connection, const char *text, size_t size);
/* NULL does no harm. */
void http_memo_release(struct http_memo *memo);
/* Bytes of the lines, and what they mean. */
size_t http_memo_size(const struct http_memo *memo);
const struct http_said *http_memo_said(const struct http_memo *memo);
/* Does with the lines, which `text` begins with, what http_parse_fields did; there is room for the fields. */
void http_memo_recall(const struct http_memo *memo, char *text, struct http_field *fields);
/* Keeps lines as they came, whose fields were parsed in `text`, a copy of the same size. */
void http_memo_keep(const struct ss_request *connection, const char *lines, const char *text, size_t size,
                    const struct http_field *fields, const struct http_said *said);

#endif
