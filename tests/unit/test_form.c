/* SPDX-License-Identifier: MIT */
/* Forms in both codings: what comes of a body, in whatever pieces it arrives and is read. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/form_rig.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define URLENCODED "application/x-www-form-urlencoded"
#define MULTIPART "multipart/form-data; boundary=b"
#define FIELD "Content-Disposition: form-data; name=a"
#define FILE_NAMED(parameter) "--b\r\nContent-Disposition: form-data; name=a; " parameter "\r\n\r\nx\r\n--b--"

#define BAD "!71"      /* EPROTO */
#define TOO_LONG "!90" /* EMSGSIZE */
#define NO_FORM "!22"  /* EINVAL */

struct row {
    const char *type, *body, *events;
};

static void check(const char *type, struct source source, size_t each, const char *expected)
{
    struct events events = {0};

    run_form(type, source, each, &events);
    if (strcmp(events.text, expected) != 0)
        print_error("%s, %zu then %zu bytes, read by %zu: %s\n", source.data, source.first, source.step, each,
                    events.text);
    assert_string_equal(events.text, expected);
    free(events.text);
}

/* Whole; byte by byte; cut in two everywhere; in steps of every size. */
static void check_splits(const struct row *row)
{
    size_t size = strlen(row->body);

    for (size_t each = 1; each <= 64; each = each * 3 + 1) {
        check(row->type, (struct source){row->body, size, 0, SIZE_MAX}, each, row->events);
        for (size_t i = 1; i <= size; i++) {
            check(row->type, (struct source){row->body, size, i, SIZE_MAX}, each, row->events);
            check(row->type, (struct source){row->body, size, 0, i}, each, row->events);
        }
    }
}

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_splits(&rows[i]);
}

static void test_types(void **state)
{
    static const struct row rows[] = {
        {NULL, "a=b", NO_FORM},
        {"", "a=b", NO_FORM},
        {"text/plain", "a=b", NO_FORM},
        {"application/x-www-form-urlencodedx", "a=b", NO_FORM},
        {"multipart/mixed; boundary=b", "--b--", NO_FORM},
        {"APPLICATION/X-www-form-urlencoded", "a=b", "a=b;."},
        {URLENCODED ";charset=utf-8", "a=b", "a=b;."},
        {URLENCODED " ; charset=utf-8", "a=b", "a=b;."},
    };

    (void)state;
    check_rows(rows, COUNT(rows));
}

/* The URL standard, 5.1 */
static void test_urlencoded(void **state)
{
    static const struct row rows[] = {
        {URLENCODED, "", "."},
        {URLENCODED, "&", "."},
        {URLENCODED, "&&&", "."},
        {URLENCODED, "a=b", "a=b;."},
        {URLENCODED, "a=b&c=d", "a=b;c=d;."},
        {URLENCODED, "&&a=b&&&c=d&", "a=b;c=d;."},
        {URLENCODED, "a", "a=;."},
        {URLENCODED, "a&b", "a=;b=;."},
        {URLENCODED, "a=", "a=;."},
        {URLENCODED, "=", "=;."},
        {URLENCODED, "=b", "=b;."},
        {URLENCODED, "a=b=c", "a=b=c;."},
        {URLENCODED, "a+b=c+d", "a b=c d;."},
        {URLENCODED, "a%20b=%63%2Bd%2b", "a b=c+d+;."},
        {URLENCODED, "%3d%26=%26%3D", "=&=&=;."},
        {URLENCODED, "a=%C3%A9\xff", "a=\xc3\xa9\xff;."},
        {URLENCODED, "a=%2525", "a=%25;."},
        /* what is no escape stands for itself */
        {URLENCODED, "a=%", "a=%;."},
        {URLENCODED, "a=%4", "a=%4;."},
        {URLENCODED, "a=100%&b=%4&%=%", "a=100%;b=%4;%=%;."},
        {URLENCODED, "a=%zz%4z%z4%%41", "a=%zz%4z%z4%A;."},
        {URLENCODED, "a=\r\n", "a=\r\n;."},
        {URLENCODED, "a%00b=c", BAD},
    };

    (void)state;
    check_rows(rows, COUNT(rows));
}

