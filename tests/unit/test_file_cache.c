/* SPDX-License-Identifier: MIT */
/* handlers/files/cache.c, file_load.c: what is served is what is there, and nothing else. */
#include "files/cache.h"
#include "files/coding.h"
#include "files/load.h"
#include "files/media_type.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { LARGE = HTTP_FILE_CACHE_SMALL + 1 };

static struct ss_server server;
static struct ss_handler handler = {.server = &server};
static char root[] = "/tmp/test_file_cache.XXXXXX";

static const char *guess(struct ss_handler *h, const char *name)
{
    (void)h;
    return strstr(name, ".html") != NULL ? "text/html" : "text/plain";
}

static const struct simple_http_class site = {
    .directory = root, .symlinks = HTTP_SYMLINKS_INSIDE, .guess_type = guess};

static const char *guess_other(struct ss_handler *h, const char *name)
{
    (void)h;
    (void)name;
    return "x/y";
}

static void put(const char *name, const char *text, size_t size)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), size);
    close(fd);
}

static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

static void put_large(const char *name)
{
    char *data = calloc(1, LARGE);

    put(name, data, LARGE);
    free(data);
}

/* Waits until the times of the files written so far are trusted. */
static void settle(void)
{
    usleep(150 * 1000);
}

static int try(const char *name)
{
    struct http_file *file;
    int rc = http_file_open(&handler, &site, name, &file);

    if (rc == 0)
        http_file_release(file);
    return rc;
}

static struct http_file *get(const char *name)
{
    struct http_file *file;

    assert_int_equal(http_file_open(&handler, &site, name, &file), 0);
    return file;
}

static void assert_serves(const char *name, const char *text)
{
    struct http_file *file = get(name);

    assert_non_null(file->content);
    assert_int_equal(file->size, strlen(text));
    assert_memory_equal(file->content, text, file->size);
    http_file_release(file);
}

