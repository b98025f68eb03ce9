/* The pieces of log lines. Each function writes one behind `to` and returns its end, without NUL; nothing is
   allocated. Any thread. */
#ifndef HTTP_LOG_TEXT_H
#define HTTP_LOG_TEXT_H

#include "socketserver.h"

enum {
    HTTP_LOG_ITEM =
        8192, /* bytes that an escaped text comes to at most; a longer one is cut and ends with ... */
    HTTP_LOG_TIME = 32, /* that a time takes at most */
};

enum http_log_escape {
    HTTP_LOG_PYTHON = 1, /* http.server: control characters as \xHH, backslashes doubled; besides as \xHH what
                            is no UTF-8, as \uHHHH what cannot be seen or turns text round */
    HTTP_LOG_APACHE =
        2, /* Apache's log files: nothing but printable ASCII; quotes and backslashes behind a backslash */
    HTTP_LOG_JSON = 4, /* inside of a JSON string; the same; what is no UTF-8 becomes U+FFFD */
};
/* What a client has sent, so that it can neither forge a line nor speak to a terminal. */
char *http_log_escaped(char *to, const char *text, enum http_log_escape how);

enum http_log_clock {
    HTTP_LOG_PYTHON_TIME, /* 21/Nov/2026 13:25:17, local */
    HTTP_LOG_APACHE_TIME, /* 21/Nov/2026:13:25:17 +0100, local */
    HTTP_LOG_RFC3339,     /* 2026-11-21T12:25:17Z */
};
/* Now. */
char *http_log_time(char *to, enum http_log_clock form);

/* The client's address without its port; "-" for a Unix socket without a name. */
char *http_log_client(char *to, const struct ss_address *client, enum http_log_escape how);

#endif
