/* What a client has sent, as a log or a string of JSON may hold it: it can neither end the line or the
   string, nor speak to a terminal. Pure functions. */
#ifndef HTTP_ESCAPE_H
#define HTTP_ESCAPE_H

#include <stddef.h>

enum http_dialect {
    HTTP_AS_PYTHON = 1, /* http.server: control characters as \xHH, backslashes doubled; what is no UTF-8 as
                           \xHH, what cannot be seen or turns text round as \uHHHH */
    HTTP_AS_APACHE =
        2, /* Apache's log files: nothing but printable ASCII; quotes and backslashes behind a backslash */
    HTTP_AS_JSON = 4, /* the inside of a string of RFC 8259; what is no UTF-8 becomes U+FFFD, what cannot be
                         seen \uHHHH */
};
enum {
    HTTP_ESCAPED_GROWTH = 6, /* bytes that one comes to at most */
    HTTP_ESCAPED_MORE = 16,  /* bytes of room besides */
};
/* Writes `text` to `to` and returns its end, without NUL. No more than `room` bytes are used: a text that
   does not fit is cut, and ends with "...". */
char *http_escaped(char *to, size_t room, const char *text, enum http_dialect how);

#endif
