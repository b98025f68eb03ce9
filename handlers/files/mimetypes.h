/* Media types: the grammar, and the system's own list (mime_file.c). */
#ifndef HTTP_MIMETYPES_H
#define HTTP_MIMETYPES_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_TYPE_SIZE 256            /* a media type with its parameters and NUL */
#define HTTP_ENDING_SIZE 64           /* an ending with its NUL */
#define HTTP_MIME_FILE_SIZE (1 << 20) /* bytes of a list; a longer one is not read */

/* RFC 9110 8.3.1: type/subtype, then parameters. No longer than HTTP_TYPE_SIZE. */
bool http_is_media_type(const char *text);

/* Copies an ending without a dot in front, letters small: true if it is one, 1 to HTTP_ENDING_SIZE - 1 bytes
   without white space, control characters and slashes. */
bool http_copy_ending(const char *text, size_t size, char ending[HTTP_ENDING_SIZE]);

/* Order of endings, in any case; letters of ASCII only: what an ending means does not depend on the locale.
 */
int http_compare_endings(const char *a, const char *b);

/* The type of an ending by the list of http_init_types, which is read now if it was not before. NULL:
 * unknown. */
const char *http_mime_file_find(const char *ending);

#endif
