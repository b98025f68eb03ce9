/* SPDX-License-Identifier: MIT */
/* The content codings (RFC 9110 8.4.1): what they are called, and how their files are told from others. */
#ifndef HTTP_CODING_H
#define HTTP_CODING_H

#include <stdbool.h>
#include <stddef.h>

/* Of codings that the client likes the same, the server takes the last one here: it makes a text smallest for
   the least work. */
enum http_coding {
    HTTP_IDENTITY, /* as it is */
    HTTP_GZIP,
    HTTP_BROTLI,
    HTTP_ZSTD,
    HTTP_CODINGS, /* how many there are */
};

#define HTTP_CODING_BIT(coding) (1u << (coding))

/* "identity", "gzip", "br", "zstd" */
const char *http_coding_name(enum http_coding coding);

/* What the name of a file in this coding ends with: "", ".gz", ".br", ".zst" */
const char *http_coding_ending(enum http_coding coding);

#define HTTP_CODING_MAGIC 4 /* bytes at the beginning of a file that tell whether it is in a coding */

/* True if a file that begins with these `size` bytes can be in the coding. Each coding has a beginning of its
   own, except brotli: what begins like none of the others may be brotli. `size` is HTTP_CODING_MAGIC, or less
   for a shorter file. */
bool http_is_coded(enum http_coding coding, const char *data, size_t size);

#endif
