/* SPDX-License-Identifier: MIT */
/* Checks UTF-8 (RFC 3629) that comes in pieces. */
#ifndef HTTP_UTF8_CHECK_H
#define HTTP_UTF8_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* Where in a character the last piece has ended. All zero: between two characters, as at the beginning. */
struct http_utf8 {
    unsigned char left;      /* bytes of the character that are to come */
    unsigned char low, high; /* what the next of them may be */
};

/* True if the next `size` bytes can go on a text that is UTF-8: false at the first byte that cannot. */
bool http_utf8_go_on(struct http_utf8 *utf8, const char *text, size_t size);
/* True if the text may end here. */
bool http_utf8_may_end(const struct http_utf8 *utf8);

#endif
