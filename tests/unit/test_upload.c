/* SPDX-License-Identifier: MIT */
/* Files that others send: their names, and how they come to them, with O_TMPFILE and without. */
#include "upload/upload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_names(void **state)
{
    static const struct {
        const char *filename, *plain, *with_dotfiles;
    } rows[] = {
        {"a", "a", "a"},
        {"a b.txt", "a b.txt", "a b.txt"},
        {"../a", "a", "a"},
        {"/a/b", "b", "b"},
        {"C:\\a\\b", "b", "b"},
        {"a\\../b/..\\c", "c", "c"},
        {"a/", NULL, NULL},
        {"a\\", "a\\", "a\\"},
        {"a\\b.txt", "a\\b.txt", "a\\b.txt"},
        {"d/a\\b", "a\\b", "a\\b"},
        {"\\", NULL, NULL},
        {"\\a", "a", "a"},
        {"\\\\host\\share\\a", "a", "a"},
        {"c:\\a b.txt", "a b.txt", "a b.txt"},
        {"C:\\a\\", NULL, NULL},
        {"C:\\a/b\\c", "c", "c"},
        {"CC:\\a", "CC:\\a", "CC:\\a"},
        {"C:a\\b", "C:a\\b", "C:a\\b"},
        {"1:\\a", "1:\\a", "1:\\a"},
        {"..\\a", "a", "a"},
        {"a\\..", NULL, NULL},
        {"a\\.\\b", "b", "b"},
        {"a\\..b", "a\\..b", "a\\..b"},
        {".\\a", "a", "a"},
        {"a\\.b", "a\\.b", "a\\.b"},
        {".a\\b", NULL, ".a\\b"},
        {"a\\b\n", NULL, NULL},
        {"", NULL, NULL},
        {".", NULL, NULL},
        {"..", NULL, NULL},
        {"a/..", NULL, NULL},
        {".a", NULL, ".a"},
        {"...", NULL, "..."},
        {"a\n", NULL, NULL},
        {"\x1f/a", NULL, NULL},
        {"a\x7f", NULL, NULL},
        {"\xff\x80", "\xff\x80", "\xff\x80"},
        {"a..", "a..", "a.."},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (int dotfiles = 0; dotfiles <= 1; dotfiles++) {
            const char *expected = dotfiles ? rows[i].with_dotfiles : rows[i].plain;
            const char *found = http_upload_name(rows[i].filename, dotfiles);

            if (expected == NULL)
                assert_null(found);
            else
                assert_string_equal(found, expected);
        }
    }
}

static void test_long_names(void **state)
{
    char name[NAME_MAX + 2];

    (void)state;
    memset(name, 'x', sizeof name);
    name[NAME_MAX] = '\0';
    assert_ptr_equal(http_upload_name(name, false), name);
    name[NAME_MAX] = 'x';
    name[NAME_MAX + 1] = '\0';
    assert_null(http_upload_name(name, false));
}

static void test_numbers(void **state)
{
    static const struct {
        const char *name, *numbered;
    } rows[] = {
        {"a", "a (7)"},
        {"a.txt", "a (7).txt"},
        {"a.tar.gz", "a.tar (7).gz"},
        {".a", ".a (7)"},
        {"a.", "a (7)."},
        {"a.0123456789012345678901234567890", "a (7).0123456789012345678901234567890"},
        {"a.01234567890123456789012345678901", "a.01234567890123456789012345678901 (7)"},
    };
    char numbered[NAME_MAX + 1], name[NAME_MAX + 1] = "";

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        http_number_name(rows[i].name, 7, numbered);
        assert_string_equal(numbered, rows[i].numbered);
    }
    for (int i = 0; i < 125; i++)
        strcat(name, "\xc3\xa9");
    strcat(name, ".txt"); /* 254 bytes */
    http_number_name(name, 1000, numbered);
    assert_int_equal(strlen(numbered), 254 + 7 - 6); /* no half of a character */
    assert_string_equal(numbered + strlen(numbered) - 13, "\xc3\xa9 (1000).txt");
}

/* ---------------------------------------------------------------- files */

typedef int begin_function(struct http_upload *, int);
static begin_function *const ways[] = {http_upload_begin, http_upload_begin_named};
static int directory;

