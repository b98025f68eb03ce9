/* SPDX-License-Identifier: MIT */
/* handlers/files/mimetypes.c: media types by the ending of a name. */
#include "http_server.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The tables themselves. */
#include "files/mime_file.c"
#include "files/mimetypes.c"

static void test_order(void **state)
{
    (void)state;
    for (size_t i = 1; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i - 1].ending, table[i].ending) >= 0)
            print_error("%s\n", table[i].ending);
        assert_true(strcmp(table[i - 1].ending, table[i].ending) < 0);
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char name[32] = "x.";

        assert_ptr_equal(http_guess_type(strcat(name, table[i].ending)), table[i].type);
    }
}

static void test_types(void **state)
{
    static const struct {
        const char *name, *type;
    } rows[] = {
        {"index.html", "text/html; charset=utf-8"},
        {"a/b/INDEX.HTM", "text/html; charset=utf-8"},
        {"style.css", "text/css; charset=utf-8"},
        {"app.js", "text/javascript; charset=utf-8"},
        {"module.mjs", "text/javascript; charset=utf-8"},
        {"data.json", "application/json; charset=utf-8"},
        {"readme.txt", "text/plain; charset=utf-8"},
        {"README.md", "text/markdown; charset=utf-8"},
        {"table.csv", "text/csv; charset=utf-8"},
        {"feed.xml", "application/xml"},
        {"code.wasm", "application/wasm"},
        {"font.woff2", "font/woff2"},
        {"photo.avif", "image/avif"},
        {"photo.JPeG", "image/jpeg"},
        {"photo.webp", "image/webp"},
        {"logo.svg", "image/svg+xml"},
        {"film.mp4", "video/mp4"},
        {"film.webm", "video/webm"},
        {"song.mp3", "audio/mpeg"},
        {"song.ogg", "audio/ogg"},
        {"paper.pdf", "application/pdf"},
        {"a.zip", "application/zip"},
        {"a.tar", "application/x-tar"},
        {"a.tar.gz", "application/gzip"},
        {"a.tar.bz2", "application/x-bzip2"},
        {"a.tar.xz", "application/x-xz"},
        {"a.Z", "application/octet-stream"},
        {"noending", "application/octet-stream"},
        {"dot.", "application/octet-stream"},
        {".html", "application/octet-stream"},
        {"..html", "application/octet-stream"},
        {".hidden.html", "text/html; charset=utf-8"},
        {"dir.html/file", "application/octet-stream"},
        {"dir.html/.css", "application/octet-stream"},
        {"a.unknownending", "application/octet-stream"},
        {"a.htmlx", "application/octet-stream"},
        {"a.ht", "application/octet-stream"},
        {"a.h\xf4ml", "application/octet-stream"},
        {"", "application/octet-stream"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(http_guess_type(rows[i].name), rows[i].type);
}

/* RFC 9110 8.3.1 and 5.6.6. */
static void test_grammar(void **state)
{
    static const struct {
        const char *type;
        bool good;
    } rows[] = {
        {"text/plain", true},
        {"text/plain;charset=utf-8", true},
        {"text/plain; charset=utf-8", true},
        {"text/plain \t;\t charset=\"a \\\" b\";x=y", true},
        {"application/vnd.a+b-c_d", true},
        {"x/y;a=\"\"", true},
        {"", false},
        {"text", false},
        {"text/", false},
        {"/plain", false},
        {"text/plain/x", false},
        {"text /plain", false},
        {"text/ plain", false},
        {" text/plain", false},
        {"text/plain ", false},
        {"text/plain;", false},
        {"text/plain;charset", false},
        {"text/plain;charset=", false},
        {"text/plain;=utf-8", false},
        {"text/plain;charset =utf-8", false},
        {"text/plain;charset= utf-8", false},
        {"text/plain;charset=\"utf-8", false},
        {"text/plain;charset=\"utf-8\\", false},
        {"text/plain;a=\"b\"c", false},
        {"text/plain, text/html", false},
        {"text/pl\xe4in", false},
        {"text/plain\r\nX: y", false},
        {"text/plain;a=\"\r\n\"", false},
    };
    char longest[HTTP_TYPE_SIZE + 1] = "text/";

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (http_is_media_type(rows[i].type) != rows[i].good)
            print_error("%s\n", rows[i].type);
        assert_int_equal(http_is_media_type(rows[i].type), rows[i].good);
    }
    memset(longest + 5, 'x', HTTP_TYPE_SIZE - 6);
    assert_true(http_is_media_type(longest));
    strcat(longest, "x");
    assert_false(http_is_media_type(longest));
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_true(http_is_media_type(table[i].type));
}

/* A system's list, behind the table; well-formed lines count whatever stands between them. */
static void test_file(void **state)
{
    static const char text[] = "# a comment\n"
                               "\n"
                               "application/x-one\t\tone 1st\n"
                               "text/x-two two .dotted UPPER # and a comment three\r\n"
                               "text/x-none\n"
                               "text/html html wrong-html\n"
                               "  application/x-indented indented\n"
                               "no-type ending\n"
                               "type/with;x=y params\n"
                               "text/xml some-xml\n"
                               "application/x-later one\n"
                               "bad type/name lost\n"
                               "application/x-slash a/b ok-too\n"
                               "application/x-nul nu\0l\n"
                               "application/x-long "
                               "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
                               "application/x-tar-x tar.x\n"
                               "application/x-end end";
    static const struct {
        const char *name, *type;
    } rows[] = {
        {"a.1st", "application/x-one"},
        {"a.ONE", "application/x-later"}, /* the last one counts */
        {"a.two", "text/x-two; charset=utf-8"},
        {"a.dotted", "text/x-two; charset=utf-8"},
        {"a.upper", "text/x-two; charset=utf-8"},
        {"a.three", "application/octet-stream"},
        {"a.html", "text/html; charset=utf-8"}, /* the table goes first */
        {"a.wrong-html", "text/html; charset=utf-8"},
        {"a.indented", "application/x-indented"},
        {"a.ending", "application/octet-stream"},
        {"a.params", "type/with;x=y"},
        {"a.some-xml", "text/xml"},
        {"a.lost", "application/octet-stream"},
        {"a.ok-too", "application/x-slash"},
        {"a.b", "application/octet-stream"},
        {"a.nul", "application/octet-stream"},
        {"a.tar.x", "application/x-tar-x"},
        {"a.x", "application/octet-stream"},
        {"a.end", "application/x-end"},
    };

    (void)state;
    list.text = malloc(sizeof text);
    assert_non_null(list.text);
    memcpy(list.text, text, sizeof text);
    assert_int_equal(parse_list(list.text, sizeof text - 1), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(http_guess_type(rows[i].name), rows[i].type) != 0)
            print_error("%s\n", rows[i].name);
        assert_string_equal(http_guess_type(rows[i].name), rows[i].type);
    }
}

