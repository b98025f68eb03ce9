/* SPDX-License-Identifier: MIT */
/* The coding "gzip" (RFC 1952), by zlib. */
#include "compress/compress.h"

#ifdef HTTP_ZLIB
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

enum { WINDOW_BITS = 15, GZIP_FORMAT = 16, MEMORY_LEVEL = 8, GOOD = 6, FAST = 2 };

static const char *version(void)
{
    static _Thread_local char text[32];
    snprintf(text, sizeof text, "zlib %s", zlibVersion());
    return text;
}

static void *gzip_open(enum http_coder_effort effort, size_t size)
{
    (void)size;
    z_stream *z = calloc(1, sizeof *z);
    int level = effort == HTTP_CODER_GOOD ? GOOD : FAST;
    if (z && deflateInit2(z, level, Z_DEFLATED, WINDOW_BITS + GZIP_FORMAT, MEMORY_LEVEL,
                          Z_DEFAULT_STRATEGY) != Z_OK) {
        free(z);
        z = NULL;
    }
    return z;
}

/* Z_BUF_ERROR says only that nothing was left to be done. */
static int gzip_run(void *coder, struct http_coder_buffers *b, enum http_coder_step step)
{
    static const int modes[] = {
        [HTTP_CODER_GO] = Z_NO_FLUSH, [HTTP_CODER_FLUSH] = Z_SYNC_FLUSH, [HTTP_CODER_END] = Z_FINISH};
    z_stream *z = coder;
    uInt in = b->in_size < UINT_MAX ? (uInt)b->in_size : UINT_MAX;
    uInt room = b->out_room < UINT_MAX ? (uInt)b->out_room : UINT_MAX;
    z->next_in = (Bytef *)(uintptr_t)b->in;
    z->avail_in = in;
    z->next_out = (Bytef *)b->out;
    z->avail_out = room;
    int rc = deflate(z, modes[step]);
    b->in += in - z->avail_in;
    b->in_size -= in - z->avail_in;
    b->out += room - z->avail_out;
    b->out_room -= room - z->avail_out;
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        return -EIO;
    return step == HTTP_CODER_END ? rc != Z_STREAM_END : b->in_size > 0 || z->avail_out == 0;
}

static void gzip_close(void *coder)
{
    deflateEnd(coder);
    free(coder);
}

static const struct http_coder_class gzip_coder = {
    .version = version,
    .open = gzip_open,
    .run = gzip_run,
    .close = gzip_close,
};
const struct http_coder_class *const http_gzip_coder = &gzip_coder;
#else
const struct http_coder_class *const http_gzip_coder = NULL;
#endif
