/* SPDX-License-Identifier: MIT */
/* handlers/text/chars.c: what may stand where, and lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/head.h"
#include "text/chars.h"

/* Every byte, in every place: eight at a time come to the same as one by one. In memory of its exact size, so
   that the sanitizers see a byte read too far. */
static void test_value_span(void **state)
{
    enum { LONGEST = 20 };
    (void)state;
    for (size_t size = 1; size <= LONGEST; size++) {
        char *text = malloc(size);
        assert_non_null(text);
        for (size_t at = 0; at < size; at++) {
            for (int c = 0; c < 256; c++) {
                memset(text, at % 2 ? 'a' : '\t', size);
                text[at] = (char)c;
                assert_int_equal(http_value_span(text, size), http_span(text, size, HTTP_VALUE));
            }
        }
        free(text);
    }
}

static void test_names(void **state)
{
    const struct http_field field = {"x-forwarded", "", 11, 0};
    (void)state;
    assert_true(http_is_named(&field, "X-Forwarded", 11));
    assert_true(http_is_named(&field, "x-forwarded", 11));
    assert_false(http_is_named(&field, "X-Forwarde", 10));
    assert_false(http_is_named(&field, "Y-Forwarded", 11));
    assert_false(http_is_named(&field, "X-Forwardex", 11));
}

static void test_lists(void **state)
{
    const char *list = " ,\ta b ,,\t c,", *element;
    size_t size;
    (void)state;
    assert_true(http_list_next(&list, &element, &size));
    assert_int_equal(size, 3);
    assert_memory_equal(element, "a b", 3);
    assert_true(http_list_next(&list, &element, &size));
    assert_int_equal(size, 1);
    assert_memory_equal(element, "c", 1);
    assert_false(http_list_next(&list, &element, &size));
    assert_false(http_list_next(&list, &element, &size));
}

static void test_words(void **state)
{
    (void)state;
    assert_true(http_is_word("Gzip;", 4, "gZIP") && http_is_word("", 0, ""));
    assert_false(http_is_word("gzip", 3, "gzip") || http_is_word("gzip", 4, "gzi") ||
                 http_is_word("gzap", 4, "gzip"));
    assert_true(http_ends_with("a.TAR.gz", 8, ".tar.GZ"));
    assert_false(http_ends_with(".gz", 3, ".gz") || http_ends_with("a.gzx", 5, ".gz") ||
                 http_ends_with("gz", 2, ".gz"));
    for (int c = 0; c < 256; c++)
        assert_int_equal(http_lower((char)c), c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    const char *text = " \t x ";
    assert_ptr_equal(http_skip_space(text, text + 5), text + 3);
    assert_ptr_equal(http_skip_space(text, text + 2), text + 2);
    assert_ptr_equal(http_skip_space(text + 3, text + 5), text + 3);
}

static void test_quoted_strings(void **state)
{
    static const struct {
        const char *text;
        size_t size;
    } rows[] = {{"\"\"", 2},    {"\"a b\"c", 5}, {"\"a\\\"b\"", 6}, {"\"\\\\\"", 4}, {"\"\xff\"", 3},
                {"", 0},        {"a", 0},        {"\"", 0},         {"\"a", 0},      {"\"a\\", 0},
                {"\"a\\\"", 0}, {"\"\n\"", 0},   {"\"\x7f\"", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(http_quoted_span(rows[i].text), rows[i].size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_span),     cmocka_unit_test(test_names),
        cmocka_unit_test(test_lists),          cmocka_unit_test(test_words),
        cmocka_unit_test(test_quoted_strings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
