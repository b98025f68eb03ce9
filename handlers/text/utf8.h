/* SPDX-License-Identifier: MIT */
/* UTF-8 (RFC 3629), and characters that do not look like what they are. Pure functions; NUL ends each
   text. */
#ifndef HTTP_UTF8_H
#define HTTP_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The number of bytes of the character at `text`; 0 for what is no UTF-8. */
size_t http_utf8_size(const char *text);
/* The code point of the character at `text`, which has `size` bytes. */
uint32_t http_utf8_decode(const char *text, size_t size);
/* True if all of `text` is UTF-8. */
bool http_is_utf8(const char *text);

/* True for control characters beyond ASCII, line ends, and marks that turn the direction of text round: these
   make a name that ends in ".exe" look like "exe.txt". */
bool http_is_misleading(uint32_t c);
/* True for these, and for all others that are not seen: Unicode's format characters (Cf, with tags and
   characters without width) and noncharacters. */
bool http_is_hidden(uint32_t c);

#endif
