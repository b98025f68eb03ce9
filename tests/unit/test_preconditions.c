/* SPDX-License-Identifier: MIT */
/* handlers/http/preconditions.c: If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since and their
   order; each row names its section of RFC 9110. Ranges: test_ranges.c. */
#include "preconditions_rig.h"

#define ROW(rule, method, lines, there, status)        \
    {                                                  \
        rule, method, lines, 1000, NULL, there, status \
    }
#define GET(rule, lines, there, status) ROW(rule, "GET", lines, there, status)
#define PUT(rule, lines, there, status) ROW(rule, "PUT", lines, there, status)

static void test_if_match(void **state)
{
    static const struct row rows[] = {
        GET("13.1.1 the tag", "If-Match: \"a\"", STRONG, 200),
        PUT("13.1.1 the tag", "If-Match: \"a\"", STRONG, 200),
        ROW("13.1.1 the tag", "HEAD", "If-Match: \"a\"", STRONG, 200),
        ROW("13.1.1 the tag", "DELETE", "If-Match: \"a\"", STRONG, 200),
        ROW("13.1.1 the tag", "POST", "If-Match: \"a\"", STRONG, 200),
        GET("13.1.1 another tag", "If-Match: \"b\"", STRONG, 412),
        PUT("13.1.1 another tag", "If-Match: \"b\"", STRONG, 412),
        ROW("13.1.1 another tag", "HEAD", "If-Match: \"b\"", STRONG, 412),
        ROW("13.1.1 another tag", "DELETE", "If-Match: \"b\"", STRONG, 412),
        ROW("13.1.1 another tag", "PATCH", "If-Match: \"b\"", STRONG, 412),
        GET("13.1.1 in a list", "If-Match: \"x\", \"a\"", STRONG, 200),
        GET("13.1.1 first of a list", "If-Match: \"a\", \"x\"", STRONG, 200),
        GET("13.1.1 amid a list", "If-Match: \"x\", \"a\", \"y\"", STRONG, 200),
        GET("13.1.1 not in a list", "If-Match: \"x\", \"y\", \"z\"", STRONG, 412),
        GET("5.6.1 without spaces", "If-Match: \"x\",\"a\"", STRONG, 200),
        GET("5.6.1 with tabs", "If-Match: \"x\"\t,\t\"a\"\t", STRONG, 200),
        GET("5.6.1 empty elements", "If-Match: , ,\"x\", ,, \"a\",", STRONG, 200),
        GET("5.3 several lines", "If-Match: \"x\"\nIf-Match: \"a\"", STRONG, 200),
        GET("5.3 several lines, others between", "If-Match: \"x\"\nHost: h\nIf-Match: \"a\"", STRONG, 200),
        GET("5.3 several lines, none", "If-Match: \"x\"\nIf-Match: \"y\"", STRONG, 412),
        GET("5.1 name in another case", "IF-MATCH: \"b\"", STRONG, 412),
        GET("5.1 lines in different case", "if-match: \"x\"\nIf-mAtch: \"a\"", STRONG, 200),
        GET("13.1.1 strong comparison, theirs is weak", "If-Match: W/\"a\"", STRONG, 412),
        GET("13.1.1 strong comparison, ours is weak", "If-Match: \"a\"", WEAK, 412),
        GET("13.1.1 strong comparison, both are weak", "If-Match: W/\"a\"", WEAK, 412),
        GET("13.1.1 a weak one and the strong one", "If-Match: W/\"a\", \"a\"", STRONG, 200),
        GET("13.1.1 *", "If-Match: *", STRONG, 200),
        GET("13.1.1 *", "If-Match: *", WEAK, 200),
        GET("13.1.1 *", "If-Match: *", BARE, 200),
        GET("13.1.1 *", "If-Match: *", DATED, 200),
        PUT("13.1.1 * and nothing there", "If-Match: *", NOTHING, 412),
        PUT("13.1.1 a tag and nothing there", "If-Match: \"a\"", NOTHING, 412),
        GET("13.1.1 no tag to compare", "If-Match: \"a\"", BARE, 412),
        GET("13.1.1 only a date to compare", "If-Match: \"a\"", DATED, 412),
        GET("13.1.1 * in a list is none", "If-Match: \"x\", *", STRONG, 412),
        GET("13.1.1 * in two lines is none", "If-Match: *\nIf-Match: *", STRONG, 412),
    };
    (void)state;
    CHECK_ROWS(rows);
}

