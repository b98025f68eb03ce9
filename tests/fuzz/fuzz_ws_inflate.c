/* SPDX-License-Identifier: MIT */
/* A message that is compressed, in one call against zlib itself, and in pieces: the same text and the same
   end (RFC 7692 7.2.2). The first two bytes choose the window and the pieces. */
#include "compress/deflate.h"
#include "fuzz.h"
#include <errno.h>

enum { MAX_TEXT = 1 << 16 };

struct text {
    int rc; /* 1: it was inflated to its end; or -errno. 0: it is longer than MAX_TEXT */
    size_t size;
    char data[MAX_TEXT];
};

static size_t at_most(size_t n, size_t limit)
{
    return n < limit ? n : limit;
}

/* In pieces of the input and of the output whose sizes come of `seed`; 0: all at once. */
static void inflate_it(struct http_inflater *inflater, const char *data, size_t size, uint32_t seed,
                       struct text *text)
{
    struct http_coder_buffers b = {.in = data, .out = text->data};
    const char *end = data + size, *text_end = text->data + MAX_TEXT;
    size_t calls = 0;
    text->rc = 0;
    while (text->rc == 0 && b.out < text_end) {
        size_t left = (size_t)(end - b.in), room = (size_t)(text_end - b.out);
        bool full = calls > 0 && b.out_room == 0;
        b.in_size = full ? b.in_size : at_most(left, seed ? 1 + fuzz_random(&seed) % 9 : SIZE_MAX);
        b.out_room = at_most(room, seed ? 1 + fuzz_random(&seed) % 99 : SIZE_MAX);
        size_t in = b.in_size, out = b.out_room;
        text->rc = http_inflater_run(inflater, &b, b.in_size == left);
        REQUIRE(b.in_size <= in && b.out_room <= out);
        REQUIRE(text->rc == 1 || text->rc == -EPROTO || (text->rc == 0 && (b.out_room == 0 || in < left)));
        REQUIRE(text->rc != 1 || (b.in == end && b.in_size == 0));
        REQUIRE(calls++ < 3 * (size + MAX_TEXT) + 9); /* each call takes or gives something */
    }
    text->size = (size_t)(b.out - text->data);
}

/* Whatever text there is comes back when it is compressed. */
static void there_and_back(const uint8_t *data, size_t size, int bits)
{
    static char packed[8192];
    static struct text text;
    struct http_deflater *deflater = http_deflater_open(bits);
    struct http_inflater *inflater = http_inflater_open(bits);
    REQUIRE(deflater && inflater);
    for (int i = 0; i < 2; i++) { /* the second time by reference to the first */
        size_t packed_size;
        int rc = http_deflater_run(deflater, (const char *)data, size, packed, sizeof packed, &packed_size);
        REQUIRE(rc == 0 || (rc == -ENOSPC && size == 0)); /* nothing, again: it has been told */
        if (rc < 0)
            break;
        inflate_it(inflater, packed, packed_size, 7, &text);
        REQUIRE(text.rc == 1 && text.size == size && (size == 0 || memcmp(text.data, data, size) == 0));
    }
    http_deflater_close(deflater);
    http_inflater_close(inflater);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct text whole, pieces, again;
    if (!http_has_deflate() || size < 2 || size > 4096)
        return 0;
    int bits = HTTP_DEFLATE_MIN_BITS + data[0] % 7;
    char *copy = fuzz_copy(data + 2, size - 2, NULL, 0);
    /* With a smaller window zlib takes what refers further back if it has given that in the same call. */
    struct http_inflater *one = http_inflater_open(HTTP_DEFLATE_MAX_BITS);
    struct http_inflater *other = http_inflater_open(HTTP_DEFLATE_MAX_BITS);
    REQUIRE(one && other);
    inflate_it(one, copy, size - 2, 0, &whole);
    inflate_it(other, copy, size - 2, 1 + data[1], &pieces);
    REQUIRE(whole.rc == pieces.rc);
    REQUIRE(whole.rc < 0 || (whole.size == pieces.size && memcmp(whole.data, pieces.data, whole.size) == 0));
    if (whole.rc == 1) { /* the same message again may refer to what was before, and means at least as much */
        inflate_it(one, copy, size - 2, 0, &again);
        REQUIRE(again.rc == 1 && again.size == whole.size && memcmp(again.data, whole.data, whole.size) == 0);
    }
    http_inflater_close(one);
    http_inflater_close(other);
    there_and_back((const uint8_t *)copy, size - 2, bits);
    free(copy);
    return 0;
}
