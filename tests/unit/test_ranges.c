/* SPDX-License-Identifier: MIT */
/* handlers/http/preconditions.c: Range and If-Range; each row names its section of RFC 9110. */
#include "preconditions_rig.h"

#define ROW(rule, value, size, status, ranges)                   \
    {                                                            \
        rule, "GET", "Range: " value, size, ranges, BOTH, status \
    }
#define IF_RANGE(rule, value, there, status, ranges)                                   \
    {                                                                                  \
        rule, "GET", "Range: bytes=2-4\nIf-Range: " value, 1000, ranges, there, status \
    }
#define OTHER(rule, method, lines, status)            \
    {                                                 \
        rule, method, lines, 1000, NULL, BOTH, status \
    }
#define MANY_9S "99999999999999999999999999999999999999"

static void test_one(void **state)
{
    static const struct row rows[] = {
        ROW("14.1.2 first and last", "bytes=0-4", 1000, 206, "0-4"),
        ROW("14.1.2 one byte", "bytes=0-0", 1000, 206, "0-0"),
        ROW("14.1.2 the last byte", "bytes=999-999", 1000, 206, "999-999"),
        ROW("14.1.2 all", "bytes=0-999", 1000, 206, "0-999"),
        ROW("14.1.2 all and more", "bytes=0-1000", 1000, 206, "0-999"),
        ROW("14.1.2 more than there is", "bytes=990-2000", 1000, 206, "990-999"),
        ROW("14.1.2 open", "bytes=990-", 1000, 206, "990-999"),
        ROW("14.1.2 open from the beginning", "bytes=0-", 1000, 206, "0-999"),
        ROW("14.1.2 open, the last byte", "bytes=999-", 1000, 206, "999-999"),
        ROW("14.1.2 suffix", "bytes=-5", 1000, 206, "995-999"),
        ROW("14.1.2 suffix of one", "bytes=-1", 1000, 206, "999-999"),
        ROW("14.1.2 suffix of all", "bytes=-1000", 1000, 206, "0-999"),
        ROW("14.1.2 suffix of more", "bytes=-1001", 1000, 206, "0-999"),
        ROW("14.1.2 one byte of one", "bytes=0-0", 1, 206, "0-0"),
        ROW("14.1.2 one byte of one", "bytes=-1", 1, 206, "0-0"),
        ROW("14.1.2 leading zeros", "bytes=0002-00004", 1000, 206, "2-4"),
        ROW("14.1 unit in another case", "BYTES=2-4", 1000, 206, "2-4"),
        ROW("14.1 unit in another case", "Bytes=2-4", 1000, 206, "2-4"),
        ROW("5.6.1 empty elements", "bytes=,2-4", 1000, 206, "2-4"),
        ROW("5.6.1 empty elements", "bytes=2-4,", 1000, 206, "2-4"),
        ROW("5.6.1 empty elements", "bytes=, ,2-4, ,", 1000, 206, "2-4"),
        ROW("14.1.2 a large file", "bytes=9223372036854775800-", INT64_MAX, 206,
            "9223372036854775800-9223372036854775806"),
        ROW("14.1.2 a large file", "bytes=0-9223372036854775807", INT64_MAX, 206, "0-9223372036854775806"),
        ROW("14.1.2 a large suffix", "bytes=-9223372036854775807", INT64_MAX, 206, "0-9223372036854775806"),
        ROW("17.5 a number too large", "bytes=0-" MANY_9S, 1000, 206, "0-999"),
        ROW("17.5 a number too large", "bytes=0-18446744073709551616", 1000, 206, "0-999"),
        ROW("17.5 a number too large", "bytes=0-18446744073709551617", 1000, 206, "0-999"),
        ROW("17.5 a number too large", "bytes=0-9223372036854775807", 1000, 206, "0-999"),
        ROW("17.5 a number too large", "bytes=0-9223372036854775808", 1000, 206, "0-999"),
        ROW("17.5 a suffix too large", "bytes=-" MANY_9S, 1000, 206, "0-999"),
        ROW("17.5 a suffix too large", "bytes=-18446744073709551617", 1000, 206, "0-999"),
    };
    (void)state;
    CHECK_ROWS(rows);
}