/* RFC 2046 5.1.1 */
static void test_boundaries(void **state)
{
    static const struct row rows[] = {
        {"multipart/form-data", "--b--", BAD},
        {"multipart/form-data; charset=x", "--b--", BAD},
        {"multipart/form-data; boundary=", "----", BAD},
        {"multipart/form-data; boundary=\"\"", "----", BAD},
        {"multipart/form-data; boundary=\"b", "--b--", BAD},
        {"multipart/form-data; boundary=\"b \"", "--b --", BAD},
        {"multipart/form-data; boundary=b\xc3\xa9", "--b--", BAD},
        {"multipart/form-data; boundary=b; boundary=c", "--b--", BAD},
        {"multipart/form-data boundary=b", "--b--", NO_FORM},
        {"multipart/form-data; boundary=b c", "--b--", BAD},
        {"multipart/form-data; boundary=b;", "--b--", "."},
        {"Multipart/Form-Data; Boundary=b", "--b--", "."},
        {"multipart/form-data;charset=x ; boundary=\"b\" ; y=z", "--b--", "."},
        {"multipart/form-data; boundary=\"a b:(c)'+_,-./=?\"", "--a b:(c)'+_,-./=?--", "."},
        {"multipart/form-data; boundary=----=_Part_1", "------=_Part_1--", "."},
        {MULTIPART, "", BAD},
        {MULTIPART, "--b", BAD},
        {MULTIPART, "--b-", BAD},
        {MULTIPART, "--b\r\n", BAD},
        {MULTIPART, "no boundary at all", BAD},
        {MULTIPART, "--b--", "."},
        {MULTIPART, "--b--\r\n", "."},
        {MULTIPART, "--b-- \t\r\nand an epilogue\r\n--b\r\n", "."},
        {MULTIPART, "--b--x", BAD},
        {MULTIPART, "--b--\n", BAD},
        {MULTIPART, "preamble\r\n--b--", "."},
        {MULTIPART, "\r\n--b--", "."},
        {MULTIPART, "preamble --b\r\n\r\n--b--", "."},
        {MULTIPART, "\n--b--", BAD},
        {MULTIPART, "--bc--", BAD},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n\r\n--b--", "a=;."},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n1\r\n--b--\r\n", "a=1;."},
        {MULTIPART, "--b \t \r\n" FIELD "\r\n\r\n1\r\n--b  \r\n" FIELD "\r\n\r\n2\r\n--b--", "a=1;a=2;."},
        {MULTIPART, "p\r\n--b\r\n" FIELD "\r\n\r\n1\r\n--b\r\n" FIELD "\r\n\r\n2\r\n--b--e",
         "a=1;a=2\r\n--b--;" BAD},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n--b\r\n--b--", "a=--b;."},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n\r\r\n\r\n-\r\n--\n--b--\r\n--b--",
         "a=\r\r\n\r\n-\r\n--\n--b--;."},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n\r\n\r\n--b--", "a=\r\n;."},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n1\r\n--b", "a=1;" BAD},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n\r\n--b-", "a=\r\n--b;" BAD},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n1\r\n--b \t", "a=1;" BAD},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n1\r\n--b\r", "a=1;" BAD},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n1\r\n--b--\r", "a=1;" BAD},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n1\r\n--b-- ", "a=1;."},
    };

    (void)state;
    check_rows(rows, COUNT(rows));
}