static int open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static int enter(void **state)
{
    (void)state;
    strcpy(root + strlen(root) - 6, "XXXXXX");
    if (mkdtemp(root) == NULL || chdir(root) < 0 || mkdir("sub", 0755) < 0)
        return -1;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

static int leave(void **state)
{
    (void)state;
    http_file_cache_clear();
    return chdir("/") < 0 ? -1 : nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void test_describes(void **state)
{
    static const char expected[] = "Content-Type: text/html\r\n"
                                   "Accept-Ranges: bytes\r\n"
                                   "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                   "ETag: ";
    struct timespec times[2] = {{.tv_sec = 784111777}, {.tv_sec = 784111777}};
    const struct simple_http_class other = {
        .directory = root, .symlinks = HTTP_SYMLINKS_INSIDE, .guess_type = guess_other};
    struct http_file *file;

    (void)state;
    put_text("sub/a.html", "hello");
    utimensat(AT_FDCWD, "sub/a.html", times, 0);
    file = get("sub/a.html");
    assert_int_equal(file->fd, -1);
    assert_int_equal(file->modified, 784111777);
    assert_memory_equal(file->fields, expected, sizeof expected - 1);
    assert_int_equal(file->fields_size, sizeof expected - 1 + strlen(file->etag) + 2);
    assert_memory_equal(file->fields + sizeof expected - 1, file->etag, strlen(file->etag));
    assert_int_equal(file->type_size, strlen("Content-Type: text/html\r\n"));
    assert_memory_equal(file->fields + file->content_size, "Last-Modified", 13);
    http_file_release(file);
    assert_int_equal(http_file_open(&handler, &other, "sub/a.html", &file), 0);
    assert_non_null(strstr(file->fields, "Content-Type: x/y\r\n"));
    http_file_release(file);
}

/* RFC 9110 8.8.2.1 */
static void test_never_modified_in_the_future(void **state)
{
    struct timespec times[2] = {{.tv_sec = 4102444800}, {.tv_sec = 4102444800}};
    struct http_file *file;

    (void)state;
    put_text("a", "x");
    utimensat(AT_FDCWD, "a", times, 0);
    file = get("a");
    assert_null(strstr(file->fields, "2100"));
    http_file_release(file);
}

static void test_keeps(void **state)
{
    struct http_file *first, *second;

    (void)state;
    put_text("a", "one");
    put_large("large");
    settle();
    first = get("a");
    second = get("a");
    assert_ptr_equal(first, second);
    http_file_release(first);
    http_file_release(second);
    first = get("large");
    second = get("large");
    assert_ptr_equal(first, second);
    assert_null(first->content);
    assert_int_equal(lseek(first->fd, 0, SEEK_END), LARGE);
    http_file_release(first);
    http_file_release(second);
}

/* Edit, save, reload: at once, within one tick of the file system's clock, and in the same size. */
static void test_sees_every_edit(void **state)
{
    char text[16];

    (void)state;
    for (int i = 0; i < 2000; i++) {
        snprintf(text, sizeof text, "%06d", i);
        put_text("a", text);
        assert_serves("a", text);
    }
    settle();
    assert_serves("a", "001999");
    put_text("a", "edited");
    assert_serves("a", "edited");
}

static void test_sees_what_is_renamed_over(void **state)
{
    (void)state;
    put_text("a", "old");
    put_text("b", "new");
    settle();
    assert_serves("a", "old");
    assert_int_equal(rename("b", "a"), 0);
    assert_serves("a", "new");
    assert_int_equal(try("b"), -ENOENT);
}

static void test_sees_what_is_removed(void **state)
{
    (void)state;
    put_text("a", "x");
    settle();
    assert_serves("a", "x");
    unlink("a");
    assert_int_equal(try("a"), -ENOENT);
    assert_int_equal(mkdir("a", 0755), 0);
    assert_int_equal(try("a"), -EISDIR);
}

/* A release is put live by exchanging the directory itself. */
static void test_sees_another_root(void **state)
{
    char www[64];
    const struct simple_http_class cls = {
        .directory = www, .symlinks = HTTP_SYMLINKS_INSIDE, .guess_type = guess};
    struct http_file *file;

    (void)state;
    mkdir("v1", 0755);
    mkdir("v2", 0755);
    put_text("v1/a", "one");
    put_text("v2/a", "two");
    settle();
    snprintf(www, sizeof www, "%s/www", root);
    for (int i = 1; i <= 2; i++) {
        unlink("www");
        assert_int_equal(symlink(i == 1 ? "v1" : "v2", "www"), 0);
        assert_int_equal(http_file_open(&handler, &cls, "a", &file), 0);
        assert_memory_equal(file->content, i == 1 ? "one" : "two", 3);
        http_file_release(file);
    }
}

static void test_regular_files_only(void **state)
{
    (void)state;
    assert_int_equal(try("sub"), -EISDIR);
    assert_int_equal(try("missing"), -ENOENT);
    put_text("a", "x");
    assert_int_equal(try("a/b"), -ENOTDIR);
    assert_int_equal(mkfifo("fifo", 0644), 0);
    assert_int_equal(try("fifo"), -ENOENT); /* and does not wait for a writer */
    assert_int_equal(symlink("/dev/zero", "device"), 0);
    assert_int_equal(try("device"), -ENOENT);
}

static void test_stays_inside(void **state)
{
    char name[PATH_MAX];

    (void)state;
    put_text("sub/a", "inside");
    assert_int_equal(symlink("sub/a", "in"), 0);
    assert_int_equal(symlink("/etc/passwd", "out"), 0);
    assert_int_equal(symlink("../..", "sub/up"), 0);
    assert_serves("in", "inside");
    assert_int_equal(try("out"), -EXDEV);
    assert_int_equal(try("sub/up/etc/passwd"), -ENOENT);
    snprintf(name, sizeof name, "sub/up/%s/sub/a", root + strlen("/tmp/"));
    assert_int_equal(try(name), -EXDEV);
    assert_int_equal(try("../../etc/passwd"), -EXDEV);
    assert_int_equal(try("/etc/passwd"), -ENOENT);
}

/* A directory is moved away and a link put in its place: the file is the same one, and soon outside. */
static void test_does_not_trust_for_long(void **state)
{
    char outside[sizeof root + 8];
    struct http_file *file;

    (void)state;
    snprintf(outside, sizeof outside, "%s.moved", root);
    put_text("sub/a", "x");
    settle();
    file = get("sub/a");
    assert_int_equal(rename("sub", outside), 0);
    assert_int_equal(symlink(outside, "sub"), 0);
    file->opened -= HTTP_FILE_CACHE_TRUST * 1000000000ull;
    assert_int_equal(try("sub/a"), -EXDEV);
    http_file_release(file);
    assert_int_equal(unlink("sub"), 0);
    assert_int_equal(rename(outside, "sub"), 0);
}

/* What one class may serve, another one may not. */
static void test_symlinks_are_part_of_the_key(void **state)
{
    static const struct {
        enum http_symlinks symlinks;
        int in, out;
    } rows[] = {
        {HTTP_SYMLINKS_FOLLOW, 0, 0},
        {HTTP_SYMLINKS_INSIDE, 0, -EXDEV},
        {HTTP_SYMLINKS_NEVER, -ELOOP, -ELOOP},
    };
    struct http_file *file;

    (void)state;
    put_text("a", "x");
    assert_int_equal(symlink("a", "in"), 0);
    assert_int_equal(symlink("/etc/passwd", "out"), 0);
    for (int i = 0; i < 6; i++) {
        const char *names[] = {"in", "out"};
        int expected[] = {rows[i % 3].in, rows[i % 3].out};

        for (int k = 0; k < 2; k++) {
            const struct simple_http_class cls = {
                .directory = root, .symlinks = rows[i % 3].symlinks, .guess_type = guess};
            int rc = http_file_open(&handler, &cls, names[k], &file);

            assert_int_equal(rc, expected[k]);
            if (rc == 0)
                http_file_release(file);
        }
    }
}

static void test_bounded(void **state)
{
    int before = open_descriptors();
    char name[32];

    (void)state;
    put_large("large");
    for (int i = 0; i < HTTP_FILE_CACHE_DESCRIPTORS + 50; i++) {
        snprintf(name, sizeof name, "large%d", i);
        assert_int_equal(link("large", name), 0);
    }
    for (int i = 0; i < HTTP_FILE_CACHE_DESCRIPTORS + 50; i++) {
        snprintf(name, sizeof name, "large%d", i);
        assert_int_equal(try(name), 0);
    }
    assert_true(open_descriptors() <= before + HTTP_FILE_CACHE_DESCRIPTORS);
    assert_true(open_descriptors() >= before + HTTP_FILE_CACHE_DESCRIPTORS / 2);
    put_text("small", "x");
    for (int i = 0; i < HTTP_FILE_CACHE_ENTRIES + 50; i++) {
        snprintf(name, sizeof name, "small%d", i);
        assert_int_equal(link("small", name), 0);
        assert_int_equal(try(name), 0);
    }
    assert_int_equal(open_descriptors(), before);
    assert_serves("small0", "x");
}

static void test_held_outlives_the_cache(void **state)
{
    struct http_file *small, *large;
    char byte;

    (void)state;
    put_text("a", "kept");
    put_large("large");
    small = get("a");
    large = get("large");
    unlink("a");
    unlink("large");
    http_file_cache_clear();
    assert_int_equal(try("a"), -ENOENT);
    assert_memory_equal(small->content, "kept", 4);
    assert_int_equal(pread(large->fd, &byte, 1, LARGE - 1), 1);
    http_file_release(small);
    http_file_release(large);
}

/* Compressed forms count, and go with what they belong to; who holds one keeps it. */
static void test_compressed_forms_are_bounded(void **state)
{
    enum { FORM = 1024 * 1024, COUNT = 2 * HTTP_FILE_CACHE_BYTES / FORM };
    struct http_file *files[COUNT], *forms[COUNT];
    char name[24];
    int kept = 0;

    (void)state;
    put_text("a.txt", "x");
    settle();
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "a%d.txt", i);
        assert_int_equal(link("a.txt", name), 0);
        files[i] = get(name);
        forms[i] = http_file_form(files[i], HTTP_GZIP);
        forms[i]->content = calloc(1, FORM);
        forms[i]->size = FORM;
        http_file_keep(files[i], forms[i]);
        assert_ptr_equal(files[i]->coded[HTTP_GZIP], forms[i]);
    }
    for (int i = 0; i < COUNT; i++)
        kept += files[i]->cached;
    assert_in_range(kept, HTTP_FILE_CACHE_BYTES / FORM / 2, HTTP_FILE_CACHE_BYTES / FORM);
    for (int i = 0; i < COUNT; i++) {
        http_file_release(files[i]);
        assert_int_equal(forms[i]->content[FORM - 1], 0);
        assert_non_null(strstr(forms[i]->fields, "Content-Encoding: gzip\r\n"));
        http_file_release(forms[i]);
    }
}

