/* SPDX-License-Identifier: MIT */
/* DEFLATE (RFC 1951) with nothing around it, in messages that end with a byte (RFC 7692 7.2), by zlib. Those
   with the usual windows are kept by the process, a few of each, when they are closed: they cost much to be
   made, and memory while nobody uses them. */
#ifndef HTTP_DEFLATE_H
#define HTTP_DEFLATE_H

#include "compress/compress.h"

enum { HTTP_DEFLATE_MIN_BITS = 9, HTTP_DEFLATE_BITS = 12, HTTP_DEFLATE_MAX_BITS = 15 };

/* False where this build has no zlib: then nothing can be opened. */
bool http_has_deflate(void);

/* Compresses messages. It takes about 40 KiB with HTTP_DEFLATE_BITS, which are the usual ones. */
struct http_deflater;
/* One whose messages refer to what is at most 2^bits bytes back. zlib knows no less than 9 bits here. NULL if
   out of memory. */
struct http_deflater *http_deflater_open(int bits);
/* Compresses a message, whose beginning may refer to the one before. 0; -ENOSPC when this takes more than
   `room` bytes, or -EIO: after these the next message refers to nothing before it. Any thread. */
int http_deflater_run(struct http_deflater *deflater, const char *data, size_t size, char *out, size_t room,
                      size_t *out_size);
/* Either may be NULL. */
void http_deflater_close(struct http_deflater *deflater);

/* Inflates messages. It takes 7 KiB and its window, usually that of HTTP_DEFLATE_MAX_BITS. */
struct http_inflater;
/* One for messages that refer to what is at most 2^bits bytes back. NULL if out of memory. */
struct http_inflater *http_inflater_open(int bits);
/* Inflates what there is room for, of which there must be some. `last`: behind b->in the message has no more
   bytes. Returns 1 when it was inflated to its end, 0 when more input or more room is needed, -EPROTO when it
   is none, or -ENOMEM. Any thread. */
int http_inflater_run(struct http_inflater *inflater, struct http_coder_buffers *b, bool last);
/* May be NULL. */
void http_inflater_close(struct http_inflater *inflater);

#endif