static void test_malformed_tags(void **state)
{
    static const struct row rows[] = {
        GET("8.8.3 without quotes", "If-Match: a", STRONG, 412),
        GET("8.8.3 half a quote", "If-Match: \"a", STRONG, 412),
        GET("8.8.3 half a quote", "If-Match: a\"", STRONG, 412),
        GET("8.8.3 single quotes", "If-Match: 'a'", STRONG, 412),
        GET("8.8.3 something behind it", "If-Match: \"a\"b", STRONG, 412),
        GET("8.8.3 something behind it", "If-Match: \"a\" \"b\"", STRONG, 412),
        GET("8.8.3 a space in it", "If-Match: \"a \"", STRONG, 412),
        GET("8.8.3 w is case-sensitive", "If-Match: w/\"a\"", STRONG, 412),
        GET("8.8.3 tags are case-sensitive", "If-Match: \"A\"", STRONG, 412),
        GET("8.8.3 longer", "If-Match: \"aa\"", STRONG, 412),
        GET("8.8.3 empty tag", "If-Match: \"\"", STRONG, 412),
        GET("8.8.3 behind what is malformed", "If-Match: x, \"a\"", STRONG, 412),
        GET("8.8.3 a comma in a tag", "If-Match: \"x,\", \"a\"", STRONG, 200),
        GET("8.8.3 a tag in a tag", "If-Match: \"x,'a',y\"", STRONG, 412),
        GET("8.8.3 no backslash escapes", "If-Match: \"x\\\", \"a\"", STRONG, 200),
        GET("8.8.3 obs-text", "If-Match: \"\xff\x80\", \"a\"", STRONG, 200),
        GET("8.8.3 empty field", "If-Match: ", STRONG, 412),
        GET("8.8.3 only commas", "If-Match: ,,", STRONG, 412),
        GET("8.8.3 a broken tag of ours", "If-Match: a", BROKEN, 412),
        GET("8.8.3 a broken tag of ours", "If-Match: \"a\"", BROKEN, 412),
    };
    (void)state;
    CHECK_ROWS(rows);
}

static void test_if_none_match(void **state)
{
    static const struct row rows[] = {
        GET("13.1.2 the tag", "If-None-Match: \"a\"", STRONG, 304),
        ROW("13.1.2 the tag", "HEAD", "If-None-Match: \"a\"", STRONG, 304),
        PUT("13.1.2 the tag, no GET", "If-None-Match: \"a\"", STRONG, 412),
        ROW("13.1.2 the tag, no GET", "POST", "If-None-Match: \"a\"", STRONG, 412),
        ROW("13.1.2 the tag, no GET", "DELETE", "If-None-Match: \"a\"", STRONG, 412),
        GET("13.1.2 another tag", "If-None-Match: \"b\"", STRONG, 200),
        PUT("13.1.2 another tag", "If-None-Match: \"b\"", STRONG, 200),
        GET("13.1.2 in a list", "If-None-Match: \"x\", \"a\"", STRONG, 304),
        GET("13.1.2 first of a list", "If-None-Match: \"a\", \"x\"", STRONG, 304),
        GET("13.1.2 not in a list", "If-None-Match: \"x\", \"y\"", STRONG, 200),
        GET("5.6.1 empty elements", "If-None-Match: ,,\"x\",,\"a\"", STRONG, 304),
        GET("5.3 several lines", "If-None-Match: \"x\"\nIf-None-Match: \"a\"", STRONG, 304),
        GET("5.3 several lines, the first", "If-None-Match: \"a\"\nIf-None-Match: \"x\"", STRONG, 304),
        GET("5.3 several lines, none", "If-None-Match: \"x\"\nIf-None-Match: \"y\"", STRONG, 200),
        GET("13.1.2 weak comparison, theirs is weak", "If-None-Match: W/\"a\"", STRONG, 304),
        GET("13.1.2 weak comparison, ours is weak", "If-None-Match: \"a\"", WEAK, 304),
        GET("13.1.2 weak comparison, both are weak", "If-None-Match: W/\"a\"", WEAK, 304),
        PUT("13.1.2 weak comparison, no GET", "If-None-Match: W/\"a\"", STRONG, 412),
        GET("13.1.2 weak and another", "If-None-Match: W/\"b\"", STRONG, 200),
        GET("13.1.2 *", "If-None-Match: *", STRONG, 304),
        ROW("13.1.2 *", "HEAD", "If-None-Match: *", BARE, 304),
        PUT("13.1.2 * and something there", "If-None-Match: *", STRONG, 412),
        PUT("13.1.2 * and something without tag there", "If-None-Match: *", BARE, 412),
        PUT("13.1.2 * and nothing there", "If-None-Match: *", NOTHING, 200),
        PUT("13.1.2 a tag and nothing there", "If-None-Match: \"a\"", NOTHING, 200),
        GET("13.1.2 no tag to compare", "If-None-Match: \"a\"", BARE, 200),
        GET("13.1.2 only a date to compare", "If-None-Match: \"a\"", DATED, 200),
        GET("13.1.2 * in a list is none", "If-None-Match: \"x\", *", STRONG, 200),
        GET("8.8.3 without quotes", "If-None-Match: a", STRONG, 200),
        GET("8.8.3 half a quote", "If-None-Match: \"a", STRONG, 200),
        GET("8.8.3 something behind it", "If-None-Match: \"a\"b", STRONG, 200),
        GET("8.8.3 w is case-sensitive", "If-None-Match: w/\"a\"", STRONG, 200),
        GET("8.8.3 tags are case-sensitive", "If-None-Match: \"A\"", STRONG, 200),
        GET("8.8.3 W alone", "If-None-Match: W/", STRONG, 200),
        GET("8.8.3 W alone", "If-None-Match: W", STRONG, 200),
        GET("8.8.3 W twice", "If-None-Match: W/W/\"a\"", STRONG, 200),
        GET("8.8.3 a comma in a tag", "If-None-Match: \"x,\"a\"", STRONG, 200),
        GET("8.8.3 a comma in a tag", "If-None-Match: \"x,y\", \"a\"", STRONG, 304),
        GET("8.8.3 empty field", "If-None-Match: ", STRONG, 200),
        GET("8.8.3 a broken tag of ours", "If-None-Match: a", BROKEN, 200),
    };
    (void)state;
    CHECK_ROWS(rows);
}