static void test_unsatisfiable(void **state)
{
    static const struct row rows[] = {
        ROW("14.1.2 behind the end", "bytes=1000-", 1000, 416, NULL),
        ROW("14.1.2 behind the end", "bytes=1000-1000", 1000, 416, NULL),
        ROW("14.1.2 far behind the end", "bytes=5000-6000", 1000, 416, NULL),
        ROW("14.1.2 the last nothing", "bytes=-0", 1000, 416, NULL),
        ROW("14.1.2 the last nothing", "bytes=-000", 1000, 416, NULL),
        ROW("14.1.2 several behind the end", "bytes=1000-,2000-2001,-0", 1000, 416, NULL),
        ROW("14.1.2 an empty file", "bytes=0-", 0, 416, NULL),
        ROW("14.1.2 an empty file", "bytes=0-0", 0, 416, NULL),
        ROW("14.1.2 an empty file", "bytes=-0", 0, 416, NULL),
        ROW("14.1.2 an empty file", "bytes=5-9", 0, 416, NULL),
        ROW("14.4 the last bytes of nothing cannot be said", "bytes=-1", 0, 200, NULL),
        ROW("14.4 the last bytes of nothing cannot be said", "bytes=0-0,-1", 0, 200, NULL),
        ROW("17.5 a number too large", "bytes=" MANY_9S "-", 1000, 416, NULL),
        ROW("17.5 a number too large", "bytes=" MANY_9S "-" MANY_9S, 1000, 416, NULL),
        ROW("17.5 a number too large", "bytes=18446744073709551616-", 1000, 416, NULL),
        ROW("17.5 a number too large", "bytes=18446744073709551617-18446744073709551618", 1000, 416, NULL),
        ROW("17.5 a number too large", "bytes=9223372036854775807-", INT64_MAX, 416, NULL),
    };
    (void)state;
    CHECK_ROWS(rows);
}

/* RFC 9110 14.2 lets a server ignore or refuse what is malformed: here it is ignored. */
static void test_malformed(void **state)
{
    static const char *const values[] = {
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=--",
        "bytes=--5",
        "bytes=a-",
        "bytes=-a",
        "bytes=a-b",
        "bytes=1",
        "bytes=1-2-3",
        "bytes=1-2-",
        "bytes=-1-2",
        "bytes=4-2",
        "bytes=1-0",
        "bytes=0x1-0x4",
        "bytes=1 - 2",
        "bytes=1- 2",
        "bytes=1 -2",
        "bytes=+1-2",
        "bytes=1-+2",
        "bytes=1.0-2",
        "bytes=1e3-",
        "bytes=,",
        "bytes= , ,",
        "bytes:0-4",
        "bytes 0-4",
        "bytes =0-4",
        "byte=0-4",
        "bytess=0-4",
        "lines=0-4",
        "none=0-4",
        "=0-4",
        "0-4",
        "bytes=0-4;5-9",
        "bytes=0-4,a",
        "bytes=a,0-4",
        "bytes=0-4,9-5",
        "bytes=9-5,0-4",
        "bytes=0-4, 6 -9",
        "bytes=1000-,x",
        "bytes=0-4 5-9",
        "bytes=*",
        "bytes=0-*",
        "bytes=0-4/1000",
        "bytes=\"0-4\"",
        "bytes=0-4, bytes=6-9",
        "bytes=1000-999",
        "bytes=-5-",
        "seconds=1-2",
        "bytes=\xb2-4",
    };
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char lines[128];
        snprintf(lines, sizeof lines, "Range: %s", values[i]);
        check_rows(&(struct row){"14.2", "GET", lines, 1000, NULL, BOTH, 200}, 1);
    }
}

