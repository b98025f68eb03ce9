/* SPDX-License-Identifier: MIT */
/* handlers/text/url.c: percent-encoding, and from a request's path to a file's name. */
#include "http_server.h"
#include "text/url.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void assert_name(const char *path, const char *expected)
{
    char name[64];
    ssize_t size = http_normalize_path(path, name);

    if (size < 0 || strcmp(name, expected) != 0)
        print_error("%s\n", path);
    assert_int_equal(size, strlen(expected));
    assert_string_equal(name, expected);
}

/* A path that is copied, and the same in escapes, which is decoded, are one. */
static void test_plain_or_escaped(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        char plain[16], escaped[16], one[16], other[16];

        if (c == '?' || c == '#' || c == '%')
            continue;
        snprintf(plain, sizeof plain, "/a/%cb%c/c", c, c);
        snprintf(escaped, sizeof escaped, "/a/%%%02xb%%%02x/c", c, c);
        assert_int_equal(http_normalize_path(plain, one), http_normalize_path(escaped, other));
        assert_string_equal(one, other);
    }
}

static void test_normalize(void **state)
{
    static const struct {
        const char *path, *name;
    } rows[] = {
        {"", ""},
        {"/", ""},
        {"//", ""},
        {"/a", "a"},
        {"a", "a"},
        {"/a/", "a/"},
        {"/a/b.txt", "a/b.txt"},
        {"///a////b//", "a/b/"},
        {"/a?b=/../c", "a"},
        {"/a#b/../c", "a"},
        {"/a?x#y?z", "a"},
        {"/?x", ""},
        {"/a%20b", "a b"},
        {"/%41%e4", "A\xe4"},
        {"/a%3Fb%23c", "a?b#c"},
        {"/%2541", "%41"},
        {"/%25%32%65%25%32%65", "%2e%2e"},
        {"/.", ""},
        {"/./", ""},
        {"/a/.", "a/"},
        {"/a/./b", "a/b"},
        {"/..", ""},
        {"/../", ""},
        {"/../../etc/passwd", "etc/passwd"},
        {"/a/..", ""},
        {"/a/../b", "b"},
        {"/a/b/..", "a/"},
        {"/a/b/../..", ""},
        {"/a/b/../../..", ""},
        {"/a/b/../c/", "a/c/"},
        {"/%2e%2e/a", "a"},
        {"/%2E./a", "a"},
        {"/a/%2e%2e/%2e", ""},
        {"/...", "..."},
        {"/..a/.b/c..", "..a/.b/c.."},
        {"/\\..\\..\\etc", "\\..\\..\\etc"},
        {"/..%5c..%5cx", "..\\..\\x"},
        {"/%c0%ae%c0%ae/x", "\xc0\xae\xc0\xae/x"},
        {"/%0d%0a", "\r\n"},
        {"/a/;/b;c", "a/;/b;c"},
        {"/a..", "a.."},
        {"/.a/..b", ".a/..b"},
        {"/a?%zz", "a"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_name(rows[i].path, rows[i].name);
}

/* Decoding comes first, and once. */
static void test_normalize_decodes(void **state)
{
    static const struct {
        const char *path, *name;
    } rows[] = {
        {"/a%2fb", "a/b"}, /* an encoded slash is a slash */
        {"/%2F", ""},
        {"/a%2F", "a/"},
        {"/a%2f..", ""},
        {"/..%2f..", ""},
        {"/a%2f..%2f..%2f../b", "b"},
        {"/%2e%2e%2fetc", "etc"},
        {"%2e%2e%2fetc", "etc"},
        {"/a/..%2fb%3f/%2e%2fc", "b?/c"},
        {"/..%252f..%252fetc", "..%2f..%2fetc"}, /* decoded once */
        {"/..%c0%af..%c0%afetc", "..\xc0\xaf..\xc0\xaf"
                                 "etc"}, /* bytes, whatever a lax decoder made of them */
        {"/%e0%80%af", "\xe0\x80\xaf"},
        {"/%ef%bc%8e%ef%bc%8e/x", "\xef\xbc\x8e\xef\xbc\x8e/x"}, /* full-width dots */
        {"/\xc3\xa9", "\xc3\xa9"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_name(rows[i].path, rows[i].name);
}

static void test_normalize_refuses(void **state)
{
    static const struct {
        const char *path;
        int error;
    } rows[] = {
        {"/%", -EINVAL},      {"/%4", -EINVAL},     {"/%zz", -EINVAL},     {"/%4g", -EINVAL},
        {"/%%41", -EINVAL},   {"/a%00b", -EINVAL},  {"/%00", -EINVAL},     {"/% 1", -EINVAL},
        {"/%4/1", -EINVAL},   {"/a/%?41", -EINVAL}, {"/%u002e/", -EINVAL}, {"/%2", -EINVAL},
        {"/../%00", -EINVAL}, {"/%00/..", -EINVAL},
    };
    char name[64];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(http_normalize_path(rows[i].path, name), rows[i].error);
        assert_false(http_is_well_escaped(rows[i].path));
    }
}

static void test_well_escaped(void **state)
{
    static const char *const good[] = {"", "/", "/%41", "/a%2Fb%2f", "/%ff?%00", "/a?%", "/a#%zz", "/%25zz"};

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(http_is_well_escaped(good[i]));
}

static void test_dotfiles(void **state)
{
    static const struct {
        const char *name;
        bool found;
    } rows[] = {
        {"", false},
        {"a", false},
        {"a.b/c.", false},
        {".git", true},
        {".git/", true},
        {".git/config", true},
        {"a/.git", true},
        {"a/.git/b", true},
        {"...", true},
        {"a/..b", true},
        {".well-known", false},
        {".well-known/", false},
        {".well-known/a/b", false},
        {".well-known/.a", true},
        {"a/.well-known", true},
        {".well-known2/a", true},
        {".well-knowN/a", true},
        {".well-known/a/.well-known", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(http_has_dotfile(rows[i].name), rows[i].found);
}

static void test_skip_slashes(void **state)
{
    static const struct {
        const char *path, *rest;
    } rows[] = {
        {"", ""},          {"/", ""},       {"//a", "a"},  {"/%2f/%2Fa/", "a/"},
        {"/%5ca", "%5ca"}, {"/\\a", "\\a"}, {"/%2", "%2"}, {"/./a", "./a"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(http_skip_slashes(rows[i].path), rows[i].rest);
}

/* Whatever is asked for: no empty or dot segment is left, and nothing is written past the end. */
static void test_normalize_holds(void **state)
{
    static const char *const parts[] = {"/",  "..", ".", "a", "%2e", "%41",
                                        "//", "bc", "?", "%", "%2f", "%2e%2E"};
    uint32_t random = 1;

    (void)state;
    for (int round = 0; round < 200000; round++) {
        char path[128] = "/", name[160];
        ssize_t size;

        for (int i = 0; i < 12; i++) {
            random = random * 1664525 + 1013904223;
            strcat(path, parts[(random >> 16) % COUNT(parts)]);
        }
        memset(name, 'x', sizeof name);
        size = http_normalize_path(path, name);
        assert_true(name[strlen(path) + 2] == 'x');
        if (size < 0)
            continue;
        assert_int_equal(size, strlen(name));
        for (char *segment = name, *next; *segment != '\0'; segment = next) {
            size_t length = strcspn(segment, "/");

            next = segment + length + (segment[length] == '/');
            assert_true(length > 0);
            assert_false(length == 1 && segment[0] == '.');
            assert_false(length == 2 && segment[0] == '.' && segment[1] == '.');
        }
    }
}

static void test_unquote(void **state)
{
    char plain[] = "a b", escaped[] = "%61%20%C3%A9", twice[] = "%2561", bad[] = "a%6", nul[] = "%00",
         empty[] = "";

    (void)state;
    assert_int_equal(http_unquote(plain), 3);
    assert_int_equal(http_unquote(escaped), 4);
    assert_string_equal(escaped, "a \xc3\xa9");
    assert_int_equal(http_unquote(twice), 3);
    assert_string_equal(twice, "%61");
    assert_int_equal(http_unquote(bad), -EINVAL);
    assert_int_equal(http_unquote(nul), -EINVAL);
    assert_int_equal(http_unquote(empty), 0);
}

static void test_requote(void **state)
{
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"a/b%20c", "a/b%20c"},      {"a b", "a%20b"},       {"\\host", "%5Chost"},
        {"a\r\nb\t", "a%0D%0Ab%09"}, {"\xc3\xa9", "%C3%A9"}, {"?q=1&r=%41", "?q=1&r=%41"},
        {"<\">", "%3C%22%3E"},       {"\x7f", "%7F"},
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(http_requote(rows[i].from, strlen(rows[i].from), out), strlen(rows[i].to));
        assert_string_equal(out, rows[i].to);
    }
}

static void test_one_character(void **state)
{
    static const char marks[] = "&<>\"'", *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#x27;"};
    (void)state;
    for (int c = 1; c < 256; c++) {
        char text[8], expected[8];
        *http_append_escape(text, (char)c) = 0;
        snprintf(expected, sizeof expected, "%%%02X", c);
        assert_string_equal(text, expected);
        const char *mark = strchr(marks, c);
        *http_append_html(text, (char)c) = 0;
        assert_string_equal(text, mark ? entities[mark - marks] : ((char[2]){(char)c, 0}));
    }
}

/* RFC 6454 4, 5 and 7; RFC 3986 6.2.3 for the ports. */
static void test_same_origin(void **state)
{
    static const struct {
        const char *origin, *host;
        bool same;
    } rows[] = {
        {"http://a", "a", true},
        {"HTTP://A.example", "a.EXAMPLE", true},
        {"http://a:80", "a", true},
        {"http://a", "a:80", true},
        {"http://a:", "a:80", true},
        {"http://a:080", "a", true},
        {"https://a:443", "a", true},
        {"https://a", "a:443", true},
        {"https://a", "a", true},
        {"http://a:8000", "a:8000", true},
        {"http://[::1]", "[::1]:80", true},
        {"http://[::1]:8000", "[0:0:0:0:0:0:0:1]:8000", true},
        {"http://[FE80::A]", "[fe80::a]", true},
        {"http://[::ffff:1.2.3.4]", "[::ffff:102:304]", true},
        {"http://a:443", "a", false},
        {"https://a:80", "a", false},
        {"http://a", "a:443", false},
        {"https://a", "a:80", false},
        {"http://a:8000", "a", false},
        {"http://a", "a:8000", false},
        {"http://a", "b", false},
        {"http://a.b", "a", false},
        {"http://a", "a.b", false},
        {"http://a", "", false},
        {"http://", "", false},
        {"", "", false},
        {"", "a", false},
        {"null", "null", false},
        {"http://null", "null", true},
        {"a", "a", false},
        {"//a", "a", false},
        {"ftp://a", "a", false},
        {"httpx://a", "a", false},
        {"http://a/", "a", false},
        {"http://a http://a", "a", false},
        {"http://a, http://a", "a", false},
        {"http://u@a", "a", false},
        {"http://a?", "a", false},
        {"http://[::1]", "[::2]", false},
        {"http://[::1]:80", "[::1]:81", false},
        {"http://[::1", "[::1]", false},
        {"http://127.0.0.1", "[::ffff:127.0.0.1]", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (http_is_same_origin(rows[i].origin, "", rows[i].host) != rows[i].same)
            print_error("%s %s\n", rows[i].origin, rows[i].host);
        assert_int_equal(http_is_same_origin(rows[i].origin, "", rows[i].host), rows[i].same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalize),         cmocka_unit_test(test_plain_or_escaped),
        cmocka_unit_test(test_normalize_decodes), cmocka_unit_test(test_normalize_refuses),
        cmocka_unit_test(test_normalize_holds),   cmocka_unit_test(test_unquote),
        cmocka_unit_test(test_requote),           cmocka_unit_test(test_well_escaped),
        cmocka_unit_test(test_dotfiles),          cmocka_unit_test(test_skip_slashes),
        cmocka_unit_test(test_same_origin),       cmocka_unit_test(test_one_character),
    };

    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
