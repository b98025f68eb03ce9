/* handlers/mimetypes.c: media types by the ending of a name. */
#include "http_server.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The table itself, to see that it is in order. */
#include "mimetypes.c"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_types)};

    return cmocka_run_group_tests_name("mimetypes", tests, NULL, NULL);
}
