/* The request's body (body.c). */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include "http/exchange.h"

/* Makes h->rfile the request's body. 0 or -ENOMEM. */
int http_body_begin(struct http_exchange *x);
/* True if what was not read of the body will not be skipped. */
bool http_body_is_hopeless(const struct http_exchange *x);
/* Skips what was not read of the body. False: the connection cannot be used again. Waits. */
bool http_body_skip(struct http_exchange *x);
/* For those who answer without reading the body: skips it before the answer, so that chunks that are
   malformed are refused and not answered, and the answer knows whether the connection goes on. 0, or -errno
   for do_X to return. Waits. */
int http_body_inspect(struct ss_handler *h);
/* Before the head of a whole response leaves: skips the rest of the body, or has the response say that the
   connection ends (RFC 9112 9.6). Waits. */
void http_body_settle(struct http_exchange *x);
/* The same when the head leaves while the handler may still read: whether the rest is to end the connection,
   after `written` bytes of the response's body. Who has written far more than it has read does not answer as
   it reads. `flushed`: the handler wants it to leave, be it before it reads. Waits, unless flushed. */
bool http_body_is_ignored(struct http_exchange *x, int64_t written, bool flushed);

#endif
