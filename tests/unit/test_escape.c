/* SPDX-License-Identifier: MIT */
/* handlers/text/escape.c, utf8.c: what strangers have sent, as it may stand in a log or in JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text/escape.h"
#include "text/utf8.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { ROOM = 8192 };

struct row {
    const char *text, *python, *apache, *json;
};

static const struct row escapes[] = {
    {"", "", "", ""},
    {"GET / HTTP/1.1", "GET / HTTP/1.1", "GET / HTTP/1.1", "GET / HTTP/1.1"},
    {"1234567\n", "1234567\\x0a", "1234567\\n", "1234567\\n"},
    {"\r\n127.0.0.1 - -", "\\x0d\\x0a127.0.0.1 - -", "\\r\\n127.0.0.1 - -", "\\r\\n127.0.0.1 - -"},
    {"\b\t\v\f", "\\x08\\x09\\x0b\\x0c", "\\b\\t\\v\\x0c", "\\b\\t\\u000b\\u000c"},
    {"\"; drop", "\"; drop", "\\\"; drop", "\\\"; drop"},
    {"a\\b\\\\", "a\\\\b\\\\\\\\", "a\\\\b\\\\\\\\", "a\\\\b\\\\\\\\"},
    {"\033[31m\a\x7f", "\\x1b[31m\\x07\\x7f", "\\x1b[31m\\x07\\x7f", "\\u001b[31m\\u0007\\u007f"},
    {"%00%0a", "%00%0a", "%00%0a", "%00%0a"},
    {"\x16\x03\x01\x02", "\\x16\\x03\\x01\\x02", "\\x16\\x03\\x01\\x02", "\\u0016\\u0003\\u0001\\u0002"},
    /* UTF-8, and what looks like it (RFC 3629 4) */
    {"\xc3\xa9", "\xc3\xa9", "\\xc3\\xa9", "\xc3\xa9"},
    {"\xe2\x82\xac", "\xe2\x82\xac", "\\xe2\\x82\\xac", "\xe2\x82\xac"},
    {"\xf0\x9f\x99\x82!", "\xf0\x9f\x99\x82!", "\\xf0\\x9f\\x99\\x82!", "\xf0\x9f\x99\x82!"},
    {"\xc2\x9b", "\\x9b", "\\xc2\\x9b", "\\u009b"},
    {"\xc2\xa0", "\xc2\xa0", "\\xc2\\xa0", "\xc2\xa0"},
    {"\x80", "\\x80", "\\x80", "\\ufffd"},
    {"\xc3", "\\xc3", "\\xc3", "\\ufffd"},
    {"\xc0\xaf", "\\xc0\\xaf", "\\xc0\\xaf", "\\ufffd\\ufffd"},
    {"\xe0\x80\xaf", "\\xe0\\x80\\xaf", "\\xe0\\x80\\xaf", "\\ufffd\\ufffd\\ufffd"},
    {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80", "\\ufffd\\ufffd\\ufffd"},
    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
    {"\xe2\x82", "\\xe2\\x82", "\\xe2\\x82", "\\ufffd\\ufffd"},
    {"\xff\xfe", "\\xff\\xfe", "\\xff\\xfe", "\\ufffd\\ufffd"},
    /* what turns text round, or is not seen */
    /* NOLINTBEGIN(misc-misleading-bidirectional) */
    {"\xe2\x80\xaegpj", "\\u202egpj", "\\xe2\\x80\\xaegpj", "\\u202egpj"},
    {"\xe2\x80\xaa", "\\u202a", "\\xe2\\x80\\xaa", "\\u202a"},
    {"\xe2\x81\xa6", "\\u2066", "\\xe2\\x81\\xa6", "\\u2066"},
    {"\xe2\x81\xa9", "\\u2069", "\\xe2\\x81\\xa9", "\\u2069"},
    /* NOLINTEND(misc-misleading-bidirectional) */
    {"\xe2\x80\x8e", "\\u200e", "\\xe2\\x80\\x8e", "\\u200e"},
    {"\xe2\x80\x8f", "\\u200f", "\\xe2\\x80\\x8f", "\\u200f"},
    {"\xd8\x9c", "\\u061c", "\\xd8\\x9c", "\\u061c"},
    {"\xe2\x80\xa8", "\\u2028", "\\xe2\\x80\\xa8", "\\u2028"},
    {"\xe2\x80\x8b", "\\u200b", "\\xe2\\x80\\x8b", "\\u200b"},
    {"\xef\xbb\xbf", "\\ufeff", "\\xef\\xbb\\xbf", "\\ufeff"},
    {"\xc2\xad", "\\xad", "\\xc2\\xad", "\\u00ad"},
    {"\xf3\xa0\x81\x81", "\\U000e0041", "\\xf3\\xa0\\x81\\x81", "\\udb40\\udc41"},
    {"\xef\xbf\xbf", "\\uffff", "\\xef\\xbf\\xbf", "\\uffff"},
    {"\xf4\x8f\xbf\xbf", "\\U0010ffff", "\\xf4\\x8f\\xbf\\xbf", "\\udbff\\udfff"},
    {"\xe2\x80\xaf\xe2\x81\xb0\xe2\x80\x90", "\xe2\x80\xaf\xe2\x81\xb0\xe2\x80\x90",
     "\\xe2\\x80\\xaf\\xe2\\x81\\xb0\\xe2\\x80\\x90", "\xe2\x80\xaf\xe2\x81\xb0\xe2\x80\x90"},
};

