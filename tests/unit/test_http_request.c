/* SPDX-License-Identifier: MIT */
/* Request heads, accepted and refused; each row names its rule (sections of RFC 9112 if no other). */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/head.h"
#include "http/memo.h"

#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define END "\r\n"

enum { FIELDS = 16 };

struct row {
    const char *rule, *text;
    int status;  /* 0: accepted */
    size_t size; /* of text, 0: strlen */
};

static const struct ss_request connection = {.fd = 3};

/* What the connection's last head is known to mean, if its field lines were all of these. */
static struct http_memo *find_known(const char *lines, size_t size)
{
    struct http_memo *known = http_memo_find(&connection, lines, size);
    if (!known || http_memo_size(known) == size)
        return known;
    http_memo_release(known);
    return NULL;
}

/* As head.c does. In memory of its exact size, so that the sanitizers see a byte read too far. */
static char *parse_once(const char *text, size_t size, struct http_field fields[FIELDS],
                        struct http_head *head)
{
    char *copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, text, size);
    memset(head, 0, sizeof *head);
    const char *newline = memchr(text, '\n', size);
    size_t line = newline ? (size_t)(newline + 1 - text) : size;
    struct http_memo *known = find_known(text + line, size - line);
    struct http_said said;
    int rc = http_parse_head(copy, line, size, fields, FIELDS, known, &said, head);
    if (rc == 0 && !known)
        http_memo_keep(&connection, text + line, copy + line, size - line, fields, &said);
    http_memo_release(known);
    assert_int_equal(rc < 0, head->refusal.status != 0);
    return copy;
}

static void assert_same(const struct http_head *a, const struct http_head *b)
{
    const struct http_request *one = &a->request, *other = &b->request;
    assert_int_equal(a->refusal.status, b->refusal.status);
    assert_int_equal(a->close, b->close);
    assert_int_equal(a->expect_continue, b->expect_continue);
    assert_int_equal(a->conditional, b->conditional);
    assert_int_equal(one->content_length, other->content_length);
    assert_int_equal(one->field_count, other->field_count);
    for (size_t i = 0; i < one->field_count; i++) {
        assert_string_equal(one->fields[i].name, other->fields[i].name);
        assert_string_equal(one->fields[i].value, other->fields[i].value);
        assert_int_equal(one->fields[i].name_size, other->fields[i].name_size);
        assert_int_equal(one->fields[i].value_size, other->fields[i].value_size);
    }
    assert_int_equal(one->host != NULL, other->host != NULL);
    if (one->host)
        assert_string_equal(one->host, other->host);
}

/* Whatever came before: what is known already means the same as the first time, and is not the same
   memory. */
static char *parse(const char *text, size_t size, struct http_field fields[FIELDS], struct http_head *head)
{
    struct http_field first_fields[FIELDS];
    struct http_head first;
    char *first_copy = parse_once(text, size, first_fields, &first);
    char *copy = parse_once(text, size, fields, head);
    assert_same(&first, head);
    memset(first_copy, 'x', size);
    free(first_copy);
    return copy;
}

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct http_field fields[FIELDS];
        struct http_head head;
        size_t size = rows[i].size ? rows[i].size : strlen(rows[i].text);
        char *copy = parse(rows[i].text, size, fields, &head);
        if (head.refusal.status != rows[i].status)
            fail_msg("%s: %d (%s), not %d", rows[i].rule, head.refusal.status, head.refusal.explain,
                     rows[i].status);
        free(copy);
    }
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof *(rows))

#define LINE(rule, line, status)              \
    {                                         \
        rule, line "\r\n" HOST END, status, 0 \
    }

