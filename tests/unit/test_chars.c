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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_span),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