static int set_up(void **state)
{
    char path[] = "/tmp/test_upload.XXXXXX";

    (void)state;
    if (mkdtemp(path) == NULL)
        return -1;
    directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = strdup(path);
    return directory < 0 || *state == NULL;
}

static size_t count_entries(bool remove)
{
    int own = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fdopendir(own);
    struct dirent *entry;
    size_t count = 0;

    assert_non_null(entries);
    while ((entry = readdir(entries)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        count++;
        if (remove && unlinkat(directory, entry->d_name, 0) < 0)
            assert_int_equal(unlinkat(directory, entry->d_name, AT_REMOVEDIR), 0);
    }
    closedir(entries);
    return count;
}

static int tear_down(void **state)
{
    count_entries(true);
    close(directory);
    rmdir(*state);
    free(*state);
    return 0;
}

static int upload(begin_function *begin, const char *wanted, const char *content, enum http_on_duplicate how,
                  struct http_publishing *p)
{
    struct http_upload file;
    *p = (struct http_publishing){.how = how, .siblings = true};
    assert_int_equal(begin(&file, directory), 0);
    assert_int_equal(http_upload_write(&file, content, strlen(content)), 0);
    assert_int_equal(file.size, strlen(content));
    strcpy(p->name, wanted);
    int rc = http_upload_publish(&file, directory, p);
    http_upload_end(&file);
    return rc;
}

static void assert_content(const char *name, const char *expected)
{
    char content[64] = "";
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(read(fd, content, sizeof content - 1), strlen(expected));
    assert_string_equal(content, expected);
    close(fd);
}

static void test_files(void **state)
{
    struct http_publishing p;

    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        assert_int_equal(upload(ways[i], "a", "1", HTTP_DUPLICATE_ERROR, &p), 0);
        assert_false(p.replaced);
        assert_int_equal(upload(ways[i], "a", "2", HTTP_DUPLICATE_ERROR, &p), -EEXIST);
        assert_content("a", "1");
        assert_int_equal(upload(ways[i], "a", "3", HTTP_DUPLICATE_RENAME, &p), 0);
        assert_string_equal(p.name, "a (1)");
        assert_false(p.replaced);
        assert_content("a (1)", "3");
        assert_int_equal(upload(ways[i], "a", "4", HTTP_DUPLICATE_OVERWRITE, &p), 0);
        assert_true(p.replaced);
        assert_content("a", "4");
        assert_int_equal(upload(ways[i], "b", "5", HTTP_DUPLICATE_OVERWRITE, &p), 0);
        assert_false(p.replaced);
        assert_int_equal(count_entries(true), 3);
    }
}

static void test_nothing_is_left(void **state)
{
    struct http_upload file;

    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        assert_int_equal(ways[i](&file, directory), 0);
        assert_int_equal(http_upload_write(&file, "x", 1), 0);
        assert_int_equal(count_entries(false), ways[i] == http_upload_begin_named);
        http_upload_end(&file);
        assert_int_equal(count_entries(false), 0);
    }
}

static void test_what_is_no_file(void **state)
{
    struct http_publishing p;

    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        assert_int_equal(mkdirat(directory, "dir", 0777), 0);
        assert_int_equal(mkfifoat(directory, "fifo", 0666), 0);
        assert_int_equal(symlinkat("dir", directory, "link"), 0);
        assert_int_equal(upload(ways[i], "dir", "", HTTP_DUPLICATE_OVERWRITE, &p), -EISDIR);
        assert_int_equal(upload(ways[i], "fifo", "", HTTP_DUPLICATE_OVERWRITE, &p), -EEXIST);
        for (int how = HTTP_DUPLICATE_ERROR; how <= HTTP_DUPLICATE_OVERWRITE; how++)
            assert_int_equal(upload(ways[i], "link", "x", (enum http_on_duplicate)how, &p),
                             how == HTTP_DUPLICATE_ERROR ? -EEXIST : 0);
        assert_content("link", "x");
        assert_int_equal(count_entries(true), 3);
    }
}

