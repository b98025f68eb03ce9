/* SPDX-License-Identifier: MIT */
/* The coding "zstd" (RFC 8878), by Meta's zstd. The window stays far below the 8 MiB that RFC 9659 allows. */
#include "compress/compress.h"

#ifdef HTTP_LIBZSTD
#include <errno.h>
#include <stdio.h>
#include <zstd.h>

enum { GOOD = 6, FAST = 1, WINDOW_BITS = 17 };

static const char *version(void)
{
    static _Thread_local char text[32];
    snprintf(text, sizeof text, "zstd %s", ZSTD_versionString());
    return text;
}

/* The size is not passed on: zstd takes it for a promise, and a file may change. */
static void *zstd_open(enum http_coder_effort effort, size_t size)
{
    (void)size;
    ZSTD_CCtx *z = ZSTD_createCCtx();
    if (!z)
        return NULL;
    ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, effort == HTTP_CODER_GOOD ? GOOD : FAST);
    ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, WINDOW_BITS);
    return z;
}

static int zstd_run(void *coder, struct http_coder_buffers *b, enum http_coder_step step)
{
    static const ZSTD_EndDirective directives[] = {
        [HTTP_CODER_GO] = ZSTD_e_continue, [HTTP_CODER_FLUSH] = ZSTD_e_flush, [HTTP_CODER_END] = ZSTD_e_end};
    ZSTD_inBuffer in = {b->in, b->in_size, 0};
    ZSTD_outBuffer out = {b->out, b->out_room, 0};
    size_t left;
    do
        left = ZSTD_compressStream2(coder, &out, &in, directives[step]);
    while (!ZSTD_isError(left) && out.pos < out.size &&
           (step == HTTP_CODER_GO ? in.pos < in.size : left > 0));
    b->in += in.pos;
    b->in_size -= in.pos;
    b->out += out.pos;
    b->out_room -= out.pos;
    if (ZSTD_isError(left))
        return -EIO;
    return step == HTTP_CODER_GO ? b->in_size > 0 : left > 0;
}

static void zstd_close(void *coder)
{
    ZSTD_freeCCtx(coder);
}

static const struct http_coder_class zstd_coder = {
    .version = version,
    .open = zstd_open,
    .run = zstd_run,
    .close = zstd_close,
};
const struct http_coder_class *const http_zstd_coder = &zstd_coder;
#else
const struct http_coder_class *const http_zstd_coder = NULL;
#endif
