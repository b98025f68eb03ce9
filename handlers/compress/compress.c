/* SPDX-License-Identifier: MIT */
#include "compress/compress.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_int coders;

bool http_coder_enter(void)
{
    if (atomic_fetch_add(&coders, 1) < HTTP_CODERS)
        return true;
    http_coder_leave();
    return false;
}

void http_coder_leave(void)
{
    atomic_fetch_sub(&coders, 1);
}

const struct http_coder_class *http_coder_of(enum http_coding coding)
{
    switch (coding) {
    case HTTP_GZIP:
        return http_gzip_coder;
    case HTTP_BROTLI:
        return http_brotli_coder;
    case HTTP_ZSTD:
        return http_zstd_coder;
    default:
        return NULL;
    }
}

unsigned http_codings(void)
{
    unsigned codings = HTTP_CODING_BIT(HTTP_IDENTITY);
    for (int coding = HTTP_GZIP; coding < HTTP_CODINGS; coding++)
        if (http_coder_of((enum http_coding)coding))
            codings |= HTTP_CODING_BIT(coding);
    return codings;
}

const char *http_coding_features(void)
{
    static _Thread_local char text[128];
    int size = snprintf(text, sizeof text, "compression: ");
    const char *comma = "";
    for (int coding = HTTP_GZIP; coding < HTTP_CODINGS; coding++) {
        const struct http_coder_class *coder = http_coder_of((enum http_coding)coding);
        if (!coder)
            continue;
        size += snprintf(text + size, sizeof text - (size_t)size, "%s%s", comma, coder->version());
        comma = ", ";
    }
    snprintf(text + size, sizeof text - (size_t)size, "%s\n", !*comma ? "none" : "");
    return text;
}

int http_compress_whole(enum http_coding coding, const char *data, size_t size, size_t room, char **result,
                        size_t *result_size)
{
    const struct http_coder_class *coder = http_coder_of(coding);
    char *out = malloc(room + 1);
    void *state = coder->open(HTTP_CODER_GOOD, size);
    struct http_coder_buffers buffers = {.in = data, .in_size = size, .out = out, .out_room = room};
    int rc = out && state ? coder->run(state, &buffers, HTTP_CODER_END) : -ENOMEM;
    if (state)
        coder->close(state);
    if (rc == 0) {
        *result_size = room - buffers.out_room;
        *result = realloc(out, *result_size + 1);
        if (!*result)
            *result = out;
        return 0;
    }
    free(out);
    return rc < 0 ? rc : -ENOSPC;
}