static void test_modes(void **state)
{
    struct http_publishing p;
    mode_t before = umask(027);
    struct stat status;

    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        assert_int_equal(upload(ways[i], "a", "1", HTTP_DUPLICATE_ERROR, &p), 0);
        assert_int_equal(fstatat(directory, "a", &status, 0), 0);
        assert_int_equal(status.st_mode & 07777, 0640);
        assert_int_equal(fchmodat(directory, "a", 04751, 0), 0);
        assert_int_equal(upload(ways[i], "a", "2", HTTP_DUPLICATE_OVERWRITE, &p), 0);
        assert_int_equal(fstatat(directory, "a", &status, 0), 0);
        assert_int_equal(status.st_mode & 07777, 0751);
        count_entries(true);
    }
    umask(before);
}

/* A compressed form obeys the rules of the file that it is sent for. */
static void test_siblings(void **state)
{
    struct http_publishing p;

    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        assert_int_equal(upload(ways[i], "a", "1", HTTP_DUPLICATE_ERROR, &p), 0);
        assert_int_equal(upload(ways[i], "a.gz", "2", HTTP_DUPLICATE_ERROR, &p), -EEXIST);
        assert_int_equal(upload(ways[i], "a.gz", "3", HTTP_DUPLICATE_RENAME, &p), 0);
        assert_string_equal(p.name, "a (1).gz");
        assert_int_equal(upload(ways[i], "a.zst", "4", HTTP_DUPLICATE_OVERWRITE, &p), 0);
        assert_false(p.replaced);
        assert_int_equal(upload(ways[i], "a.gzip", "5", HTTP_DUPLICATE_ERROR, &p), 0);
        assert_int_equal(upload(ways[i], "b.br", "6", HTTP_DUPLICATE_ERROR, &p), 0);
        assert_int_equal(count_entries(true), 5);
    }
}

/* What is not what was seen is not replaced. */
static void test_seen(void **state)
{
    struct http_publishing p = {.how = HTTP_DUPLICATE_OVERWRITE, .name = "a"};
    struct http_seen seen = {0};
    struct http_upload file;

    (void)state;
    p.seen = &seen;
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct http_publishing other;
        seen.exists = false;
        assert_int_equal(ways[i](&file, directory), 0);
        assert_int_equal(upload(ways[i], "a", "1", HTTP_DUPLICATE_ERROR, &other), 0);
        assert_int_equal(http_upload_publish(&file, directory, &p), -ESTALE);
        seen.exists = true;
        assert_int_equal(fstatat(directory, "a", &seen.status, 0), 0);
        assert_int_equal(upload(ways[i], "a", "2", HTTP_DUPLICATE_OVERWRITE, &other), 0);
        assert_int_equal(http_upload_publish(&file, directory, &p), -ESTALE);
        assert_content("a", "2");
        assert_int_equal(fstatat(directory, "a", &seen.status, 0), 0);
        assert_int_equal(http_upload_publish(&file, directory, &p), 0);
        assert_content("a", "");
        http_upload_end(&file);
        assert_int_equal(count_entries(true), 1);
    }
}