static void test_request_line(void **state)
{
    static const struct row rows[] = {
        LINE("3 plain", "GET / HTTP/1.1", 0),
        LINE("3.1 any token is a method", "M-SEARCH!#$%&'*+.^_`|~ / HTTP/1.1", 0),
        LINE("3.1 no token", "G@T / HTTP/1.1", 400),
        LINE("3.1 empty method", " / HTTP/1.1", 400),
        LINE("3 two spaces", "GET  / HTTP/1.1", 400),
        LINE("3 two spaces before the version", "GET /  HTTP/1.1", 400),
        LINE("3 tab", "GET\t/ HTTP/1.1", 400),
        LINE("3 space in target", "GET /a b HTTP/1.1", 400),
        LINE("3 space at end", "GET / HTTP/1.1 ", 400),
        LINE("3 only a method", "GET", 400),
        LINE("HTTP/0.9", "GET /", 400),
        LINE("2.3 version", "GET / HTTP/1.0", 0),
        LINE("2.3 later minor version", "GET / HTTP/1.9", 0),
        LINE("2.3 case", "GET / http/1.1", 400),
        LINE("2.3 two digits", "GET / HTTP/1.10", 400),
        LINE("2.3 no minor", "GET / HTTP/1", 400),
        LINE("2.3 other protocol", "GET / FTP/1.1x", 400),
        LINE("RFC 9110 15.6.6", "GET / HTTP/2.0", 505),
        LINE("RFC 9110 15.6.6", "GET / HTTP/0.9", 505),
        LINE("RFC 9113 preface", "PRI * HTTP/2.0", 505),
        LINE("3.2 fragment", "GET /#a HTTP/1.1", 400),
        LINE("3.2 no ASCII, and not encoded before", "GET /\xc3\xa4 HTTP/1.1", 400),
        LINE("3.2 DEL", "GET /\x7f HTTP/1.1", 400),
        LINE("3.2 control", "GET /\x01 HTTP/1.1", 400),
        LINE("2.2 bare CR", "GET /\r HTTP/1.1", 400),
        LINE("3.2.1 no slash", "GET a HTTP/1.1", 400),
        LINE("3.2.2 absolute", "GET http://b/c HTTP/1.1", 0),
        LINE("3.2.2 absolute, no host", "GET http:///c HTTP/1.1", 400),
        LINE("3.2.2 absolute, user", "GET http://u@b/c HTTP/1.1", 400),
        LINE("3.2.2 absolute, other scheme", "GET gopher://b/c HTTP/1.1", 400),
        LINE("3.2.3 authority", "CONNECT b:443 HTTP/1.1", 0),
        LINE("3.2.3 authority without port", "CONNECT b HTTP/1.1", 400),
        LINE("3.2.3 authority, empty port", "CONNECT b: HTTP/1.1", 400),
        LINE("3.2.3 not for CONNECT", "CONNECT / HTTP/1.1", 400),
        LINE("3.2.3 only for CONNECT", "GET b:443 HTTP/1.1", 400),
        LINE("3.2.4 asterisk", "OPTIONS * HTTP/1.1", 0),
        LINE("3.2.4 only for OPTIONS", "GET * HTTP/1.1", 400),
        LINE("3.2.4 more than an asterisk", "OPTIONS *a HTTP/1.1", 400),
    };
    (void)state;
    CHECK_ROWS(rows);
}

#define FIELD(rule, field, status)                                                     \
    {                                                                                  \
        rule, GET HOST field "\r\n" END, status, sizeof(GET HOST field "\r\n" END) - 1 \
    }

