/* SPDX-License-Identifier: MIT */
/* The coding "br" (RFC 7932), by Google's brotli. */
#include "compress/compress.h"

#ifdef HTTP_BROTLI_ENCODER
#include <brotli/encode.h>
#include <errno.h>
#include <stdio.h>

enum { GOOD = 5, FAST = 3, WINDOW_BITS = 18 };

static const char *version(void)
{
    static _Thread_local char text[32];
    uint32_t v = BrotliEncoderVersion();
    snprintf(text, sizeof text, "brotli %u.%u.%u", v >> 24, v >> 12 & 0xfff, v & 0xfff);
    return text;
}

static void *brotli_open(enum http_coder_effort effort, size_t size)
{
    BrotliEncoderState *s = BrotliEncoderCreateInstance(NULL, NULL, NULL);
    if (!s)
        return NULL;
    BrotliEncoderSetParameter(s, BROTLI_PARAM_QUALITY, effort == HTTP_CODER_GOOD ? GOOD : FAST);
    BrotliEncoderSetParameter(s, BROTLI_PARAM_LGWIN, WINDOW_BITS);
    if (size > 0 && size < 1 << 30)
        BrotliEncoderSetParameter(s, BROTLI_PARAM_SIZE_HINT, (uint32_t)size);
    return s;
}

static int brotli_run(void *coder, struct http_coder_buffers *b, enum http_coder_step step)
{
    static const BrotliEncoderOperation operations[] = {[HTTP_CODER_GO] = BROTLI_OPERATION_PROCESS,
                                                        [HTTP_CODER_FLUSH] = BROTLI_OPERATION_FLUSH,
                                                        [HTTP_CODER_END] = BROTLI_OPERATION_FINISH};
    const uint8_t *in = (const uint8_t *)b->in;
    uint8_t *out = (uint8_t *)b->out;
    BROTLI_BOOL good =
        BrotliEncoderCompressStream(coder, operations[step], &b->in_size, &in, &b->out_room, &out, NULL);
    b->in = (const char *)in;
    b->out = (char *)out;
    if (!good)
        return -EIO;
    if (step == HTTP_CODER_END)
        return !BrotliEncoderIsFinished(coder);
    return b->in_size > 0 || BrotliEncoderHasMoreOutput(coder);
}

static void brotli_close(void *coder)
{
    BrotliEncoderDestroyInstance(coder);
}

static const struct http_coder_class brotli_coder = {
    .version = version,
    .open = brotli_open,
    .run = brotli_run,
    .close = brotli_close,
};
const struct http_coder_class *const http_brotli_coder = &brotli_coder;
#else
const struct http_coder_class *const http_brotli_coder = NULL;
#endif
