/* SPDX-License-Identifier: MIT */
/* Escapes what a client has sent for a log's line or a string of JSON, so that it can neither end them nor
   speak to a terminal. Pure functions. */
#ifndef HTTP_ESCAPE_H
#define HTTP_ESCAPE_H

#include <stddef.h>

/* How it is escaped. What is hidden (see http_is_hidden) is escaped in each dialect. */
enum http_dialect {
    /* As Python's http.server: a control character is \xHH and a backslash is doubled. A byte that is no
       UTF-8 is \xHH, a hidden character \uHHHH. */
    HTTP_AS_PYTHON = 1,
    /* As Apache's log files: only printable ASCII stands for itself, a quote and a backslash have one in
       front. */
    HTTP_AS_APACHE = 2,
    /* As the inside of a string of RFC 8259: what is no UTF-8 becomes U+FFFD, a hidden character is
       \uHHHH. */
    HTTP_AS_JSON = 4,
};
enum {
    HTTP_ESCAPED_GROWTH = 6, /* bytes that one byte becomes at most */
    HTTP_ESCAPED_MORE = 16,  /* bytes of room that http_escaped keeps free */
};
/* Writes `text` to `to`, escaped, in at most `room` bytes, and returns its end, without NUL. A text that does
   not fit is cut, and ends with "...". A room of HTTP_ESCAPED_GROWTH * strlen(text) + HTTP_ESCAPED_MORE is
   enough for any. */
char *http_escaped(char *to, size_t room, const char *text, enum http_dialect how);

#endif