static void test_fields(void **state)
{
    static const struct row rows[] = {
        FIELD("5 plain", "A: b", 0),
        FIELD("5 no space", "A:b", 0),
        FIELD("5 much space", "A: \t b \t ", 0),
        FIELD("5 empty value", "A:", 0),
        FIELD("RFC 9110 5.5 obs-text", "A: \xe4\xff", 0),
        FIELD("RFC 9110 5.6.2 token", "!#$%&'*+-.^_`|~09: b", 0),
        FIELD("5.1 space before colon", "A : b", 400),
        FIELD("5.1 tab before colon", "A\t: b", 400),
        FIELD("5.2 obs-fold", "A: b\r\n c", 400),
        FIELD("5.2 obs-fold by tab", "A: b\r\n\tc", 400),
        FIELD("2.2 white space before the first field", " A: b", 400),
        FIELD("5 no colon", "A", 400),
        FIELD("5 no name", ": b", 400),
        FIELD("5 no token", "A(: b", 400),
        FIELD("5 quoted name", "\"A\": b", 400),
        FIELD("5 name not ASCII", "\xe4: b", 400),
        FIELD("RFC 9110 5.5 NUL in value", "A: b\0c", 400),
        FIELD("RFC 9110 5.5 NUL in name", "A\0B: c", 400),
        FIELD("RFC 9110 5.5 control", "A: \x01", 400),
        FIELD("RFC 9110 5.5 DEL", "A: \x7f", 400),
        FIELD("2.2 bare CR", "A: b\rc", 400),
        FIELD("2.2 CR CR LF", "A: b\r", 400),
        FIELD("2.2 bare LF", "A: b\nB: c", 400),
        FIELD("2.2 bare LF before CR LF", "A: b\n", 400),
        FIELD("RFC 9110 10.1.1", "Expect: 100-Continue", 0),
        FIELD("RFC 9110 10.1.1 others", "Expect: a=b", 417),
        FIELD("RFC 9110 10.1.1 one of two", "Expect: a=b\r\nExpect: 100-continue", 417),
        FIELD("RFC 9110 10.1.1 one of a list", "Expect: 100-continue, a=b", 417),
        FIELD("RFC 9110 10.1.1 list", "Expect: 100-continue, 100-CONTINUE", 0),
        FIELD("RFC 9110 5.6.1 empty list", "Expect:", 0),
    };
    (void)state;
    CHECK_ROWS(rows);
}

