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

/* How many bytes at the beginning of `text` are of this kind. */
size_t http_span(const char *text, size_t size, unsigned char kind);
/* The same for HTTP_VALUE, of which there is much. */
size_t http_value_span(const char *text, size_t size);
bool http_is_token(const char *text, size_t size);
/* True for "name: value" without anything that is forbidden there; no line end. */
bool http_is_field_line(const char *line, size_t size);
/* True for host [":" port], the host never empty, as for http and https (RFC 9110 4.2). */
bool http_is_authority(const char *text, size_t size, bool port_needed);
/* The bytes of the quoted string (RFC 9110 5.6.4) that `text`, ended by NUL, begins with; 0: it begins with
 * none. */
size_t http_quoted_span(const char *text);
/* Steps through a comma-separated list: the next element that is not empty, or false. */
bool http_list_next(const char **list, const char **element, size_t *size);
bool http_list_has(const char *list, const char *token);

/* True if these bytes are `word`, in any case. */
bool http_is_word(const char *text, size_t size, const char *word);
/* True if these bytes end with `ending`, in any case, and do not begin with it. */
bool http_ends_with(const char *text, size_t size, const char *ending);
/* An ASCII letter in lower case, and any other byte as it is. */
unsigned char http_lower(char c);
/* Behind spaces and tabs, at `end` at the latest. */
const char *http_skip_space(const char *at, const char *end);
/* A weight of content negotiation (qvalue, RFC 9110 12.4.2) in thousandths; -1 if it is malformed. */
int http_read_qvalue(const char *text, size_t size);

#endif
