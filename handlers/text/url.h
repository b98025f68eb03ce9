/* Paths: what a request asks for, made into the name of a file; and text as it may stand in URLs and pages.
   Pure functions. */
#ifndef HTTP_URL_H
#define HTTP_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Turns the path of a request into the name of a file below a root: query and fragment are cut off, the
   rest is decoded, once; then empty segments and "." go, ".." goes one up and never above the root. An
   encoded slash is a slash, as for Python and nginx: no name of a file has one. The name has no slash in
   front ("" is the root) and one at its end where the path ends in a slash or a dot segment. `name` has
   room for strlen(path) + 2 bytes. Returns its length, -EINVAL for an escape that is none or an encoded
   NUL. */
ssize_t http_normalize_path(const char *path, char *name);

/* False for a path, up to its query, with an escape that is none or an encoded NUL. */
bool http_is_well_escaped(const char *path);

/* True for a name (as from http_normalize_path) with a segment that begins with a dot, other than
   .well-known at its beginning (RFC 8615). */
bool http_has_dotfile(const char *name);

/* Where a path goes on behind slashes, encoded ones too. */
const char *http_skip_slashes(const char *path);

/* As http_quote, for text that is a URL's path already: escapes stay, what has no place in a URL (white
   space, control characters, backslashes, bytes above 126) is encoded. `out` has room for 3 * size + 1
   bytes. Returns its length. */
size_t http_requote(const char *path, size_t size, char *out);

/* Writes a byte percent-encoded, "%2F"; returns its end, without NUL. */
char *http_append_escape(char *to, char c);

/* Writes a character as HTML has it, & < > " ' escaped: up to 6 bytes. Returns its end, without NUL. */
char *http_append_html(char *to, char c);

/* True if `origin`, an Origin field, is where a request with this `host` goes (RFC 6454 4 and 5). A
   port that is the default of the origin's scheme equals none, on both sides: whether there is TLS in front
   of the server only the origin tells. Case does not matter, nor how an IPv6 address is written. False for
   "null", several origins, other schemes, and what is malformed. */
bool http_is_same_origin(const char *origin, const char *host);

#endif
