/* SPDX-License-Identifier: MIT */
/* Dates, against the C library's own arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "text/date.h"

#include "../../handlers/http_server.h"

static void test_format(void **state)
{
    char text[HTTP_DATE_SIZE];
    (void)state;
    assert_string_equal(http_format_date(0, text), "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_string_equal(http_format_date(784111777, text), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_string_equal(http_format_date(951782400, text), "Tue, 29 Feb 2000 00:00:00 GMT");
    assert_string_equal(http_format_date(-1, text), "Wed, 31 Dec 1969 23:59:59 GMT");
    assert_string_equal(http_format_date(4107542399, text), "Sun, 28 Feb 2100 23:59:59 GMT");
}

static void test_format_clamps(void **state)
{
    char text[HTTP_DATE_SIZE];
    (void)state;
    assert_string_equal(http_format_date(INT64_MAX, text), "Fri, 31 Dec 9999 23:59:59 GMT");
    assert_string_equal(http_format_date(INT64_MIN, text), "Mon, 01 Jan 0001 00:00:00 GMT");
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STEP = 53 }; /* days; all of them take a minute there, and run no other code */
#else
enum { STEP = 1 };
#endif

/* Every day of the years 1 to 9999, at a time that moves through the day. */
static void test_every_day(void **state)
{
    (void)state;
    for (int64_t day = -719162; day <= 2932896; day += STEP) {
        time_t t = day * 86400 + (day % 86400 + 86400) % 86400, back;
        char text[HTTP_DATE_SIZE], expected[64];
        struct tm tm;
        gmtime_r(&t, &tm);
        strftime(expected, sizeof expected, "%a, %d %b ", &tm);
        snprintf(expected + 12, sizeof expected - 12, "%04d %02d:%02d:%02d GMT", tm.tm_year + 1900,
                 tm.tm_hour, tm.tm_min, tm.tm_sec);
        http_format_date(t, text);
        if (strcmp(text, expected) != 0 || http_parse_date(text, &back) != 0 || back != t)
            fail_msg("%s, not %s", text, expected);
    }
}

static void test_three_forms(void **state)
{
    static const struct {
        const char *text;
        time_t t;
    } dates[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Wed Nov 16 08:49:37 1994", 784975777},
        {"Thu Jan  1 00:00:00 1970", 0},
        {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
        {"Tue, 30 Jun 2015 23:59:60 GMT", 1435708800}, /* a leap second */
    };
    (void)state;
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        time_t t = 1;
        assert_int_equal(http_parse_date(dates[i].text, &t), 0);
        assert_int_equal(t, dates[i].t);
    }
}

/* RFC 9110 5.6.7: more than 50 years in the future is the past. */
static void test_two_digit_years(void **state)
{
    struct tm tm;
    time_t now = time(NULL), t;
    (void)state;
    gmtime_r(&now, &tm);
    for (int ahead = -49; ahead <= 50; ahead++) {
        char text[64];
        struct tm back;
        snprintf(text, sizeof text, "Monday, 01-Mar-%02d 00:00:00 GMT", (tm.tm_year + 1900 + ahead) % 100);
        assert_int_equal(http_parse_date(text, &t), 0);
        gmtime_r(&t, &back);
        assert_int_equal(back.tm_year, tm.tm_year + ahead);
    }
}

static void test_invalid(void **state)
{
    static const char *const dates[] = {
        "",
        "now",
        "Sun",
        "Sun,",
        "0",
        "784111777",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 29 Feb 2023 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sun Nov 06 08:49:37 94",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun, 06 Nov 1994 08:49:37 +0000",
    };
    (void)state;
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        time_t t = 42;
        if (http_parse_date(dates[i], &t) == 0 || t != 42)
            fail_msg("accepted: %s", dates[i]);
    }
}

static void test_rfc3339(void **state)
{
    static const struct {
        time_t t;
        const char *text;
    } rows[] = {{0, "1970-01-01T00:00:00Z"},
                {951827696, "2000-02-29T12:34:56Z"},
                {-62135596800, "0001-01-01T00:00:00Z"},
                {253402300799, "9999-12-31T23:59:59Z"},
                {253402300800, ""},
                {-62135596801, ""}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[HTTP_RFC3339_SIZE];
        assert_string_equal(http_format_rfc3339(rows[i].t, text), rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),          cmocka_unit_test(test_format_clamps),
        cmocka_unit_test(test_every_day),       cmocka_unit_test(test_three_forms),
        cmocka_unit_test(test_two_digit_years), cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_rfc3339),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
