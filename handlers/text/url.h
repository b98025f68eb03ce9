/* SPDX-License-Identifier: MIT */
/* Makes names of files from the paths of requests, and text that may stand in URLs and pages. Pure
   functions. */
#ifndef HTTP_URL_H
#define HTTP_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Turns the path of a request into the name of a file below a root. Cuts off query and fragment and
   decodes the rest, once; then removes empty segments and ".", and goes one up for "..", but never above
   the root. An encoded slash is a slash, as for Python and nginx: no file has one in its name. The name
   has no slash in front ("" is the root), and one at its end where the path ends in a slash or a dot
   segment. `name` has room for strlen(path) + 2 bytes. Returns its length, or -EINVAL for a malformed
   escape and for an encoded NUL. */
ssize_t http_normalize_path(const char *path, char *name);

/* False if a path, up to its query, has a malformed escape or an encoded NUL. */
bool http_is_well_escaped(const char *path);

/* True for a name (as from http_normalize_path) with a segment that begins with a dot, other than
   .well-known at its beginning (RFC 8615). */
bool http_has_dotfile(const char *name);

/* Where a path goes on behind the slashes that it begins with, encoded ones too. */
const char *http_skip_slashes(const char *path);

/* As http_quote, for text that is a URL's path already: its escapes stay, and only what has no place in a URL
   is encoded (white space, control characters, backslashes, bytes above 126). `out` has room for 3 * size + 1
   bytes. Returns its length. */
size_t http_requote(const char *path, size_t size, char *out);

/* Writes a byte percent-encoded, "%2F"; returns its end, without NUL. */
char *http_append_escape(char *to, char c);

/* Writes a character as HTML has it, & < > " ' escaped: up to 6 bytes. Returns its end, without NUL. */
char *http_append_html(char *to, char c);

/* True if a page of this `origin`, an Origin field, and a request for this `host` belong to the same server
   (RFC 6454 4 and 5). The default port of the origin's scheme equals no port, in both. `scheme` is "http" or
   "https"; "": only the origin tells whether there is TLS in front of the server. Neither case matters nor
   how an IPv6 address is written. False for "null", several origins, other schemes, and what is malformed. */
bool http_is_same_origin(const char *origin, const char *scheme, const char *host);

#endif
