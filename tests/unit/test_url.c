/* handlers/url.c: percent-encoding, and from a request's path to a file's name. */
#include "http_server.h"
#include "url.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

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
    };
    char name[64];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        ssize_t size = http_normalize_path(rows[i].path, name);

        if (size < 0 || strcmp(name, rows[i].name) != 0)
            print_error("%s\n", rows[i].path);
        assert_int_equal(size, strlen(rows[i].name));
        assert_string_equal(name, rows[i].name);
    }
}

static void test_normalize_refuses(void **state)
{
    static const struct {
        const char *path;
        int error;
    } rows[] = {
        {"/%", -EINVAL},      {"/%4", -EINVAL},      {"/%zz", -EINVAL},     {"/%4g", -EINVAL},
        {"/%%41", -EINVAL},   {"/a%00b", -EINVAL},   {"/%00", -EINVAL},     {"/% 1", -EINVAL},
        {"/a%2fb", -ENOENT},  {"/%2F", -ENOENT},     {"/..%2f..", -ENOENT}, {"/%4/1", -EINVAL},
        {"/a/%?41", -EINVAL}, {"/%u002e/", -EINVAL}, {"/%2", -EINVAL},      {"/%2e%2e%2f", -ENOENT},
    };
    char name[64];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(http_normalize_path(rows[i].path, name), rows[i].error);
}

/* Whatever is asked for: no empty or dot segment is left, and nothing is written past the end. */
static void test_normalize_holds(void **state)
{
    static const char *const parts[] = {"/", "..", ".", "a", "%2e", "%41", "//", "bc", "?", "%"};
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

static void test_utf8_length(void **state)
{
    static const struct {
        const char *text;
        size_t length;
    } rows[] = {
        {"a", 1},
        {"\x7f", 1},
        {"\xc3\xa9", 2},
        {"\xe2\x82\xac", 3},
        {"\xed\x9f\xbf", 3},
        {"\xf0\x9f\x98\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\x80", 0},
        {"\xc0\xaf", 0},
        {"\xc1\xbf", 0},
        {"\xc3", 0},
        {"\xc3("
         "",
         0},
        {"\xe0\x80\xaf", 0},
        {"\xe2\x82", 0},
        {"\xed\xa0\x80", 0},
        {"\xf0\x80\x80\x80", 0},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"\xff", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(http_utf8_length(rows[i].text), rows[i].length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalize),       cmocka_unit_test(test_normalize_refuses),
        cmocka_unit_test(test_normalize_holds), cmocka_unit_test(test_unquote),
        cmocka_unit_test(test_requote),         cmocka_unit_test(test_utf8_length),
    };

    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
