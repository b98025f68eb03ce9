/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../handlers/http_server.h"
#include "http/status.h"

static void test_known(void **state)
{
    (void)state;
    assert_string_equal(http_status_phrase(200), "OK");
    assert_string_equal(http_status_phrase(404), "Not Found");
    assert_string_equal(http_status_phrase(511), "Network Authentication Required");
    assert_string_equal(http_status_description(404), "There is nothing at this address");
}

static void test_unknown(void **state)
{
    static const int none[] = {-1, 0, 99, 199, 299, 306, 499, 509, 600, 1000};
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_string_equal(http_status_phrase(none[i]), "");
        assert_string_equal(http_status_description(none[i]), "");
    }
}

/* Each status has its own. Explanations become "<p>%s.</p>": they neither end with a full stop nor lack
 * words. */
static void test_texts(void **state)
{
    (void)state;
#define CHECK(code, phrase, explain)                             \
    assert_string_equal(http_status_phrase(code), phrase);       \
    assert_string_equal(http_status_description(code), explain); \
    assert_true(strlen(phrase) > 1 && strlen(explain) > 10);     \
    assert_int_not_equal((explain)[strlen(explain) - 1], '.');
    HTTP_STATUS_TABLE(CHECK)
#undef CHECK
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
