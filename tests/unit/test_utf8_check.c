/* SPDX-License-Identifier: MIT */
/* UTF-8 that comes in pieces, against the check of whole texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text/utf8.h"
#include "text/utf8_check.h"

/* In pieces that end at `first` and `second`. */
static bool is_utf8(const char *text, size_t size, size_t first, size_t second)
{
    struct http_utf8 utf8 = {0};
    return http_utf8_go_on(&utf8, text, first) && http_utf8_go_on(&utf8, text + first, second - first) &&
           http_utf8_go_on(&utf8, text + second, size - second) && http_utf8_may_end(&utf8);
}

static void check(const char *text)
{
    size_t size = strlen(text);
    bool expected = http_is_utf8(text);
    for (size_t first = 0; first <= size; first++)
        for (size_t second = first; second <= size; second++)
            assert_int_equal(is_utf8(text, size, first, second), expected);
}

/* All texts of up to three bytes. */
static void test_short(void **state)
{
    char text[4] = "";
    (void)state;
    for (unsigned n = 1; n < 1 << 24; n += n < 1 << 16 ? 1 : 37) {
        memcpy(text, &(unsigned char[]){(unsigned char)n, (unsigned char)(n >> 8), (unsigned char)(n >> 16)},
               3);
        size_t size = strlen(text);
        assert_int_equal(is_utf8(text, size, size / 3, size / 2), http_is_utf8(text));
    }
}

static void test_characters(void **state)
{
    (void)state;
    check("ascii");
    check("Gr\xc3\xbc\xc3\x9f"
          "e, \xe4\xb8\x96 \xf0\x9f\x8c\x8d");
    check("\xed\xa0\x80");
    check("\xf4\x8f\xbf\xbf \xf4\x90\x80\x80");
    check("\xf0\x8f\xbf\xbf");
    check("a\xe0\x9f\xbf");
    check("\xc3");
}

/* A wrong byte, or a character, anywhere in a long text. */
static void test_long(void **state)
{
    static const char character[4] = {'\xf0', '\x9f', '\x8c', '\x8d'};
    char text[200];
    (void)state;
    for (size_t at = 0; at + 4 < sizeof text; at++) {
        memset(text, 'x', sizeof text);
        memcpy(text + at, character, sizeof character);
        assert_true(is_utf8(text, sizeof text, 0, at + 2));
        text[at + 3] = 'x';
        assert_false(is_utf8(text, sizeof text, 0, at + 2));
    }
}

/* It is noticed at the first byte that cannot be. */
static void test_early(void **state)
{
    struct http_utf8 utf8 = {0};
    (void)state;
    assert_true(http_utf8_go_on(&utf8, "\xf0", 1));
    assert_false(http_utf8_may_end(&utf8));
    assert_false(http_utf8_go_on(&utf8, "\x80", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_short), cmocka_unit_test(test_characters),
                                       cmocka_unit_test(test_long), cmocka_unit_test(test_early)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
