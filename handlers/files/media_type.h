/* SPDX-License-Identifier: MIT */
/* Media types and the endings of names (media_type.c). Pure functions. */
#ifndef HTTP_MEDIA_TYPE_H
#define HTTP_MEDIA_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_TYPE_SIZE 256  /* a media type with its parameters and NUL */
#define HTTP_ENDING_SIZE 64 /* an ending with its NUL */

/* RFC 9110 8.3.1: type/subtype, then parameters. No longer than HTTP_TYPE_SIZE. */
bool http_is_media_type(const char *text);
/* Text and the like, by media type; not what is compressed by its nature. */
bool http_is_compressible(const char *type);

/* Copies an ending without a dot in front, letters small: true if it is one, 1 to HTTP_ENDING_SIZE - 1 bytes
   without white space, control characters and slashes. */
bool http_copy_ending(const char *text, size_t size, char ending[HTTP_ENDING_SIZE]);

/* Order of endings, in any case; letters of ASCII only: what an ending means does not depend on the
   locale. */
int http_compare_endings(const char *a, const char *b);

#endif