static void test_framing(void **state)
{
    static const struct row rows[] = {
        FIELD("6.2", "Content-Length: 3", 0),
        FIELD("6.2 zeros", "Content-Length: 0003", 0),
        FIELD("6.2 largest", "Content-Length: 9223372036854775807", 0),
        FIELD("6.3 overflow", "Content-Length: 9223372036854775808", 400),
        FIELD("6.3 overflow of 64 bits", "Content-Length: 18446744073709551617", 400),
        FIELD("6.3 sign", "Content-Length: +3", 400),
        FIELD("6.3 minus", "Content-Length: -3", 400),
        FIELD("6.3 hexadecimal", "Content-Length: 0x3", 400),
        FIELD("6.3 space", "Content-Length: 3 3", 400),
        FIELD("6.3 empty", "Content-Length:", 400),
        FIELD("6.3 list", "Content-Length: 3, 3", 400),
        FIELD("6.3 two equal", "Content-Length: 3\r\nContent-Length: 3", 400),
        FIELD("6.3 two different", "Content-Length: 3\r\nContent-Length: 4", 400),
        FIELD("6.1", "Transfer-Encoding: chunked", 0),
        FIELD("7 case", "Transfer-Encoding: Chunked", 0),
        FIELD("RFC 9110 5.6.3 tabs", "Transfer-Encoding:\tchunked\t", 0),
        FIELD("RFC 9110 5.6.3 tabs", "Content-Length:\t3\t", 0),
        FIELD("RFC 9110 5.6.1 empty elements", "Transfer-Encoding: ,chunked, ,", 0),
        FIELD("RFC 9110 5.6.1 only empty elements", "Transfer-Encoding: ,,", 400),
        FIELD("6.3 empty element", "Content-Length: 3,", 400),
        FIELD("6.1 with length", "Transfer-Encoding: chunked\r\nContent-Length: 3", 400),
        FIELD("6.1 with length", "Content-Length: 3\r\nTransfer-Encoding: chunked", 400),
        FIELD("6.1 twice", "Transfer-Encoding: chunked, chunked", 400),
        FIELD("6.1 twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
        FIELD("6.1 not last", "Transfer-Encoding: chunked, gzip", 400),
        FIELD("6.1 not there", "Transfer-Encoding: gzip", 400),
        FIELD("6.1 unknown", "Transfer-Encoding: gzip, chunked", 501),
        FIELD("6.1 similar", "Transfer-Encoding: xchunked", 400),
        FIELD("6.1 parameter", "Transfer-Encoding: chunked;a=b", 400),
        FIELD("6.1 quoted", "Transfer-Encoding: \"chunked\"", 400),
        FIELD("6.1 empty", "Transfer-Encoding:", 400),
        FIELD("5 behind an empty value", "A:\r\nContent-Length: 3", 0),
        FIELD("6.1 behind an empty value", "A: \r\nTransfer-Encoding: chunked\r\nContent-Length: 3", 400),
        {"6.1 HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" END, 400, 0},
    };
    (void)state;
    CHECK_ROWS(rows);
}

#define HOSTS(rule, fields, status)     \
    {                                   \
        rule, GET fields END, status, 0 \
    }

static void test_host(void **state)
{
    static const struct row rows[] = {
        HOSTS("3.2 none", "A: b\r\n", 400),
        HOSTS("3.2 two", HOST HOST, 400),
        HOSTS("RFC 9110 4.2.1 empty", "Host:\r\n", 400),
        HOSTS("RFC 9110 7.2", "Host: a.b-c_d:80\r\n", 0),
        HOSTS("RFC 3986 3.2.2", "Host: [::1]:80\r\n", 0),
        HOSTS("RFC 3986 3.2.3 empty port", "Host: a:\r\n", 0),
        HOSTS("RFC 3986 3.2.2 no IPv6", "Host: [::g]\r\n", 400),
        HOSTS("RFC 3986 3.2.2 open", "Host: [::1\r\n", 400),
        HOSTS("RFC 3986 3.2.2 no brackets", "Host: ::1\r\n", 400),
        HOSTS("RFC 3986 3.2.3 no number", "Host: a:b\r\n", 400),
        HOSTS("RFC 3986 3.2.3 too large", "Host: a:65536\r\n", 400),
        HOSTS("RFC 3986 3.2.2 path", "Host: a/b\r\n", 400),
        HOSTS("RFC 3986 3.2.1 user", "Host: u@a\r\n", 400),
        HOSTS("RFC 3986 3.2.2 space", "Host: a b\r\n", 400),
        HOSTS("RFC 3986 2.1 escape", "Host: %4A\r\n", 0),
        HOSTS("RFC 3986 2.1 bad escape", "Host: a%4g\r\n", 400),
        HOSTS("RFC 3986 2.1 half an escape", "Host: a%4\r\n", 400),
        HOSTS("3.2 a list", "Host: a,b\r\n", 400),
        {"3.2 HTTP/1.0 needs none", "GET / HTTP/1.0\r\n" END, 0, 0},
        {"3.2 HTTP/1.0 has two", "GET / HTTP/1.0\r\n" HOST HOST END, 400, 0},
        {"3.2.2 the target's host does not do", "GET http://a/ HTTP/1.1\r\n" END, 400, 0},
    };
    (void)state;
    CHECK_ROWS(rows);
}

static void test_ends(void **state)
{
    static const struct row rows[] = {
        {"2.1 no end", GET HOST, 400, 0},
        {"2.1 half an end", GET HOST "\r", 400, 0},
        {"2.1 nothing", "\r\n\r\n", 400, 0},
        {"2.1 less", "x", 400, 0},
        {"2.2 LF only", "GET / HTTP/1.1\nHost: a\n\n", 400, 0},
        {"2.2 LF at first", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400, 0},
        {"2.1 an end before the end", GET HOST END HOST END, 400, 0},
    };
    (void)state;
    CHECK_ROWS(rows);
}

static void test_results(void **state)
{
    static const char text[] = "POST http://b:8000?c=d HTTP/1.7\r\n"
                               "host: a\r\n"
                               "X-Empty: \r\n"
                               "CONTENT-LENGTH:  12 \r\n"
                               "Connection: upgrade, Close\r\n"
                               "Upgrade: h2c\r\n"
                               "Expect: 100-continue\r\n\r\n";
    struct http_field fields[FIELDS];
    struct http_head head;
    const struct http_request *r = &head.request;
    (void)state;
    char *copy = parse(text, sizeof text - 1, fields, &head);
    assert_int_equal(head.refusal.status, 0);
    assert_string_equal(r->command, "POST");
    assert_string_equal(r->path, "/?c=d");
    assert_int_equal(r->path_size, 5);
    assert_string_equal(r->host, "b:8000");
    assert_string_equal(r->request_version, "HTTP/1.7");
    assert_int_equal(r->minor, 1);
    assert_int_equal(r->content_length, 12);
    assert_int_equal(r->field_count, 6);
    assert_string_equal(r->fields[0].name, "host");
    assert_string_equal(r->fields[0].value, "a");
    assert_string_equal(r->fields[1].value, "");
    assert_string_equal(r->fields[2].value, "12");
    assert_int_equal(r->fields[2].value_size, 2);
    assert_true(head.close);
    assert_true(head.expect_continue);
    free(copy);
}

static void test_paths(void **state)
{
    static const char *const rows[][3] = {
        {"GET /a%20b?c HTTP/1.1", "/a%20b?c", "a"}, {"GET //b/c HTTP/1.1", "/b/c", "a"},
        {"GET http://b HTTP/1.1", "/", "b"},        {"GET HTTPS://[::1]:80/c/ HTTP/1.1", "/c/", "[::1]:80"},
        {"GET http://b//c HTTP/1.1", "/c", "b"},    {"OPTIONS http://b HTTP/1.1", "*", "b"},
        {"OPTIONS * HTTP/1.1", "*", "a"},           {"CONNECT b:1 HTTP/1.1", "b:1", "b:1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_field fields[FIELDS];
        struct http_head head;
        char text[200] = "";
        strcat(strcat(text, rows[i][0]), "\r\n" HOST END);
        char *copy = parse(text, strlen(text), fields, &head);
        assert_int_equal(head.refusal.status, 0);
        assert_string_equal(head.request.path, rows[i][1]);
        assert_string_equal(head.request.host, rows[i][2]);
        free(copy);
    }
}

static bool closes(const char *version, const char *option)
{
    struct http_field fields[FIELDS];
    struct http_head head;
    char text[200] = "GET / ";
    strcat(strcat(strcat(text, version), "\r\n" HOST), option);
    strcat(text, END);
    free(parse(text, strlen(text), fields, &head));
    return head.close;
}

static void test_persistence(void **state)
{
    (void)state;
    assert_false(closes("HTTP/1.1", ""));
    assert_true(closes("HTTP/1.1", "Connection: close\r\n"));
    assert_true(closes("HTTP/1.1", "Connection: a\r\nConnection: b ,\tCLOSE\r\n"));
    assert_false(closes("HTTP/1.1", "Connection: closed\r\n"));
    assert_true(closes("HTTP/1.0", ""));
    assert_false(closes("HTTP/1.0", "Connection: Keep-Alive\r\n"));
    assert_true(closes("HTTP/1.0", "Connection: keep-alive, close\r\n"));
}

static void test_too_many_fields(void **state)
{
    struct http_field fields[1];
    struct http_head head = {0};
    struct http_said said;
    char text[] = GET HOST "A: b\r\n" END;
    (void)state;
    assert_int_equal(http_parse_head(text, sizeof GET - 1, sizeof text - 1, fields, 1, NULL, &said, &head),
                     -EBADMSG);
}

/* The same fields behind another request line are the same fields, not the same answer. */
static void test_known_fields(void **state)
{
    static const struct row rows[] = {
        {"HTTP/1.0 needs no Host", "GET / HTTP/1.0\r\nA: b\r\n\r\n", 0, 0},
        {"HTTP/1.1 does", "GET / HTTP/1.1\r\nA: b\r\n\r\n", 400, 0},
        {"and has chunks", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 0, 0},
        {"HTTP/1.0 has not", "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 400, 0},
        {"nor Expect", "POST / HTTP/1.0\r\n" HOST "Expect: x\r\n\r\n", 0, 0},
        {"which 1.1 has", "POST / HTTP/1.1\r\n" HOST "Expect: x\r\n\r\n", 417, 0},
        {"the target's host counts", "GET http://b/ HTTP/1.1\r\n" HOST "\r\n", 0, 0},
        {"and a field's, when there is none", "GET / HTTP/1.1\r\n" HOST "\r\n", 0, 0},
    };
    (void)state;
    for (int round = 0; round < 3; round++)
        CHECK_ROWS(rows);
}

static void test_memo(void **state)
{
    static const char fields[] = HOST "Accept: */*\r\n\r\n", longer[] = HOST "Accept: */*\r\n\r\nGET ",
                      other[] = HOST "Accept: */a\r\n\r\n";
    struct http_field parsed[FIELDS];
    struct http_head head;
    (void)state;
    for (int i = 0; i < 2; i++) /* a connection's first head is not kept */
        free(parse_once(GET HOST "Accept: */*\r\n\r\n", sizeof GET + sizeof fields - 2, parsed, &head));
    struct http_memo *known = http_memo_find(&connection, longer, sizeof longer - 1);
    assert_non_null(known);
    assert_int_equal(http_memo_size(known), sizeof fields - 1);
    assert_int_equal(http_memo_said(known)->count, 2);
    assert_null(http_memo_find(&connection, longer, sizeof longer - 1)); /* it is lent */
    http_memo_release(known);
    assert_null(http_memo_find(&connection, fields, sizeof fields - 2));
    assert_null(http_memo_find(&connection, other, sizeof other - 1));
}

/* What one connection has sent is compared with nothing that another one sends: not with the same descriptor
   later, nor in the same slot. */
static void test_memo_of_others(void **state)
{
    static const char lines[] = HOST "Cookie: secret\r\n\r\n";
    struct ss_request one = {.fd = 4}, same = {.fd = 4}, later = {.fd = 4},
                      beside = {.fd = 4 + HTTP_MEMO_SLOTS};
    struct http_field fields[FIELDS];
    struct http_said said;
    struct http_refusal refusal;
    char text[] = HOST "Cookie: secret\r\n\r\n";
    (void)state;
    one.client.in = same.client.in = beside.client.in =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_port = 1};
    later.client.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = 2};
    assert_int_equal(http_parse_fields(text, sizeof text - 1, fields, FIELDS, &said, &refusal), 0);
    for (int i = 0; i < 2; i++)
        http_memo_keep(&one, lines, text, sizeof lines - 1, fields, &said);
    assert_null(http_memo_find(&later, lines, sizeof lines - 1));
    assert_null(http_memo_find(&beside, lines, sizeof lines - 1));
    struct http_memo *known = http_memo_find(&same, lines, sizeof lines - 1);
    assert_non_null(known);
    http_memo_release(known);
    http_memo_keep(&later, lines, text, sizeof lines - 1, fields, &said); /* takes the slot */
    assert_null(http_memo_find(&one, lines, sizeof lines - 1));
    assert_null(http_memo_find(&later, lines, sizeof lines - 1));
}

/* Connections of several threads whose slot is the same one: each gets its own head back, or nothing. */
static void *use_slot(void *argument)
{
    const unsigned *number = argument;
    char lines[100], text[100];
    struct http_field fields[FIELDS];
    struct http_said said;
    struct http_refusal refusal;
    struct ss_request connection_of_it = {.fd = 5};
    connection_of_it.client.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = (in_port_t)*number};
    size_t size = (size_t)snprintf(lines, sizeof lines, HOST "A: %0*u\r\n\r\n", 30 + (int)*number, *number);
    for (int i = 0; i < 20000; i++) {
        memcpy(text, lines, size);
        struct http_memo *known = http_memo_find(&connection_of_it, lines, size);
        if (known)
            http_memo_recall(known, text, fields);
        else if (http_parse_fields(text, size, fields, FIELDS, &said, &refusal) < 0)
            return argument;
        if (!known)
            http_memo_keep(&connection_of_it, lines, text, size, fields, &said);
        http_memo_release(known);
        if (strcmp(fields[1].name, "A") != 0 || strtoul(fields[1].value, NULL, 10) != *number)
            return argument;
    }
    return NULL;
}

