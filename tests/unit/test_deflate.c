/* SPDX-License-Identifier: MIT */
/* handlers/compress/deflate.c: what is compressed is inflated again, however it is cut, and what is not
   compressed is refused (RFC 7692 7.2). */
#include "compress/deflate.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE = 200000 };

static char text[SIZE], packed[SIZE], unpacked[SIZE];

static int fill(void **state)
{
    uint32_t random = 1;
    (void)state;
    for (size_t i = 0; i < SIZE; i++) {
        random = random * 1664525 + 1013904223;
        text[i] = i % 100 < 60 ? "etaoin shrdlu\n<>"[(random >> 24) % 16] : 'x';
    }
    return 0;
}

static void need_zlib(void)
{
    if (http_has_deflate())
        return;
    printf("# SKIP no zlib\n");
    skip();
}

/* Inflates a message that comes in pieces of `step` bytes into room for `room` bytes at a time. Returns its
   size, or -errno. */
static ssize_t inflate_by(struct http_inflater *inflater, const char *data, size_t size, size_t step,
                          size_t room)
{
    struct http_coder_buffers b = {.in = data, .out = unpacked};
    int rc = 0;
    while (rc == 0) {
        bool full = b.out > unpacked && b.out_room == 0;
        size_t left = size - (size_t)(b.in - data);
        b.in_size = full && b.in_size ? b.in_size : left < step ? left : step;
        b.out_room = room;
        assert_true(b.out + room <= unpacked + SIZE);
        rc = http_inflater_run(inflater, &b, b.in_size == left);
    }
    return rc == 1 ? b.out - unpacked : rc;
}

static const size_t steps[] = {1, 2, 3, 7, 100, 4096, SIZE}, rooms[] = {1, 2, 5, 1000, SIZE / 2};

static void test_both_ways(void **state)
{
    (void)state;
    need_zlib();
    for (int bits = HTTP_DEFLATE_MIN_BITS; bits <= HTTP_DEFLATE_MAX_BITS; bits++)
        for (size_t size = 0; size < SIZE / 2; size = size * 7 + 1) {
            struct http_deflater *deflater = http_deflater_open(bits);
            struct http_inflater *inflater = http_inflater_open(bits);
            size_t packed_size;
            assert_int_equal(http_deflater_run(deflater, text, size, packed, SIZE, &packed_size), 0);
            assert_int_equal(inflate_by(inflater, packed, packed_size, steps[size % 7], SIZE / 2), size);
            assert_memory_equal(unpacked, text, size);
            http_deflater_close(deflater);
            http_inflater_close(inflater);
        }
}

static void test_pieces(void **state)
{
    size_t packed_size;
    (void)state;
    need_zlib();
    struct http_deflater *deflater = http_deflater_open(HTTP_DEFLATE_BITS);
    struct http_inflater *inflater = http_inflater_open(HTTP_DEFLATE_BITS);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        for (size_t j = 0; j < sizeof rooms / sizeof *rooms; j++) { /* each may refer to those before */
            assert_int_equal(http_deflater_run(deflater, text + i, 20000, packed, SIZE, &packed_size), 0);
            assert_int_equal(inflate_by(inflater, packed, packed_size, steps[i], rooms[j]), 20000);
            assert_memory_equal(unpacked, text + i, 20000);
        }
    http_deflater_close(deflater);
    http_inflater_close(inflater);
}

/* What is closed is used again, as if it were new. */
static void test_nothing_is_left(void **state)
{
    char again[1000];
    size_t first, second;
    (void)state;
    need_zlib();
    struct http_deflater *deflater = http_deflater_open(HTTP_DEFLATE_BITS);
    assert_int_equal(http_deflater_run(deflater, text, 1000, packed, SIZE, &first), 0);
    http_deflater_close(deflater);
    deflater = http_deflater_open(HTTP_DEFLATE_BITS);
    assert_int_equal(http_deflater_run(deflater, text, 1000, again, sizeof again, &second), 0);
    assert_int_equal(first, second);
    assert_memory_equal(packed, again, first);
    assert_int_equal(http_deflater_run(deflater, text, 1000, again, sizeof again, &second), 0);
    assert_true(second < 20);
    struct http_inflater *inflater = http_inflater_open(HTTP_DEFLATE_MAX_BITS);
    assert_int_equal(inflate_by(inflater, packed, first, SIZE, SIZE), 1000);
    http_inflater_close(inflater);
    inflater = http_inflater_open(HTTP_DEFLATE_MAX_BITS);
    assert_int_equal(inflate_by(inflater, again, second, SIZE, SIZE), -EPROTO);
    http_inflater_close(inflater);
    http_deflater_close(deflater);
}

