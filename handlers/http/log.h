/* SPDX-License-Identifier: MIT */
/* What is logged of a request (access_log.c), and when (ended.c). */
#ifndef HTTP_LOG_H
#define HTTP_LOG_H

#include "http/exchange.h"

void http_default_log_request(struct ss_handler *h, int status, int64_t size);
void http_default_log_error(struct ss_handler *h, const char *text);
void http_default_log_message(struct ss_handler *h, const char *text);
/* Notes the time at which the request begins. */
void http_log_begun(struct http_exchange *x);
/* Calls log_request when the request has ended. `failure`: 0, or the -errno that ends the connection. */
void http_log_ended(struct http_exchange *x, int failure);
/* Stores what has gone wrong during the request, "" for nothing, and returns it. Who calls this puts it into
   the request's line, and handle_error does not say it again. */
enum { HTTP_LOG_REASON = HTTP_LOG_ERRORS + 128 };
const char *http_log_reason(const struct ss_handler *h, char text[HTTP_LOG_REASON]);

/* For ExplainMixIn (explain.c): what the parser has found, and how the answer is framed. */
void http_explain_request(const struct http_exchange *x);
void http_explain_response(const struct http_exchange *x);

#endif