/* The second of two that were made at the same time is not kept, but its maker can use it. */
static void test_one_form_is_kept(void **state)
{
    struct http_file *file, *first, *second;

    (void)state;
    put_text("a.txt", "x");
    file = get("a.txt");
    first = http_file_form(file, HTTP_GZIP);
    second = http_file_form(file, HTTP_GZIP);
    http_file_keep(file, first);
    http_file_keep(file, second);
    assert_ptr_equal(file->coded[HTTP_GZIP], first);
    assert_null(file->coded[HTTP_ZSTD]);
    http_file_release(second);
    http_file_release(first);
    http_file_release(file);
}

/* A compressed file is one thing under its own name and another one as a form of the original. */
static void test_sibling_has_its_own_entry(void **state)
{
    struct http_file *plain, *coded;

    (void)state;
    put_text("a.html.gz", "\x1f\x8b\bx");
    plain = get("a.html.gz");
    assert_int_equal(http_file_open_coded(&handler, &site, "a.html.gz", HTTP_GZIP, &coded), 0);
    assert_ptr_not_equal(plain, coded);
    assert_string_not_equal(plain->etag, coded->etag);
    assert_null(strstr(plain->fields, "Content-Encoding"));
    assert_non_null(strstr(coded->fields, "Content-Type: text/html\r\n"));
    assert_non_null(strstr(coded->fields, "Content-Encoding: gzip\r\n"));
    http_file_release(plain);
    http_file_release(coded);
}