static void test_if_modified_since(void **state)
{
    static const struct row rows[] = {
        GET("13.1.3 the date", "If-Modified-Since: " EQUAL, DATED, 304),
        ROW("13.1.3 the date", "HEAD", "If-Modified-Since: " EQUAL, DATED, 304),
        GET("13.1.3 later", "If-Modified-Since: " NEWER, DATED, 304),
        GET("13.1.3 earlier", "If-Modified-Since: " OLDER, DATED, 200),
        GET("13.1.3 a date that is not strong", "If-Modified-Since: " EQUAL, YOUNG, 304),
        GET("13.1.3 a far date", "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT", DATED, 304),
        GET("13.1.3 an early date", "If-Modified-Since: Mon, 01 Jan 0001 00:00:00 GMT", DATED, 200),
        PUT("13.1.3 only GET and HEAD", "If-Modified-Since: " EQUAL, DATED, 200),
        ROW("13.1.3 only GET and HEAD", "POST", "If-Modified-Since: " NEWER, DATED, 200),
        GET("13.1.3 no date to compare", "If-Modified-Since: " EQUAL, STRONG, 200),
        GET("13.1.3 nothing to compare", "If-Modified-Since: " EQUAL, BARE, 200),
        PUT("13.1.3 nothing there", "If-Modified-Since: " EQUAL, NOTHING, 200),
        GET("5.6.7 RFC 850", "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT", DATED, 304),
        GET("5.6.7 RFC 850, earlier", "If-Modified-Since: Sunday, 06-Nov-94 08:49:36 GMT", DATED, 200),
        GET("5.6.7 asctime", "If-Modified-Since: Sun Nov  6 08:49:37 1994", DATED, 304),
        GET("5.6.7 asctime, earlier", "If-Modified-Since: Sun Nov  6 08:49:36 1994", DATED, 200),
        GET("13.1.3 no date", "If-Modified-Since: yesterday", DATED, 200),
        GET("13.1.3 no date", "If-Modified-Since: 784111777", DATED, 200),
        GET("13.1.3 no date", "If-Modified-Since: ", DATED, 200),
        GET("13.1.3 another zone", "If-Modified-Since: Sun, 06 Nov 1994 08:49:38 CET", DATED, 200),
        GET("13.1.3 the old ;length=", "If-Modified-Since: " EQUAL "; length=5", DATED, 200),
        GET("13.1.3 no such day", "If-Modified-Since: Sun, 31 Nov 1994 08:49:37 GMT", DATED, 200),
        GET("13.1.3 more than one", "If-Modified-Since: " EQUAL "\nIf-Modified-Since: " EQUAL, DATED, 200),
        GET("13.1.3 ignored with If-None-Match", "If-Modified-Since: " EQUAL "\nIf-None-Match: \"b\"", BOTH,
            200),
        GET("13.1.3 ignored with If-None-Match", "If-Modified-Since: " OLDER "\nIf-None-Match: \"a\"", BOTH,
            304),
        GET("13.1.3 ignored with If-None-Match", "If-None-Match: \"b\"\nIf-Modified-Since: " EQUAL, DATED,
            200),
        GET("13.1.3 ignored with one that is malformed", "If-None-Match: b\nIf-Modified-Since: " EQUAL, BOTH,
            200),
    };
    (void)state;
    CHECK_ROWS(rows);
}

