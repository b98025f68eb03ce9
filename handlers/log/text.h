/* SPDX-License-Identifier: MIT */
/* The pieces of log lines. Each function writes one behind `to` and returns its end, without NUL; nothing is
   allocated. Any thread. */
#ifndef HTTP_LOG_TEXT_H
#define HTTP_LOG_TEXT_H

#include "socketserver.h"
#include "text/escape.h"

/* Bytes of an escaped text at most: a longer one is cut, and ends with "...". */
#define HTTP_LOG_ITEM 8192
/* Bytes of a time at most. */
#define HTTP_LOG_TIME 32

enum http_log_clock {
    HTTP_LOG_PYTHON_TIME, /* 21/Nov/2026 13:25:17, local */
    HTTP_LOG_APACHE_TIME, /* 21/Nov/2026:13:25:17 +0100, local */
    HTTP_LOG_RFC3339,     /* 2026-11-21T12:25:17Z */
};
/* Writes the time that it is now. */
char *http_log_time(char *to, enum http_log_clock form);

/* Writes the client's address without its port; "-" for a Unix socket without a name. */
char *http_log_client(char *to, const struct ss_address *client, enum http_dialect how);

#endif