/* What begins like a boundary and is none is data. */
static void test_lines_like_boundaries(void **state)
{
    static const struct row rows[] = {
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n1\r\n--bc\r\n--b--", "a=1\r\n--bc;."},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n1\r\n--b\n2\r\n--b--", "a=1\r\n--b\n2;."},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n1\r\n--b\r2\r\n--b--", "a=1\r\n--b\r2;."},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n1\r\n--b-\r\n--b--", "a=1\r\n--b-;."},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n1\r\n--b--x\r\n--b--", "a=1\r\n--b--x;."},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n1\r\n--b---\r\n--b--", "a=1\r\n--b---;."},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n1\r\n--b --\r\n--b--", "a=1\r\n--b --;."},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n1\r\n--b \tx\r\n--b--", "a=1\r\n--b \tx;."},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n1\r\n--bb\r\n--b\r\n" FIELD "\r\n\r\n\r\n--b-- \t",
         "a=1\r\n--bb;a=;."},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n1\r\n--b\r\r\n--b\r\n" FIELD "\r\n\r\n2\r\n--b--",
         "a=1\r\n--b\r;a=2;."},
        {MULTIPART, "--bc\r\n--b \r\n" FIELD "\r\n\r\n1\r\n--b--", "a=1;."},
        {MULTIPART, "--b--x\r\n--b\r\n" FIELD "\r\n\r\n1\r\n--b--", "a=1;."},
        {MULTIPART, "--b\r\r\n--b--", "."},
        {MULTIPART, "--b", BAD},
        {MULTIPART, "--b--\r\n\r\n--b\r\nnothing of this is looked at", "."},
    };

    (void)state;
    check_rows(rows, COUNT(rows));
}

/* What of the value was delivered before its end was missed depends on the pieces. */
static void test_cut_off(void **state)
{
    static const char body[] = "--b\r\n" FIELD "; filename=x\r\n\r\n1234567890\r\n--b--";

    (void)state;
    for (size_t size = 0; size < sizeof body - 1; size++) {
        for (size_t step = 1; step <= size + 1; step++) {
            struct events events = {0};

            assert_int_equal(run_form(MULTIPART, (struct source){body, size, 0, step}, 64, &events), -EPROTO);
            free(events.text);
        }
    }
}