static void check_escaped(const char *text, enum http_dialect how, const char *expected)
{
    static char room[ROOM + 1];
    *http_escaped(room, ROOM, text, how) = 0;
    assert_string_equal(room, expected);
}

/* Also behind one to eight other bytes: eight are looked at together. */
static void test_escapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(escapes); i++) {
        const char *expected[] = {escapes[i].python, escapes[i].apache, escapes[i].json};
        for (int n = 0; n <= 9; n++) {
            for (int how = 0; how < 3; how++) {
                char text[100], result[100];
                snprintf(text, sizeof text, "%.*s%s%.*s", n, "~ !#$azAZ", escapes[i].text, n, "~ !#$azAZ");
                snprintf(result, sizeof result, "%.*s%s%.*s", n, "~ !#$azAZ", expected[how], n, "~ !#$azAZ");
                check_escaped(text, (enum http_dialect)(1 << how), result);
            }
        }
    }
}

/* Each byte alone: what is not escaped is printable. */
static void test_every_byte(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        char text[2] = {(char)c, 0}, room[ROOM];
        bool printable = c >= 0x20 && c < 0x7f, marked = c == '\\' || c == '"';
        *http_escaped(room, ROOM, text, HTTP_AS_APACHE) = 0;
        assert_int_equal(strlen(room) == 1, printable && !marked);
        *http_escaped(room, ROOM, text, HTTP_AS_JSON) = 0;
        assert_int_equal(strlen(room) == 1, printable && !marked);
        *http_escaped(room, ROOM, text, HTTP_AS_PYTHON) = 0;
        assert_int_equal(strlen(room) == 1, printable && c != '\\');
    }
}

/* However long the text is, and whatever it grows to. */
static void test_longest(void **state)
{
    static const char *const pieces[] = {"a", "\n", "\xff", "\\", "\xf0\x9f\x99\x82", "\xf3\xa0\x81\x81"};
    (void)state;
    for (size_t i = 0; i < COUNT(pieces); i++) {
        char *text = calloc(1, 40001), *room = malloc(ROOM);
        for (size_t n = 0; n < 40000; n += strlen(pieces[i]))
            strcpy(text + n, pieces[i]);
        for (int how = 1; how <= 4; how *= 2) {
            const char *end = http_escaped(room, ROOM, text, (enum http_dialect)how);
            assert_true(end > room + ROOM - 32 && end <= room + ROOM);
            assert_memory_equal(end - 3, "...", 3);
        }
        free(text);
        free(room);
    }
}

static void test_utf8_size(void **state)
{
    static const struct {
        const char *text;
        size_t length;
    } rows[] = {
        {"a", 1},
        {"\x7f", 1},
        {"\xc3\xa9", 2},
        {"\xe2\x82\xac", 3},
        {"\xed\x9f\xbf", 3},
        {"\xf0\x9f\x98\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\x80", 0},
        {"\xc0\xaf", 0},
        {"\xc1\xbf", 0},
        {"\xc3", 0},
        {"\xc3("
         "",
         0},
        {"\xe0\x80\xaf", 0},
        {"\xe2\x82", 0},
        {"\xed\xa0\x80", 0},
        {"\xf0\x80\x80\x80", 0},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"\xff", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(http_utf8_size(rows[i].text), rows[i].length);
}

static void test_utf8_decode(void **state)
{
    static const struct {
        const char *text;
        uint32_t code;
    } rows[] = {{"a", 'a'},
                {"\x7f", 0x7f},
                {"\xc2\x80", 0x80},
                {"\xdf\xbf", 0x7ff},
                {"\xe2\x82\xac", 0x20ac},
                {"\xef\xbf\xbd", 0xfffd},
                {"\xf0\x90\x80\x80", 0x10000},
                {"\xf4\x8f\xbf\xbf", 0x10ffff}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(http_utf8_decode(rows[i].text, strlen(rows[i].text)), rows[i].code);
}

static void test_is_utf8(void **state)
{
    (void)state;
    assert_true(http_is_utf8("") && http_is_utf8("a\xc3\xa9\xe2\x82\xac"));
    assert_false(http_is_utf8("a\xc3") || http_is_utf8("\x80") || http_is_utf8("a\xff"));
}

/* What misleads is not seen as what it is, either. */
static void test_misleading(void **state)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x80, 0x9f}, {0x61c, 0x61c}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}};
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        bool expected = false;
        for (size_t i = 0; i < COUNT(ranges); i++)
            expected |= c >= ranges[i].first && c <= ranges[i].last;
        assert_int_equal(http_is_misleading(c), expected);
        assert_true(!expected || http_is_hidden(c));
    }
    assert_true(http_is_hidden(0xad) && http_is_hidden(0x200d) && http_is_hidden(0xfffe) &&
                http_is_hidden(0x1ffff));
    assert_false(http_is_hidden('a') || http_is_hidden(0xa0) || http_is_hidden(0x20ac) ||
                 http_is_hidden(0x1f642));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escapes),    cmocka_unit_test(test_every_byte),  cmocka_unit_test(test_longest),
        cmocka_unit_test(test_utf8_size),  cmocka_unit_test(test_utf8_decode), cmocka_unit_test(test_is_utf8),
        cmocka_unit_test(test_misleading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
