/* SPDX-License-Identifier: MIT */
/* handlers/text/number.c: numbers as text, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "text/number.h"

static void test_append_number(void **state)
{
    static const int64_t numbers[] = {0, 1, 9, 10, 99, 100, 1234567890, INT64_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char text[24], expected[24];
        *http_append_number(text, numbers[i]) = 0;
        snprintf(expected, sizeof expected, "%jd", (intmax_t)numbers[i]);
        assert_string_equal(text, expected);
    }
}

static void test_append_digits(void **state)
{
    char text[24];
    (void)state;
    *http_append_digits(text, 7, 2) = 0;
    assert_string_equal(text, "07");
    *http_append_digits(text, 1994, 4) = 0;
    assert_string_equal(text, "1994");
    *http_append_digits(text, 1994, 2) = 0;
    assert_string_equal(text, "94");
    *http_append_digits(text, 0, 1) = 0;
    assert_string_equal(text, "0");
}

static void test_hex(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char text[3], expected[3];
        *http_append_hex(text, (unsigned char)byte) = 0;
        snprintf(expected, sizeof expected, "%02x", byte);
        assert_string_equal(text, expected);
        assert_int_equal(http_hex_digit(text[0]) * 16 + http_hex_digit(text[1]), byte);
    }
    for (int c = 0; c < 256; c++) {
        bool is_digit = c && strchr("0123456789ABCDEFabcdef", c);
        assert_int_equal(http_hex_digit((char)c) >= 0, is_digit);
    }
}

static void test_read_number(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
        size_t size; /* of the digits */
    } rows[] = {
        {"0", 0, 1},
        {"007x", 7, 3},
        {"42-", 42, 2},
        {"9223372036854775806", INT64_MAX - 1, 19},
        {"9223372036854775807", INT64_MAX, 19},
        {"9223372036854775808", INT64_MAX, 19},
        {"99999999999999999999999999", INT64_MAX, 26},
        {"", 0, 0},
        {"-1", 0, 0},
        {"+1", 0, 0},
        {" 1", 0, 0},
        {"x", 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *at = rows[i].text;
        int64_t value;
        assert_int_equal(http_read_number(&at, &value), rows[i].size > 0);
        assert_int_equal(at - rows[i].text, rows[i].size);
        assert_true(value == rows[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_number),
        cmocka_unit_test(test_append_digits),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_read_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
