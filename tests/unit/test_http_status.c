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
#define TEXTS(code, phrase, explain) {code, phrase, explain},
    static const struct {
        int code;
        const char *phrase, *explain;
    } all[] = {HTTP_STATUS_TABLE(TEXTS)};
#undef TEXTS
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_string_equal(http_status_phrase(all[i].code), all[i].phrase);
        assert_string_equal(http_status_description(all[i].code), all[i].explain);
        assert_true(strlen(all[i].phrase) > 1 && strlen(all[i].explain) > 10);
        assert_int_not_equal(all[i].explain[strlen(all[i].explain) - 1], '.');
    }
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