/* RFC 7578 4 */
static void test_heads(void **state)
{
    static const struct row rows[] = {
        {MULTIPART, "--b\r\n\r\n1\r\n--b--", BAD},
        {MULTIPART, "--b\r\n" FIELD "\r\n--b--\r\n\r\n", BAD},
        {MULTIPART, "--b\r\n" FIELD "\n\n1\r\n--b--\r\n\r\n", BAD},
        {MULTIPART, "--b\r\nX: y\r\n\r\n1\r\n--b--", BAD},
        {MULTIPART, "--b\r\nno colon\r\n\r\n1\r\n--b--", BAD},
        {MULTIPART, "--b\r\n " FIELD "\r\n\r\n1\r\n--b--", BAD},
        {MULTIPART, "--b\r\n \r\n" FIELD "\r\n\r\n1\r\n--b--", BAD},
        {MULTIPART, "--b\r\n" FIELD "\r\n" FIELD "\r\n\r\n1\r\n--b--", BAD},
        {MULTIPART, "--b\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--b--", BAD},
        {MULTIPART, "--b\r\nContent-Disposition: form-datax; name=a\r\n\r\n1\r\n--b--", BAD},
        {MULTIPART, "--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--", BAD},
        {MULTIPART, "--b\r\nContent-Disposition: form-data; filename=x\r\n\r\n1\r\n--b--", BAD},
        {MULTIPART, "--b\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n1\r\n--b--", BAD},
        {MULTIPART, "--b\r\nContent-Disposition: form-data; name\r\n\r\n1\r\n--b--", BAD},
        {MULTIPART, "--b\r\nContent-Disposition: form-data; name=\r\n\r\n1\r\n--b--", BAD},
        {MULTIPART, "--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--b--", BAD},
        {MULTIPART, "--b\r\nContent-Disposition: form-data; name=\"a\"b\r\n\r\n1\r\n--b--", BAD},
        {MULTIPART, "--b\r\nContent-Disposition: form-data;; name=a\r\n\r\n1\r\n--b--", BAD},
        {MULTIPART, "--b\r\nContent-Disposition: Form-Data ;NAME=\"\" ;\r\n\r\n1\r\n--b--", "=1;."},
        {MULTIPART, "--b\r\ncontent-type:\ttext/plain \r\nX: y\r\n" FIELD "\r\n\r\n1\r\n--b--",
         "a{text/plain=1;."},
        {MULTIPART, "--b\r\n" FIELD "\r\nContent-Transfer-Encoding: Binary\r\n\r\n1\r\n--b--", "a=1;."},
        {MULTIPART, "--b\r\n" FIELD "\r\nContent-Transfer-Encoding: base64\r\n\r\nMQ==\r\n--b--", BAD},
        /* folded lines (RFC 5322 2.2.3) */
        {MULTIPART, "--b\r\n" FIELD "\r\n ; filename=x\r\n\r\n1\r\n--b--", "a<x=1;."},
        {MULTIPART,
         "--b\r\nContent-Disposition:\r\n\tform-data;\r\n name=a;\r\n\t \r\n filename=\"x\r\n "
         "y\"\r\n\r\n1\r\n--b--",
         "a<x y=1;."},
        {MULTIPART, "--b\r\nX: y\r\n folded: x\r\n" FIELD "\r\nContent-Type: a/b\r\n\t;c=d\r\n\r\n1\r\n--b--",
         "a{a/b\t;c=d=1;."},
        {MULTIPART, "--b\r\n" FIELD "\r\n \r\n\t\r\n\r\n1\r\n--b--", "a=1;."},
        {MULTIPART, "--b\r\n" FIELD "\r\n\x0b; filename=x\r\n\r\n1\r\n--b--", BAD},
        {MULTIPART, FILE_NAMED("filename=\"\""), "a<=x;."},
        {MULTIPART, FILE_NAMED("filename=x.txt"), "a<x.txt=x;."},
        {MULTIPART, FILE_NAMED("filename=\"x; y=z.txt\""), "a<x; y=z.txt=x;."},
        {MULTIPART, FILE_NAMED("filename=\"\xc3\xa9\xff\""), "a<\xc3\xa9\xff=x;."},
        /* browsers */
        {MULTIPART, FILE_NAMED("filename=\"a%22b%0D%0Ac%0d%0ad%41%\""), "a<a\"b\r\nc\r\nd%41%=x;."},
        {MULTIPART, FILE_NAMED("filename=\"C:\\dir\\a.txt\""), "a<C:\\dir\\a.txt=x;."},
        /* curl --form-escape, and others */
        {MULTIPART, FILE_NAMED("filename=\"a\\\"b\\\\c\""), "a<a\"b\\c=x;."},
        {MULTIPART, FILE_NAMED("filename=\"a\\\""), BAD},
    };

    (void)state;
    check_rows(rows, COUNT(rows));
}

