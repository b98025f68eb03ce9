/* SPDX-License-Identifier: MIT */
/* Heads of frames, and masking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "websocket/frame.h"
#include <errno.h>

static const uint64_t sizes[] = {0, 1, 125, 126, 127, 255, 65535, 65536, 1 << 20, (1ULL << 32), INT64_MAX};

/* What is written is what is read, and not before all of it is there. */
static void test_heads(void **state)
{
    const unsigned char key[] = {1, 2, 3, 4};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int masked = 0; masked < 2; masked++) {
            char bytes[WS_MAX_HEAD];
            struct ws_head head = {.first = 77};
            int size = (int)ws_head_write(bytes, WS_FIN | 2, sizes[i], masked ? key : NULL);
            for (int there = 0; there < size; there++)
                assert_true(ws_head_read(bytes, (size_t)there, &head) > there && head.first == 77);
            assert_int_equal(ws_head_read(bytes, sizeof bytes, &head), size);
            assert_true(head.first == (WS_FIN | 2) && head.size == sizes[i] && head.masked == masked);
            assert_memory_equal(head.key, masked ? key : (const unsigned char[4]){0}, WS_KEY);
        }
}

static void test_wrong_lengths(void **state)
{
    static const char *const wrong[] = {"\x82\x7e\0\0", "\x82\x7e\0\x7d", "\x82\x7f\0\0\0\0\0\0\xff\xff",
                                        "\x82\x7f\x80\0\0\0\0\0\0\0"};
    struct ws_head head;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char bytes[WS_MAX_HEAD] = "";
        memcpy(bytes, wrong[i], i < 2 ? 4 : 10);
        assert_int_equal(ws_head_read(bytes, sizeof bytes, &head), -EPROTO);
    }
}

/* Byte by byte. */
static void mask_plainly(char *data, size_t size, const unsigned char key[WS_KEY], uint64_t at)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (char)(data[i] ^ key[(at + i) % WS_KEY]);
}

static void test_masking(void **state)
{
    const unsigned char key[] = {0x9d, 0x01, 0x80, 0xff};
    char from[300], to[300], expected[300];
    (void)state;
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (char)(i * 7);
    for (size_t size = 0; size < 200; size++)
        for (unsigned at = 0; at < 9; at++) {
            memcpy(expected, from, sizeof from);
            mask_plainly(expected, size, key, at);
            memset(to, 0, sizeof to);
            ws_mask(to, from, size, key, at);
            assert_memory_equal(to, expected, size);
            assert_int_equal(to[size], 0);
        }
}

/* A payload is moved over its key. */
static void test_overlap(void **state)
{
    const unsigned char key[] = {1, 2, 3, 4};
    char data[300], expected[300];
    (void)state;
    for (size_t distance = 0; distance < 40; distance++)
        for (size_t size = 0; size < 200; size++) {
            for (size_t i = 0; i < sizeof data; i++)
                data[i] = (char)(i * 13);
            memcpy(expected, data + distance, size);
            mask_plainly(expected, size, key, 0);
            ws_mask(data, data + distance, size, key, 0);
            assert_memory_equal(data, expected, size);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_heads), cmocka_unit_test(test_wrong_lengths),
                                       cmocka_unit_test(test_masking), cmocka_unit_test(test_overlap)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