static void test_compressible_types(void **state)
{
    static const char *const yes[] = {"text/plain",
                                      "text/html; charset=utf-8",
                                      "TEXT/CSS",
                                      "application/json; charset=utf-8",
                                      "application/ld+json",
                                      "image/svg+xml",
                                      "application/wasm",
                                      "font/ttf"};
    static const char *const no[] = {
        "",    "text",  "image/png",        "application/zip",   "font/woff2",  "video/mp4",
        "xml", "+json", "application/gzip", "application/jsonx", "a/b; x=+xml", "application/octet-stream"};

    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        assert_true(http_is_compressible(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        assert_false(http_is_compressible(no[i]));
}

/* Eight letters, all the same: a file seen half written shows. */
static void *reader(void *errors)
{
    for (int i = 0; i < 3000; i++) {
        char name[16];
        struct http_file *file;

        snprintf(name, sizeof name, "f%d", i % 7);
        if (http_file_open(&handler, &site, name, &file) < 0) {
            atomic_fetch_add((atomic_int *)errors, 1);
            continue;
        }
        for (size_t k = 1; k < file->size; k++)
            if (file->content[k] != file->content[0])
                atomic_fetch_add((atomic_int *)errors, 1);
        http_file_release(file);
        if (i % 500 == 0)
            http_file_cache_clear();
    }
    return NULL;
}

static void test_threads(void **state)
{
    atomic_int errors = 0;
    pthread_t threads[4];
    char name[16], text[9];

    (void)state;
    for (int i = 0; i < 7; i++) {
        snprintf(name, sizeof name, "f%d", i);
        put_text(name, "aaaaaaaa");
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reader, &errors), 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "f%d", i % 7);
        memset(text, 'a' + i % 26, 8);
        put("new", text, 8);
        rename("new", name);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(errors, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_describes),
        TEST(test_never_modified_in_the_future),
        TEST(test_keeps),
        TEST(test_sees_every_edit),
        TEST(test_sees_what_is_renamed_over),
        TEST(test_sees_what_is_removed),
        TEST(test_sees_another_root),
        TEST(test_regular_files_only),
        TEST(test_stays_inside),
        TEST(test_does_not_trust_for_long),
        TEST(test_symlinks_are_part_of_the_key),
        TEST(test_bounded),
        TEST(test_held_outlives_the_cache),
        TEST(test_compressed_forms_are_bounded),
        TEST(test_one_form_is_kept),
        TEST(test_sibling_has_its_own_entry),
        TEST(test_compressible_types),
        TEST(test_threads),
    };

    int rc = ss_server_init(&server, SS_BASES(&TCPServer), "127.0.0.1:0", &StreamRequestHandler);

    if (rc == 0)
        rc = cmocka_run_group_tests_name("file_cache", tests, NULL, NULL);
    ss_server_close(&server);
    return rc;
}
