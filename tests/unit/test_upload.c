/* Files that others send: their names, and how they come to them, with O_TMPFILE and without. */
#include "upload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
    char name[NAME_MAX + 2];

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
                  char name[NAME_MAX + 1], bool *replaced)
{
    struct http_upload file;
    int rc;

    assert_int_equal(begin(&file, directory), 0);
    assert_int_equal(http_upload_write(&file, content, strlen(content)), 0);
    assert_int_equal(file.size, strlen(content));
    strcpy(name, wanted);
    rc = http_upload_publish(&file, name, how, replaced);
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
    char name[NAME_MAX + 1];
    bool replaced = true;

    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        assert_int_equal(upload(ways[i], "a", "1", HTTP_DUPLICATE_ERROR, name, &replaced), 0);
        assert_false(replaced);
        assert_int_equal(upload(ways[i], "a", "2", HTTP_DUPLICATE_ERROR, name, &replaced), -EEXIST);
        assert_content("a", "1");
        assert_int_equal(upload(ways[i], "a", "3", HTTP_DUPLICATE_RENAME, name, &replaced), 0);
        assert_string_equal(name, "a (1)");
        assert_false(replaced);
        assert_content("a (1)", "3");
        assert_int_equal(upload(ways[i], "a", "4", HTTP_DUPLICATE_OVERWRITE, name, &replaced), 0);
        assert_true(replaced);
        assert_content("a", "4");
        assert_int_equal(upload(ways[i], "b", "5", HTTP_DUPLICATE_OVERWRITE, name, &replaced), 0);
        assert_false(replaced);
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
    char name[NAME_MAX + 1];
    bool replaced;

    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        assert_int_equal(mkdirat(directory, "dir", 0777), 0);
        assert_int_equal(mkfifoat(directory, "fifo", 0666), 0);
        assert_int_equal(symlinkat("dir", directory, "link"), 0);
        assert_int_equal(upload(ways[i], "dir", "", HTTP_DUPLICATE_OVERWRITE, name, &replaced), -EISDIR);
        assert_int_equal(upload(ways[i], "fifo", "", HTTP_DUPLICATE_OVERWRITE, name, &replaced), -EEXIST);
        for (int how = HTTP_DUPLICATE_ERROR; how <= HTTP_DUPLICATE_OVERWRITE; how++)
            assert_int_equal(upload(ways[i], "link", "x", (enum http_on_duplicate)how, name, &replaced),
                             how == HTTP_DUPLICATE_ERROR ? -EEXIST : 0);
        assert_content("link", "x");
        assert_int_equal(count_entries(true), 3);
    }
}

static void test_modes(void **state)
{
    char name[NAME_MAX + 1];
    mode_t before = umask(027);
    struct stat status;
    bool replaced;

    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        assert_int_equal(upload(ways[i], "a", "1", HTTP_DUPLICATE_ERROR, name, &replaced), 0);
        assert_int_equal(fstatat(directory, "a", &status, 0), 0);
        assert_int_equal(status.st_mode & 07777, 0640);
        assert_int_equal(fchmodat(directory, "a", 04751, 0), 0);
        assert_int_equal(upload(ways[i], "a", "2", HTTP_DUPLICATE_OVERWRITE, name, &replaced), 0);
        assert_int_equal(fstatat(directory, "a", &status, 0), 0);
        assert_int_equal(status.st_mode & 07777, 0751);
        count_entries(true);
    }
    umask(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_modes, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("upload", tests, NULL, NULL);
}
