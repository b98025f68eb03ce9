/* SPDX-License-Identifier: MIT */
/* The request's body (body.c). */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include "http/exchange.h"

/* Makes h->rfile the request's body. 0 or -ENOMEM. */
int http_body_begin(struct http_exchange *x);
/* The same for a body of which nothing is left to be read. */
void http_body_end(struct http_exchange *x);
/* True if the unread rest of the body is not worth skipping, or cannot be skipped. */
bool http_body_is_hopeless(const struct http_exchange *x);
/* Skips the unread rest of the body. False: that failed, and the connection must be closed. Waits. */
bool http_body_skip(struct http_exchange *x);
/* Skips the body before a handler answers that does not read it: so malformed chunks are refused and not
   answered, and the response can say whether the connection is closed. 0, or -errno for do_X to return.
   Waits. */
int http_body_inspect(struct ss_handler *h);
/* To be called before the head of a whole response leaves: skips the unread rest of the body, or has the
   connection closed, which the response then says (RFC 9112 9.6). Waits. */
void http_body_settle(struct http_exchange *x);
/* To be called when the head leaves while the handler may still read, having written `written` bytes of its
   body. True: the handler seems to ignore the request's body, as it has written far more than it has read,
   and the connection must be closed. `flushed`: the head leaves because the handler has called ss_flush,
   perhaps in order to read afterwards. Waits, unless flushed. */
bool http_body_is_ignored(struct http_exchange *x, int64_t written, bool flushed);

#endif
