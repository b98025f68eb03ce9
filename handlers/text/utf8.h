/* UTF-8 (RFC 3629), and the characters that a reader does not see as what they are. Pure functions; texts end
 * with NUL.
 */
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

/* True for a control character beyond ASCII, a line end, and a mark that turns the direction of text round:
   with these "exe.txt" can be made of a name that ends in ".exe". */
bool http_is_misleading(uint32_t c);
/* True for these, and for all else that is not seen: Unicode's format characters (Cf: also those without
   width, and tags) and noncharacters. */
bool http_is_hidden(uint32_t c);

#endif
