/* SPDX-License-Identifier: MIT */
/* The response's body in a content coding (coded_output.c). */
#ifndef HTTP_CODED_OUTPUT_H
#define HTTP_CODED_OUTPUT_H

#include "http/exchange.h"

/* Has the body put into a coding, however short it is; the head has its Content-Encoding already. */
void http_compress_as(struct http_exchange *x, enum http_coding coding);
/* From now on h->wfile compresses what is written to it, in the response's coding. 0 or -ENOMEM. */
int http_coded_begin(struct http_exchange *x);
/* Compresses the rest and ends the coding. 0 or -errno. */
int http_coded_end(struct http_exchange *x);
/* Frees x->coded, which is not NULL. */
void http_coded_free(struct http_exchange *x);

#endif
