/* SPDX-License-Identifier: MIT */
/* Error responses (error.c). */
#ifndef HTTP_ERROR_H
#define HTTP_ERROR_H

#include "http/exchange.h"

int http_default_send_error(struct ss_handler *h, int status, const char *message, const char *explain);
/* The status for a system call's error, -errno, when it was to open, read or store what the request asks for:
   404, 403, 409, 413, 507 (no room on the disk), 503 (short of descriptors, memory or threads for a moment),
   else 500. No other function makes a status of an errno. */
int http_errno_status(int error);
/* Answers with an error page of that status, a 503 with Retry-After. `explain` as for http_send_error.
   0 or -errno. */
int http_send_errno(struct ss_handler *h, int error, const char *explain);
#define HTTP_RETRY_AFTER "1" /* seconds: descriptors and memory are short for a moment only */
/* 503 with Retry-After: a limit of the server's is reached. 0 or -errno. */
int http_send_busy(struct ss_handler *h, const char *explain);

#endif