/* More are open than are kept. */
static void test_many(void **state)
{
    struct http_deflater *deflaters[20];
    struct http_inflater *inflaters[20];
    size_t packed_size;
    (void)state;
    need_zlib();
    for (int i = 0; i < 20; i++) {
        assert_non_null(deflaters[i] = http_deflater_open(HTTP_DEFLATE_BITS));
        assert_non_null(inflaters[i] = http_inflater_open(HTTP_DEFLATE_MAX_BITS));
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(http_deflater_run(deflaters[i], text + i, 5000, packed, SIZE, &packed_size), 0);
        assert_int_equal(inflate_by(inflaters[i], packed, packed_size, 100, SIZE / 2), 5000);
        assert_memory_equal(unpacked, text + i, 5000);
    }
    for (int i = 0; i < 20; i++) {
        http_deflater_close(deflaters[i]);
        http_inflater_close(inflaters[i]);
    }
    http_deflater_close(NULL);
    http_inflater_close(NULL);
}

/* What finds no room is not sent, so the next message must not refer to it. */
static void test_no_room(void **state)
{
    size_t packed_size;
    (void)state;
    need_zlib();
    struct http_deflater *deflater = http_deflater_open(HTTP_DEFLATE_BITS);
    struct http_inflater *inflater = http_inflater_open(HTTP_DEFLATE_BITS);
    for (size_t room = 0; room < 200; room++)
        assert_int_equal(http_deflater_run(deflater, text, 1000, packed, room, &packed_size), -ENOSPC);
    assert_int_equal(http_deflater_run(deflater, text, 1000, packed, 1000, &packed_size), 0);
    assert_int_equal(inflate_by(inflater, packed, packed_size, SIZE, SIZE), 1000);
    assert_memory_equal(unpacked, text, 1000);
    http_deflater_close(deflater);
    http_inflater_close(inflater);
}

#define BYTES(text) text, sizeof(text) - 1

static const struct {
    const char *data;
    size_t size;
    ssize_t result; /* the size of "Hello", "HelloHello" or nothing, or -EPROTO */
} forms[] = {
    {BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00"), 5}, /* RFC 7692 7.2.3.1 to 7.2.3.6 */
    {BYTES("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), 5},
    {BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), 5},
    {BYTES("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), 5},
    {BYTES("\x00"), 0},
    {BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00"), 5}, /* without the octet behind the last block */
    {BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00"), 10}, /* what is behind it refers to it */
    {BYTES("\x03\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x03\x00"), 5},
    {BYTES(""), 0},
    {BYTES("\x03\x00"), 0},
    {BYTES("\x00\x00\x00\xff\xff\x00"), 0},
    {BYTES("\x07"), -EPROTO},                 /* a block of no type */
    {BYTES("\xf2\x00\x11\x00\x00"), -EPROTO}, /* to what is before */
    {BYTES("\xf2\x48\xcd\xc9"), -EPROTO},
    {BYTES("\xf3\x48\xcd\xc9\xc9"), -EPROTO},
    {BYTES("\x00\x05\x00\xfa\xff\x48\x65\x6c"), -EPROTO},
    {BYTES("\x00\x05\x00\xfb\xff\x48\x65\x6c\x6c\x6f\x00"), -EPROTO},
    {BYTES("\x01\x05\x00\xfa\xff\x48"), -EPROTO},
    {BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\x00\x00"), -EPROTO},
};

static void test_forms(void **state)
{
    (void)state;
    need_zlib();
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        for (size_t step = 1; step < 20; step++)
            for (size_t room = 1; room < 12; room++) {
                struct http_inflater *inflater = http_inflater_open(HTTP_DEFLATE_MAX_BITS);
                assert_int_equal(inflate_by(inflater, forms[i].data, forms[i].size, step, room),
                                 forms[i].result);
                if (forms[i].result > 0)
                    assert_memory_equal(unpacked, "HelloHello", (size_t)forms[i].result);
                http_inflater_close(inflater);
            }
}

/* Whichever form a message has, the next one may refer to it. */
static void test_forms_with_context(void **state)
{
    (void)state;
    need_zlib();
    struct http_inflater *inflater = http_inflater_open(9);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        for (size_t step = 1; step < 20 && forms[i].result == 5; step++) {
            assert_int_equal(inflate_by(inflater, forms[i].data, forms[i].size, step, 3), 5);
            assert_int_equal(inflate_by(inflater, BYTES("\xf2\x00\x11\x00\x00"), step, 3), 5);
            assert_memory_equal(unpacked, "Hello", 5);
        }
    http_inflater_close(inflater);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_nothing_is_left),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_forms_with_context),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
