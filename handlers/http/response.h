/* SPDX-License-Identifier: MIT */
/* The response on its way to the connection (response.c). */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include "http/exchange.h"

/* Forgets a response whose head has not left. h->wfile refuses what is written until the next head has ended.
 */
void http_response_reset(struct http_exchange *x);
/* Writes the whole body. 0 or -errno. */
int http_write_body(struct http_exchange *x, const void *body, size_t size);
/* Gives the rest of the response to the connection. 0, or -errno: the client has not got the whole response.
 */
int http_response_finish(struct http_exchange *x);

#endif
