/* The response's body in a content coding (coded_output.c). */
#ifndef HTTP_CODED_OUTPUT_H
#define HTTP_CODED_OUTPUT_H

#include "http/exchange.h"

/* Has the body of a response put into a coding, whatever its length; the field for it is there already. */
void http_compress_as(struct http_exchange *x, enum http_coding coding);
/* Puts the body, which is begun, into the response's coding: h->wfile is now what does so. 0 or -ENOMEM. */
int http_coded_begin(struct http_exchange *x);
/* Gives the rest to the body, and the coding its end. 0 or -errno. */
int http_coded_end(struct http_exchange *x);
/* Frees what it has; x->coded is not NULL. */
void http_coded_free(struct http_exchange *x);

#endif