static void test_who_asks(void **state)
{
    static const struct row rows[] = {
        OTHER("14.2 only GET", "HEAD", "Range: bytes=0-4", 200),
        OTHER("14.2 only GET", "POST", "Range: bytes=0-4", 200),
        OTHER("14.2 only GET", "PUT", "Range: bytes=0-4", 200),
        OTHER("14.2 only GET", "get", "Range: bytes=0-4", 200),
        OTHER("14.2 only GET: no 416 either", "HEAD", "Range: bytes=1000-", 200),
        OTHER("5.3 two lines", "GET", "Range: bytes=0-4\nRange: bytes=0-4", 200),
        OTHER("13.1.5 If-Range alone", "GET", "If-Range: \"b\"", 200),
        OTHER("13.1.5 If-Range alone", "GET", "If-Range: \"a\"", 200),
        {"14.2 no parts to be had", "GET", "Range: bytes=0-4", -1, NULL, BOTH, 200},
        {"14.2 without validators", "GET", "Range: bytes=0-4", 1000, "0-4", BARE, 206},
        {"13.2.2 other conditions hold", "GET", "Range: bytes=0-4\nIf-Match: \"a\"", 1000, "0-4", BOTH, 206},
        {"13.2.2 other conditions hold", "GET", "Range: bytes=0-4\nIf-None-Match: \"b\"", 1000, "0-4", BOTH,
         206},
        {"13.2.2 other conditions hold", "GET", "Range: bytes=0-4\nIf-Modified-Since: " OLDER, 1000, "0-4",
         BOTH, 206},
        {"13.2.2 other conditions hold", "GET", "Range: bytes=0-4\nIf-Unmodified-Since: " EQUAL, 1000, "0-4",
         BOTH, 206},
    };
    (void)state;
    CHECK_ROWS(rows);
}

static void test_if_range(void **state)
{
    static const struct row rows[] = {
        IF_RANGE("13.1.5 the tag", "\"a\"", STRONG, 206, "2-4"),
        IF_RANGE("13.1.5 the tag", "\"a\"", BOTH, 206, "2-4"),
        IF_RANGE("13.1.5 another tag", "\"b\"", BOTH, 200, NULL),
        IF_RANGE("13.1.5 strong comparison", "W/\"a\"", STRONG, 200, NULL),
        IF_RANGE("13.1.5 strong comparison", "\"a\"", WEAK, 200, NULL),
        IF_RANGE("13.1.5 strong comparison", "W/\"a\"", WEAK, 200, NULL),
        IF_RANGE("13.1.5 no tag to compare", "\"a\"", DATED, 200, NULL),
        IF_RANGE("13.1.5 nothing to compare", "\"a\"", BARE, 200, NULL),
        IF_RANGE("13.1.5 nothing there", "\"a\"", NOTHING, 200, NULL),
        IF_RANGE("13.1.5 no list", "\"a\", \"a\"", BOTH, 200, NULL),
        IF_RANGE("13.1.5 no list", "\"a\",", BOTH, 200, NULL),
        IF_RANGE("13.1.5 no *", "*", BOTH, 200, NULL),
        IF_RANGE("13.1.5 without quotes", "a", BOTH, 200, NULL),
        IF_RANGE("13.1.5 half a quote", "\"a", BOTH, 200, NULL),
        IF_RANGE("13.1.5 empty", "", BOTH, 200, NULL),
        IF_RANGE("5.3 two lines", "\"a\"\nIf-Range: \"a\"", BOTH, 200, NULL),
        IF_RANGE("13.1.5 the date", EQUAL, DATED, 206, "2-4"),
        IF_RANGE("13.1.5 the date", EQUAL, BOTH, 206, "2-4"),
        IF_RANGE("5.6.7 RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", DATED, 206, "2-4"),
        IF_RANGE("5.6.7 asctime", "Sun Nov  6 08:49:37 1994", DATED, 206, "2-4"),
        IF_RANGE("13.1.5 an earlier date", OLDER, DATED, 200, NULL),
        IF_RANGE("13.1.5 a later date: exact match", NEWER, DATED, 200, NULL),
        IF_RANGE("8.8.2.2 a date that is not strong", EQUAL, YOUNG, 200, NULL),
        IF_RANGE("13.1.5 no date to compare", EQUAL, STRONG, 200, NULL),
        IF_RANGE("13.1.5 no date", "yesterday", DATED, 200, NULL),
        {"14.2 416 when it holds", "GET", "Range: bytes=1000-\nIf-Range: \"a\"", 1000, NULL, BOTH, 416},
        {"13.1.5 no 416 when it does not", "GET", "Range: bytes=1000-\nIf-Range: \"b\"", 1000, NULL, BOTH,
         200},
        {"13.1.5 several parts", "GET", "If-Range: \"a\"\nRange: bytes=0-1,8-9", 1000, "0-1,8-9", BOTH, 206},
        {"13.1.5 several parts", "GET", "If-Range: \"b\"\nRange: bytes=0-1,8-9", 1000, NULL, BOTH, 200},
        {"13.1.5 HEAD", "HEAD", "If-Range: \"a\"\nRange: bytes=0-1", 1000, NULL, BOTH, 200},
    };
    (void)state;
    CHECK_ROWS(rows);
}