/* filename*, RFC 8187 */
static void test_extended_names(void **state)
{
    static const struct row rows[] = {
        {MULTIPART, FILE_NAMED("filename*=UTF-8''a%20%C3%A9"), "a<a \xc3\xa9=x;."},
        {MULTIPART, FILE_NAMED("filename=b; filename*=utf-8'en'a%20%C3%A9"), "a<a \xc3\xa9=x;."},
        {MULTIPART, FILE_NAMED("filename*=utf-8''a; filename=b"), "a<a=x;."},
        {MULTIPART, FILE_NAMED("filename=b; filename*=iso-8859-1''a%20%E9"), "a<b=x;."},
        {MULTIPART, FILE_NAMED("filename=b; filename*=utf-8''a%0"), "a<b=x;."},
        {MULTIPART, FILE_NAMED("filename=b; filename*=utf-8''a%00"), "a<b=x;."},
        {MULTIPART, FILE_NAMED("filename=b; filename*=a"), "a<b=x;."},
        {MULTIPART, FILE_NAMED("filename=b; filename*=utf-8''a%E9"), "a<b=x;."},
        {MULTIPART, FILE_NAMED("filename*=utf-8''%C3; filename=b"), "a<b=x;."},
        {MULTIPART, FILE_NAMED("filename=b; filename*=utf-8''%ED%A0%80"), "a<b=x;."},
        {MULTIPART, FILE_NAMED("filename=b; filename*=utf-8''%C0%AF"), "a<b=x;."},
        {MULTIPART, FILE_NAMED("filename=b; filename*=utf-8''\xe9"), "a<b=x;."},
        {MULTIPART, FILE_NAMED("filename=b; filename*=utf-8''"), "a<b=x;."},
        {MULTIPART, FILE_NAMED("filename=b; filename*="), "a<b=x;."},
        {MULTIPART, FILE_NAMED("filename=b; filename*=utf-8'en"), "a<b=x;."},
        {MULTIPART, FILE_NAMED("filename=b; filename*=''a"), "a<b=x;."},
        {MULTIPART, FILE_NAMED("filename=b; filename*=utf-8''a b; x=y"), "a<b=x;."},
        {MULTIPART, FILE_NAMED("filename=b; filename*=utf-8''a%"), "a<b=x;."},
        {MULTIPART, FILE_NAMED("filename=b; filename*=utf-8''c; filename*=utf-8''%FF"), "a<c=x;."},
        {MULTIPART, FILE_NAMED("filename=b; FileName*=\"UTF-8''a%20%E2%82%AC\""), "a<a \xe2\x82\xac=x;."},
        /* without a good one the file has no name that could be known */
        {MULTIPART, FILE_NAMED("filename*=utf-8''%FF"), BAD},
        {MULTIPART, FILE_NAMED("filename*=iso-8859-1''a%E9"), BAD},
    };

    (void)state;
    check_rows(rows, COUNT(rows));
}

/* A NUL ends no string early, in either coding. */
static void test_nul(void **state)
{
    static const char head[] = "--b\r\n" FIELD "; filename=x\0y\r\n\r\nx\r\n--b--",
                      value[] = "--b\r\n" FIELD "\r\n\r\n\0\0\r\n--b--", encoded[] = "a=\0%00";

    (void)state;
    check(MULTIPART, (struct source){head, sizeof head - 1, 0, SIZE_MAX}, 64, BAD);
    for (size_t step = 1; step < 40; step++) {
        struct events events = {0};

        assert_int_equal(run_form(MULTIPART, (struct source){value, sizeof value - 1, 0, step}, 64, &events),
                         0);
        assert_int_equal(events.size, 6);
        assert_memory_equal(events.text, "a=\0\0;.", 6);
        events.size = 0;
        assert_int_equal(
            run_form(URLENCODED, (struct source){encoded, sizeof encoded - 1, 0, step}, 64, &events), 0);
        assert_int_equal(events.size, 6);
        assert_memory_equal(events.text, "a=\0\0;.", 6);
        free(events.text);
    }
}

/* `count` times `text` behind what is there. */
static char *repeat(char *to, const char *text, size_t count)
{
    while (count-- > 0)
        to = stpcpy(to, text);
    return to;
}

static void check_limit(const char *type, const char *body, bool good)
{
    static const size_t steps[] = {1, 7, 4095, 4096, 4097, 8191, SIZE_MAX};

    for (size_t i = 0; i < COUNT(steps); i++) {
        struct events events = {0};
        int rc = run_form(type, (struct source){body, strlen(body), 0, steps[i]}, 64, &events);

        assert_int_equal(rc, good ? 0 : -EMSGSIZE);
        free(events.text);
    }
}

/* White space behind a boundary has a limit, as a line that may be one must be looked at as a whole. */
static void test_padding(void **state)
{
    static char body[20000];

    (void)state;
    for (size_t more = 0; more <= 1; more++) {
        strcpy(repeat(stpcpy(body, "--b\r\n" FIELD "\r\n\r\nx\r\n--b--"), " ", HTTP_FORM_MAX_PADDING + more),
               "\r\n");
        check_limit(MULTIPART, body, !more);
        strcpy(repeat(stpcpy(body, "--b\r\n" FIELD "\r\n\r\nx\r\n--b"), "\t", HTTP_FORM_MAX_PADDING + more),
               "x\r\n--b--");
        check_limit(MULTIPART, body, !more);
        strcpy(repeat(stpcpy(body, "--b"), " ", HTTP_FORM_MAX_PADDING + more),
               "\r\n" FIELD "\r\n\r\nx\r\n--b--");
        check_limit(MULTIPART, body, !more);
    }
}