static void test_memo_of_threads(void **state)
{
    static unsigned numbers[] = {1, 2, 3, 4};
    pthread_t threads[4];
    void *failed;
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_slot, &numbers[i]), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

/* Each byte counts, wherever it stands. */
static void test_memo_compares_all(void **state)
{
    enum { SIZE = 200 };
    char text[SIZE + 1], lines[SIZE + 1];
    struct http_field fields[FIELDS];
    struct http_said said;
    struct http_refusal refusal;
    (void)state;
    snprintf(lines, sizeof lines, HOST "A: %0*d\r\n\r\n", SIZE - 16, 0);
    size_t size = strlen(lines);
    strcpy(text, lines);
    assert_int_equal(http_parse_fields(text, size, fields, FIELDS, &said, &refusal), 0);
    for (int i = 0; i < 2; i++)
        http_memo_keep(&connection, lines, text, size, fields, &said);
    for (size_t i = 0; i < size; i++) {
        lines[i] ^= 1;
        assert_null(http_memo_find(&connection, lines, size));
        lines[i] ^= 1;
    }
    http_memo_release(http_memo_find(&connection, lines, size));
}

/* Whoever is called for a refused request may still ask for its fields. */
static void test_refused_has_no_fields(void **state)
{
    struct http_field fields[2];
    struct http_head head = {0};
    struct http_said said;
    char text[] = "GET /%00 HTTP/9.9\r\n" HOST END;
    (void)state;
    assert_int_equal(http_parse_head(text, sizeof "GET /%00 HTTP/9.9\r\n" - 1, sizeof text - 1, fields, 2,
                                     NULL, &said, &head),
                     -EBADMSG);
    assert_int_equal(head.request.field_count, 0);
}

