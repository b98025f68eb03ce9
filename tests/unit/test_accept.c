/* SPDX-License-Identifier: MIT */
/* handlers/http/accept.c: what an Accept field says about a type (RFC 9110 12.5.1). */
#include "http/accept.h"

#include "http_server.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
    const char *field;
    int html, json; /* thousandths */
} rows[] = {
    {"", 0, 0},
    {"*/*", 1000, 1000},
    {"text/html", 1000, 0},
    {"application/json", 0, 1000},
    {"APPLICATION/Json", 0, 1000},
    {"application/*", 0, 1000},
    {"text/*;q=0.5", 500, 0},
    {"text/html;q=0.7, */*;q=0.1", 700, 100},
    {"*/*;q=0.1, text/html;q=0.7", 700, 100},
    {"text/*;q=0.3, text/html;q=0.7, */*;q=0.5", 700, 500}, /* the section's own example, in part */
    {"text/html;q=0, */*", 0, 1000},
    {"text/*;q=0, text/html", 1000, 0},
    {"text/html;q=0.001", 1, 0},
    {"text/html;q=1.000", 1000, 0},
    {"text/html;q=1.", 1000, 0},
    {"text/html;q=0.", 0, 0},
    {"text/html;Q=0.25", 250, 0},
    {"text/html ; q=0.25", 250, 0},
    {"text/html;\tq=0.25\t,application/json", 250, 1000},
    {"text/html;level=1;q=0.4", 400, 0},
    {"text/html;q=0.4;ext=\"a,b;q=1\"", 400, 0},
    {"text/html;a=\"\\\"\";q=0.4, application/json;q=0.2", 400, 200},
    {"text/html;;q=0.4;", 400, 0},
    {", ,text/html,,", 1000, 0},
    {"text/html, text/html;q=0.2", 1000, 0},
    {"text/html;q=0.2, text/html", 1000, 0},
    {"text/htm, xtext/html, text/html2, text", 0, 0},
    {"application/jsonp, application/json-seq, application/jso", 0, 0},
    {"*", 0, 0},
    {"*/html", 0, 0},
    /* malformed elements do not count */
    {"text/html;q=1.001", 0, 0},
    {"text/html;q=2, */*;q=0.5", 500, 500},
    {"text/html;q=0.1234", 0, 0},
    {"text/html;q=.5", 0, 0},
    {"text/html;q=-1", 0, 0},
    {"text/html;q=", 0, 0},
    {"text/html;q", 0, 0},
    {"text/html;q=\"1\"", 0, 0},
    {"text/html;=1", 0, 0},
    {"text/html;a=\"unclosed, application/json", 0, 0},
    {"text/html;a=\"unclosed\\", 0, 0},
    {"text/html x, application/json", 0, 1000},
    {"text/html;q=0x1", 0, 0},
    {"text/html;q=0 5", 0, 0},
};

static void test_quality(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_accept html = {0, 0}, json = {0, 0};

        http_accept_find(rows[i].field, "text/html", &html);
        http_accept_find(rows[i].field, "application/json", &json);
        if (html.quality != rows[i].html || json.quality != rows[i].json)
            print_error("%s: %d %d\n", rows[i].field, html.quality, json.quality);
        assert_int_equal(html.quality, rows[i].html);
        assert_int_equal(json.quality, rows[i].json);
    }
}

/* Several lines are one list. */
static void test_lines(void **state)
{
    struct http_accept accept = {0, 0};

    (void)state;
    http_accept_find("*/*;q=0.1", "text/html", &accept);
    assert_int_equal(accept.quality, 100);
    http_accept_find("text/html;q=0.3", "text/html", &accept);
    assert_int_equal(accept.quality, 300);
    http_accept_find("text/*", "text/html", &accept);
    assert_int_equal(accept.quality, 300);
    assert_int_equal(accept.precision, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_quality), cmocka_unit_test(test_lines)};

    return cmocka_run_group_tests_name("accept", tests, NULL, NULL);
}