static void test_several(void **state)
{
    static const struct row rows[] = {
        ROW("15.3.7.2 two", "bytes=0-4,8-9", 1000, 206, "0-4,8-9"),
        ROW("15.3.7.2 two", "bytes=0-4, 8-9", 1000, 206, "0-4,8-9"),
        ROW("15.3.7.2 all forms", "bytes=0-0,500-500,-1", 1000, 206, "0-0,500-500,999-999"),
        ROW("15.3.7.2 in the order asked for", "bytes=8-9,0-4", 1000, 206, "8-9,0-4"),
        ROW("15.3.7.2 in the order asked for", "bytes=-1,500-,0-4", 1000, 206, "500-999,0-4"),
        ROW("15.3.7.2 only those that there are", "bytes=0-4,1000-,8-9", 1000, 206, "0-4,8-9"),
        ROW("15.3.7.2 only those that there are", "bytes=1000-,8-9", 1000, 206, "8-9"),
        ROW("15.3.7.2 only those that there are", "bytes=8-9,-0", 1000, 206, "8-9"),
        ROW("15.3.7.2 overlapping", "bytes=0-4,3-9", 1000, 206, "0-9"),
        ROW("15.3.7.2 overlapping", "bytes=3-9,0-4", 1000, 206, "0-9"),
        ROW("15.3.7.2 the same twice", "bytes=3-9,3-9", 1000, 206, "3-9"),
        ROW("15.3.7.2 one in the other", "bytes=0-9,3-4", 1000, 206, "0-9"),
        ROW("15.3.7.2 one in the other", "bytes=3-4,0-9", 1000, 206, "0-9"),
        ROW("15.3.7.2 adjoining", "bytes=0-4,5-9", 1000, 206, "0-9"),
        ROW("15.3.7.2 adjoining", "bytes=5-9,0-4", 1000, 206, "0-9"),
        ROW("15.3.7.2 a gap of one", "bytes=0-3,5-9", 1000, 206, "0-3,5-9"),
        ROW("15.3.7.2 bridged by a third", "bytes=0-4,10-14,5-9", 1000, 206, "0-14"),
        ROW("15.3.7.2 bridged, others keep their place", "bytes=50-59,0-4,90-99,10-14,5-9", 1000, 206,
            "50-59,0-14,90-99"),
        ROW("15.3.7.2 bridged, others keep their place", "bytes=0-4,50-59,10-14,3-12,90-99", 1000, 206,
            "0-14,50-59,90-99"),
        ROW("15.3.7.2 all of it", "bytes=500-,0-499", 1000, 206, "0-999"),
        ROW("15.3.7.2 all of it", "bytes=0-,-1000", 1000, 206, "0-999"),
        ROW("17.15 Apache killer", "bytes=0-,5-0", 1000, 200, NULL),
        ROW("17.15 Apache killer", "bytes=0-,5-5,5-6,5-7,5-8,5-9,5-10,5-11", 1000, 206, "0-999"),
    };
    (void)state;
    CHECK_ROWS(rows);
}

/* `count` ranges of one byte, `step` apart. */
static void check_many(int count, int step, int status, size_t parts)
{
    static char lines[TEXT_SIZE];
    static struct asking asking;
    struct http_decision d;
    size_t size = (size_t)sprintf(lines, "Range: bytes=");
    for (int i = 0; i < count; i++)
        size += (size_t)sprintf(lines + size, "%d-%d,", i * step, i * step);
    make_request(&asking, "GET", lines);
    assert_int_equal(http_evaluate(&asking.request, validators_of(BOTH), 100000, &d), status);
    assert_int_equal(d.range_count, parts);
}

/* RFC 9110 17.15: too many parts, and it is the whole instead. */
static void test_limit(void **state)
{
    (void)state;
    check_many(HTTP_MAX_RANGES, 2, 206, HTTP_MAX_RANGES);
    check_many(HTTP_MAX_RANGES + 1, 2, 200, 0);
    check_many(300, 2, 200, 0);
    check_many(300, 1, 206, 1);
    check_many(300, 0, 206, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),       cmocka_unit_test(test_unsatisfiable),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_who_asks),
        cmocka_unit_test(test_if_range),  cmocka_unit_test(test_several),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