/* Bytes from 0x80 up: checked as they are sent, and encoded in path and query only. */
static void test_encoding(void **state)
{
    static const struct {
        const char *line, *encoded;
        int status; /* of the line as it is sent */
    } rows[] = {
        {"GET / HTTP/1.1", "GET / HTTP/1.1", 0},
        {"GET /\xc3\xa4 HTTP/1.1", "GET /%C3%A4 HTTP/1.1", 0},
        {"GET /a?\xff HTTP/1.1", "GET /a?%FF HTTP/1.1", 0},
        {"GET http://a/\x80 HTTP/1.1", "GET http://a/%80 HTTP/1.1", 0},
        {"GET http://a?\x80 HTTP/1.1", "GET http://a?%80 HTTP/1.1", 0},
        {"GET http://\x80/\x80 HTTP/1.1", "GET http://\x80/%80 HTTP/1.1", 400},
        {"GET /\x80\x01 HTTP/1.1", "GET /%80\x01 HTTP/1.1", 400},
        {"GET /\x80 HTTP/1.\x80", "GET /%80 HTTP/1.\x80", 400},
        {"CONNECT \x80:1 HTTP/1.1", "CONNECT \x80:1 HTTP/1.1", 400},
        {"GET \x80", "GET \x80", 400},
        {"\x80", "\x80", 400},
        {"GET ", "GET ", 400},
        {"GET http:/\x80", "GET http:/\x80", 400},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_refusal refusal = {0};
        size_t size = strlen(rows[i].line), encoded_size = http_encoded_line_size(rows[i].line, size);
        char *line = malloc(size), *encoded = malloc(encoded_size);
        assert_non_null(line);
        assert_non_null(encoded);
        memcpy(line, rows[i].line, size);
        http_encode_line(line, size, encoded);
        assert_int_equal(encoded_size, strlen(rows[i].encoded));
        assert_memory_equal(encoded, rows[i].encoded, encoded_size);
        http_check_line(line, size, &refusal);
        assert_int_equal(refusal.status, rows[i].status);
        free(line);
        free(encoded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_request_line),
        cmocka_unit_test(test_refused_has_no_fields),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_framing),
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_persistence),
        cmocka_unit_test(test_too_many_fields),
        cmocka_unit_test(test_known_fields),
        cmocka_unit_test(test_memo),
        cmocka_unit_test(test_memo_of_others),
        cmocka_unit_test(test_memo_of_threads),
        cmocka_unit_test(test_memo_compares_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