static void test_reserved_names(void **state)
{
    static const struct {
        const char *directory, *file;
        bool reserved;
    } rows[] = {
        {"", "index.html", true},      {"a/b/", "index.htm", true},    {"", "INDEX.Html", true},
        {"", "index.html.gz", true},   {"", "index.htm.BR", true},     {"", "index.html.zst", true},
        {"", "index.xhtml", false},    {"", "index.html (1)", false},  {"", "a.html", false},
        {"", "index.html.bak", false}, {".well-known/", "a", true},    {".Well-Known/acme/", "a", true},
        {".well-known", "a", true},    {"a/.well-known/", "a", false}, {"", ".well-known", true},
        {".well-known2/", "a", false}, {"a/", ".well-known", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(http_is_reserved(rows[i].directory, rows[i].file), rows[i].reserved);
}

static void test_room(void **state)
{
    struct http_upload file;

    (void)state;
    assert_int_equal(http_upload_room(directory, 0, 0), 0);
    assert_int_equal(http_upload_room(directory, INT64_MAX, -1), -ENOSPC);
    assert_int_equal(http_upload_room(directory, 0, INT64_MAX), -ENOSPC);
    for (size_t i = 0; i < COUNT(ways); i++) {
        assert_int_equal(ways[i](&file, directory), 0);
        assert_int_equal(http_upload_reserve(&file, 100000, 0), 0);
        assert_int_equal(http_upload_write(&file, "x", 1), 0);
        assert_int_equal(http_upload_reserve(&file, INT64_MAX, 0), -ENOSPC);
        assert_int_equal(http_upload_reserve(&file, -1, INT64_MAX), -ENOSPC);
        http_upload_end(&file);
    }
}

/* ---------------------------------------------------------------- parts */

/* A part goes when nobody holds it, be it deep below; what only looks like one stays. */
static void test_parts(void **state)
{
    static const char *const others[] = {".httpserver-.part", ".httpserver-0123456789abcdeg.part",
                                         ".httpserver-0123456789abcdef.part2",
                                         "httpserver-0123456789abcdef.part"};
    static const char part[] = ".httpserver-0123456789abcdef.part",
                      other[] = ".httpserver-0123456789abcdee.part";
    struct http_upload held;

    for (size_t i = 0; i < COUNT(others); i++) {
        assert_false(http_is_part(others[i]));
        close(openat(directory, others[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    }
    assert_true(http_is_part(part));
    assert_null(http_upload_name(part, true));
    assert_int_equal(mkdirat(directory, "d", 0777), 0);
    int below = openat(directory, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    close(openat(directory, part, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    close(openat(below, part, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    assert_int_equal(symlinkat(others[0], below, other), 0);
    assert_int_equal(mkdirat(directory, other, 0777), 0);
    assert_int_equal(http_upload_begin_named(&held, directory), 0);
    assert_true(http_is_part(held.temporary));
    assert_int_equal(http_parts_remove(*state), 2);
    assert_int_equal(faccessat(directory, held.temporary, F_OK, 0), 0);
    http_upload_end(&held);
    assert_int_equal(unlinkat(below, other, 0), 0);
    close(below);
    assert_int_equal(count_entries(true), COUNT(others) + 2);
}

/* ---------------------------------------------------------------- limits */

static void test_limits(void **state)
{
    const struct http_limits limits = {.uploads = 3, .receiving = 100};
    struct http_share shares[4];

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(http_limits_enter(&limits, 30, &shares[i]), 0);
    assert_int_equal(http_limits_enter(&limits, 0, &shares[3]), -EAGAIN);
    assert_int_equal(http_limits_grow(&limits, &shares[0], 20), 0);
    assert_int_equal(http_limits_grow(&limits, &shares[0], 40), 0);
    assert_int_equal(http_limits_grow(&limits, &shares[0], 41), -EAGAIN);
    http_limits_leave(&shares[3]);
    http_limits_leave(&shares[1]);
    assert_int_equal(http_limits_enter(&limits, 31, &shares[1]), -EAGAIN);
    assert_int_equal(http_limits_enter(&limits, 30, &shares[1]), 0);
    for (int i = 0; i < 3; i++)
        http_limits_leave(&shares[i]);
    assert_int_equal(http_limits_enter(&limits, 100, &shares[0]), 0);
    http_limits_leave(&shares[0]);
}

/* What a process that was killed held, and the lock that it died with, are there again. */
static void test_limits_of_the_dead(void **state)
{
    const struct http_limits limits = {.uploads = 2, .receiving = 100};
    struct http_share share;
    int status;

    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* it knows nothing of locks whose owner has died */
#endif
    assert_int_equal(http_limits_share(), 0);
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();
        if (child == 0) {
            int bad = http_limits_enter(&limits, 50, &share) | http_naming_try_lock();
            _exit(bad != 0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    assert_int_equal(http_limits_enter(&limits, 60, &share), 0);
    http_limits_leave(&share);
    assert_int_equal(http_naming_try_lock(), 0);
    http_naming_unlock();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_modes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_siblings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_seen, set_up, tear_down),
        cmocka_unit_test(test_reserved_names),
        cmocka_unit_test_setup_teardown(test_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parts, set_up, tear_down),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_limits_of_the_dead),
    };

    return cmocka_run_group_tests_name("upload", tests, NULL, NULL);
}
