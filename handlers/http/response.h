/* The response on its way to the connection (response.c). */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include "http/exchange.h"

/* Forgets a response that was begun and not committed. Until the next one has a head, h->wfile refuses what
   is written. */
void http_response_reset(struct http_exchange *x);
/* Writes the whole body. 0 or -errno. */
int http_write_body(struct http_exchange *x, const void *body, size_t size);
/* Gives the connection what is left of the body, and its end. 0, or < 0: the client has not got a whole
   response. */
int http_response_finish(struct http_exchange *x);

#endif
