/* SPDX-License-Identifier: MIT */
/* The characters of HTTP's grammar, and lists of them. Pure functions. */
#ifndef HTTP_CHARS_H
#define HTTP_CHARS_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_TOKEN 1  /* of a token (RFC 9110 5.6.2) */
#define HTTP_VALUE 2  /* of a field's value, white space included (RFC 9110 5.5) */
#define HTTP_TARGET 4 /* of a request target; more than RFC 3986 has, as browsers send more */
#define HTTP_HOST 8   /* of a host name (RFC 3986 3.2.2) */
#define HTTP_PLAIN 16 /* of a path's segment, where it stands for itself (RFC 3986 3.3), except the dot */
extern const unsigned char http_chars[256];

/* The number of bytes at the beginning of `text` that are of this kind. */
size_t http_span(const char *text, size_t size, unsigned char kind);
/* The same for HTTP_VALUE, but faster: most of a head is values. */
size_t http_value_span(const char *text, size_t size);
bool http_is_token(const char *text, size_t size);
/* True for a line "name: value", without its end, in which everything may stand where it does (RFC 9112
   5). */
bool http_is_field_line(const char *line, size_t size);
/* True for host [":" port] with a host that is not empty, as http and https have it (RFC 9110 4.2). */
bool http_is_authority(const char *text, size_t size, bool port_needed);
/* The size of the quoted string (RFC 9110 5.6.4) that `text` begins with; 0 if it begins with none. NUL ends
   `text`. */
size_t http_quoted_span(const char *text);
/* Steps through a comma-separated list: stores the next element that is not empty, without white space around
   it, and moves *list behind it. False: there are no more. */
bool http_list_next(const char **list, const char **element, size_t *size);
/* True if a comma-separated list has the element `token`, in any case. */
bool http_list_has(const char *list, const char *token);

/* True if these bytes are `word`, in any case. */
bool http_is_word(const char *text, size_t size, const char *word);
/* True if these bytes are something and then `ending`, in any case. */
bool http_ends_with(const char *text, size_t size, const char *ending);
/* An ASCII letter in lower case, and any other byte as it is. */
unsigned char http_lower(char c);
/* Where something else than spaces and tabs comes, or `end`. */
const char *http_skip_space(const char *at, const char *end);
/* Reads a weight of content negotiation (qvalue, RFC 9110 12.4.2): in thousandths, -1 if it is malformed. */
int http_read_qvalue(const char *text, size_t size);

#endif