static void test_if_unmodified_since(void **state)
{
    static const struct row rows[] = {
        GET("13.1.4 the date", "If-Unmodified-Since: " EQUAL, DATED, 200),
        GET("13.1.4 later", "If-Unmodified-Since: " NEWER, DATED, 200),
        GET("13.1.4 earlier", "If-Unmodified-Since: " OLDER, DATED, 412),
        ROW("13.1.4 earlier", "HEAD", "If-Unmodified-Since: " OLDER, DATED, 412),
        PUT("13.1.4 earlier", "If-Unmodified-Since: " OLDER, DATED, 412),
        PUT("13.1.4 the date", "If-Unmodified-Since: " EQUAL, DATED, 200),
        GET("13.1.4 no date to compare", "If-Unmodified-Since: " OLDER, STRONG, 200),
        PUT("13.1.4 nothing there", "If-Unmodified-Since: " OLDER, NOTHING, 200),
        GET("5.6.7 RFC 850", "If-Unmodified-Since: Sunday, 06-Nov-94 08:49:36 GMT", DATED, 412),
        GET("5.6.7 asctime", "If-Unmodified-Since: Sun Nov  6 08:49:36 1994", DATED, 412),
        GET("13.1.4 no date", "If-Unmodified-Since: yesterday", DATED, 200),
        GET("13.1.4 more than one", "If-Unmodified-Since: " OLDER "\nIf-Unmodified-Since: " OLDER, DATED,
            200),
        GET("13.1.4 ignored with If-Match", "If-Unmodified-Since: " OLDER "\nIf-Match: \"a\"", BOTH, 200),
        GET("13.1.4 ignored with If-Match", "If-Match: *\nIf-Unmodified-Since: " OLDER, DATED, 200),
        GET("13.1.4 ignored with If-Match", "If-Match: \"b\"\nIf-Unmodified-Since: " EQUAL, BOTH, 412),
    };
    (void)state;
    CHECK_ROWS(rows);
}

static void test_order(void **state)
{
    static const struct row rows[] = {
        GET("13.2.2 nothing is asked", "Host: h\nAccept: */*", BOTH, 200),
        GET("13.2.2 1 before 3", "If-None-Match: \"a\"\nIf-Match: \"b\"", BOTH, 412),
        GET("13.2.2 1, then 3", "If-None-Match: \"a\"\nIf-Match: \"a\"", BOTH, 304),
        PUT("13.2.2 1, then 3", "If-None-Match: \"a\"\nIf-Match: \"a\"", BOTH, 412),
        GET("13.2.2 1, then 3", "If-None-Match: \"b\"\nIf-Match: \"a\"", BOTH, 200),
        GET("13.2.2 2 before 3", "If-None-Match: \"a\"\nIf-Unmodified-Since: " OLDER, BOTH, 412),
        GET("13.2.2 2, then 3", "If-None-Match: \"a\"\nIf-Unmodified-Since: " EQUAL, BOTH, 304),
        GET("13.2.2 1 before 4", "If-Match: \"b\"\nIf-Modified-Since: " EQUAL, BOTH, 412),
        GET("13.2.2 1, then 4", "If-Match: \"a\"\nIf-Modified-Since: " EQUAL, BOTH, 304),
        GET("13.2.2 1, then 4", "If-Match: \"a\"\nIf-Modified-Since: " OLDER, BOTH, 200),
        GET("13.2.2 2 before 4", "If-Unmodified-Since: " OLDER "\nIf-Modified-Since: " EQUAL, BOTH, 412),
        GET("13.2.2 2, then 4", "If-Unmodified-Since: " EQUAL "\nIf-Modified-Since: " EQUAL, BOTH, 304),
        ROW("13.2.1 no selection", "OPTIONS", "If-Match: \"b\"", BOTH, 200),
        ROW("13.2.1 no selection", "TRACE", "If-None-Match: *", BOTH, 200),
        ROW("13.2.1 no selection", "CONNECT", "If-Unmodified-Since: " OLDER, BOTH, 200),
        GET("13.2.2 1 before 5", "Range: bytes=0-4\nIf-Match: \"b\"", BOTH, 412),
        GET("13.2.2 2 before 5", "Range: bytes=0-4\nIf-Unmodified-Since: " OLDER, BOTH, 412),
        GET("13.2.2 3 before 5", "Range: bytes=0-4\nIf-None-Match: \"a\"", BOTH, 304),
        GET("13.2.2 3 before 416", "Range: bytes=1000-\nIf-None-Match: \"a\"", BOTH, 304),
        GET("13.2.2 4 before 5", "Range: bytes=0-4\nIf-Modified-Since: " EQUAL, BOTH, 304),
        GET("13.2.2 1 before 416", "Range: bytes=1000-\nIf-Match: \"b\"", BOTH, 412),
    };
    (void)state;
    CHECK_ROWS(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_if_match),
        cmocka_unit_test(test_malformed_tags),
        cmocka_unit_test(test_if_none_match),
        cmocka_unit_test(test_if_modified_since),
        cmocka_unit_test(test_if_unmodified_since),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