static void test_limits(void **state)
{
    static char body[200000];
    static const char start[] = "--b\r\n" FIELD "\r\nX: ", end[] = "\r\n\r\nx\r\n--b--";
    size_t fixed = sizeof start - 1 - 5 + 4; /* what counts besides X's value */

    (void)state;
    for (size_t more = 0; more <= 1; more++) {
        repeat(body, "a=b&", HTTP_FORM_MAX_FIELDS + more);
        check_limit(URLENCODED, body, !more);
        strcpy(repeat(body, "n", HTTP_FORM_MAX_NAME + more), "=b");
        check_limit(URLENCODED, body, !more);
        repeat(body, "n", HTTP_FORM_MAX_NAME + more);
        check_limit(URLENCODED, body, !more);
        strcpy(repeat(stpcpy(body, start), "x", HTTP_FORM_MAX_HEAD - fixed + more), end);
        check_limit(MULTIPART, body, !more);
        strcpy(repeat(body, "--b\r\n" FIELD "\r\n\r\nx\r\n", HTTP_FORM_MAX_FIELDS + more), "--b--");
        check_limit(MULTIPART, body, !more);
        strcpy(repeat(stpcpy(body, "--b\r\n" FIELD), "n", HTTP_FORM_MAX_NAME - 1 + more), end);
        check_limit(MULTIPART, body, !more);
        strcpy(repeat(stpcpy(body, "a="), "v", 100000), ""); /* values have none */
        check_limit(URLENCODED, body, true);
    }
}

/* What is not read is skipped, and changes nothing about what follows. */
static void test_unread(void **state)
{
    static const struct row rows[] = {
        {URLENCODED, "a=1%20&b=2&c", "a;b;c;."},
        {MULTIPART, "--b\r\n" FIELD "\r\n\r\n1\r\n\r\n--b\r\n" FIELD "\r\n\r\n2\r\n--b--", "a;a;."},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t step = 1; step < 64; step++)
            check(rows[i].type, (struct source){rows[i].body, strlen(rows[i].body), 0, step}, 0,
                  rows[i].events);
}

/* An error stays, for the form and the value. */
static void test_error_stays(void **state)
{
    struct source source = {"--b\r\n" FIELD "\r\n\r\n1", 47, 0, SIZE_MAX};
    struct http_form form = {0};
    struct http_part part;
    struct ss_stream in;
    char rbuf[8192], data[64];

    (void)state;
    source.size = strlen(source.data);
    ss_stream_init(&in, &source_stream, &source, rbuf, sizeof rbuf, NULL, 0);
    assert_int_equal(http_form_init(&form, &in, MULTIPART), 0);
    assert_int_equal(http_form_next(&form, &part), 1);
    assert_int_equal(ss_read(part.stream, data, sizeof data), -EPROTO);
    assert_int_equal(ss_read(part.stream, data, sizeof data), -EPROTO);
    assert_int_equal(http_form_next(&form, &part), -EPROTO);
    assert_int_equal(http_form_next(&form, &part), -EPROTO);
    assert_non_null(form.explain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),          cmocka_unit_test(test_urlencoded),
        cmocka_unit_test(test_boundaries),     cmocka_unit_test(test_lines_like_boundaries),
        cmocka_unit_test(test_extended_names), cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_heads),          cmocka_unit_test(test_nul),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_padding),
        cmocka_unit_test(test_unread),         cmocka_unit_test(test_error_stays),
    };

    _Static_assert(EPROTO == 71 && EMSGSIZE == 90 && EINVAL == 22, "as BAD and others say");
    return cmocka_run_group_tests_name("form", tests, NULL, NULL);
}