static void test_read_file(void **state)
{
    char path[] = "/tmp/mime-XXXXXX", *text;
    int fd = mkstemp(path), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    size_t size = 0;

    (void)state;
    unlink(path);
    assert_int_equal(write(fd, "abc", 3), 3);
    lseek(fd, 0, SEEK_SET);
    text = read_file(fd, &size);
    assert_non_null(text);
    assert_int_equal(size, 3);
    free(text);
    assert_int_equal(ftruncate(fd, HTTP_MIME_FILE_SIZE + 1), 0);
    assert_null(read_file(fd, &size));
    assert_int_equal(errno, EFBIG);
    assert_null(read_file(null, &size));
    assert_int_equal(errno, EINVAL);
    close(fd);
    close(null);
}

static void test_add(void **state)
{
    static const char *const bad[][2] = {{"text", "x"}, {"text/plain", ""},    {"text/plain", "."},
                                         {"", "x"},     {"text/plain", "a/b"}, {"text/plain", "a b"},
                                         {".x", "a/b"}, {"a/b;", "x"},         {"text/plain", "\n"}};
    char type[] = "text/x-added; charset=latin1", ext[] = ".HTML";

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(http_add_type(bad[i][0], bad[i][1]), -EINVAL);
    assert_int_equal(http_add_type(type, ext), 0);
    memset(type, 'x', sizeof type - 1);
    memset(ext, 'x', sizeof ext - 1);
    assert_string_equal(http_guess_type("a.html"), "text/x-added; charset=latin1");
    assert_int_equal(http_add_type("text/x-again", "html"), 0);
    assert_string_equal(http_guess_type("a.Html"), "text/x-again");
    assert_string_equal(http_guess_type("a.htm"), "text/html; charset=utf-8");
    assert_int_equal(http_add_type("application/x-tgz", "tar.gz"), 0);
    assert_string_equal(http_guess_type("a.tar.gz"), "application/x-tgz");
    assert_string_equal(http_guess_type("a.b.tar.gz"), "application/x-tgz");
    assert_string_equal(http_guess_type("a.gz"), "application/gzip");
    assert_string_equal(http_guess_type("dir/tar.gz"), "application/x-tgz"); /* the whole name */
    assert_int_equal(http_add_type("application/x-gz", "gz"), 0);
    assert_string_equal(http_guess_type("a.tar.gz"), "application/x-tgz");
}

/* A name goes before what its ending says, and is one as a whole only. */
static void test_add_name(void **state)
{
    (void)state;
    assert_string_equal(http_guess_type("README"), "application/octet-stream");
    assert_int_equal(http_add_type("text/plain", "README"), 0);
    assert_string_equal(http_guess_type("README"), "text/plain");
    assert_string_equal(http_guess_type("a/b.c/readme"), "text/plain");
    assert_string_equal(http_guess_type("a.README"), "text/plain");
    assert_string_equal(http_guess_type("README/a"), "application/octet-stream");
    assert_string_equal(http_guess_type("READMEs"), "application/octet-stream");
    assert_string_equal(http_guess_type("A README"), "application/octet-stream");
    assert_string_equal(http_guess_type("README.md"), "text/markdown; charset=utf-8");
    assert_int_equal(http_add_type("text/x-cmake", "CMakeLists.txt"), 0);
    assert_string_equal(http_guess_type("CMakeLists.txt"), "text/x-cmake");
    assert_string_equal(http_guess_type("Lists.txt"), "text/plain; charset=utf-8");
    assert_int_equal(http_add_type("text/x-git", ".gitignore"), 0);
    assert_string_equal(http_guess_type("a/.gitignore"), "text/x-git");
    assert_string_equal(http_guess_type("gitignore"), "text/x-git");
    assert_string_equal(http_guess_type(""), "application/octet-stream");
    assert_string_equal(http_guess_type("a/"), "application/octet-stream");
}

/* What this machine has in /etc is not asked; and the list is read once. */
static int set_up(void **state)
{
    (void)state;
    return http_init_types("/nowhere") == -ENOENT && http_init_types(NULL) == -ENOENT ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),    cmocka_unit_test(test_types),     cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_file),     cmocka_unit_test(test_read_file), cmocka_unit_test(test_add),
        cmocka_unit_test(test_add_name),
    };

    return cmocka_run_group_tests_name("mimetypes", tests, set_up, NULL);
}
