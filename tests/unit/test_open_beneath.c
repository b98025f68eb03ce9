/* SPDX-License-Identifier: MIT */
/* handlers/files/open_beneath.c, open_walk.c: what is opened lies inside, and both ways find the same. */
#include "files/open_beneath.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* top/www is served, top/secret and top/www-beside lie outside; the working directory is top/www. */
static char top[] = "/tmp/test_open_beneath.XXXXXX", www[64];
static int root;

static void put(const char *name)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, name, strlen(name)), strlen(name));
    close(fd);
}

static void put_link(const char *target, const char *name)
{
    assert_int_equal(symlink(target, name), 0);
}

/* A link to a path below top. */
static void put_absolute(const char *target, const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", top, target);
    put_link(path, name);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

static int enter(void **state)
{
    (void)state;
    strcpy(top + strlen(top) - 6, "XXXXXX");
    if (mkdtemp(top) == NULL || chdir(top) < 0 || mkdir("www", 0755) < 0 || mkdir("www-beside", 0755) < 0)
        return -1;
    put("secret");
    put("www-beside/secret");
    snprintf(www, sizeof www, "%s/www", top);
    if (chdir("www") < 0 || mkdir("dir", 0755) < 0 || mkdir("dir/deep", 0755) < 0)
        return -1;
    put("a");
    put("dir/deep/b");
    root = open(".", O_RDONLY | O_DIRECTORY);
    return root < 0;
}

static int leave(void **state)
{
    (void)state;
    close(root);
    return chdir("/") < 0 ? -1 : nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Both ways give the same file, or the same error; the file lies inside. Returns 0 or the error. */
static int both(const char *name, int flags, enum http_symlinks symlinks)
{
    int one = http_open_beneath(root, name, flags, symlinks),
        two = http_open_walk(root, name, flags, symlinks);
    struct stat first, second;
    char link[32], path[PATH_MAX];
    ssize_t size;

    if (one < 0 || two < 0) {
        if (one != two)
            print_error("%s: %d, %d\n", name, one, two);
        assert_int_equal(one, two);
        return one;
    }
    assert_int_equal(fstat(one, &first), 0);
    assert_int_equal(fstat(two, &second), 0);
    assert_int_equal(first.st_ino, second.st_ino);
    snprintf(link, sizeof link, "/proc/self/fd/%d", two);
    size = readlink(link, path, sizeof path - 1);
    assert_true(size >= (ssize_t)strlen(www));
    path[size] = '\0';
    assert_memory_equal(path, www, strlen(www));
    assert_true(path[strlen(www)] == '/' || path[strlen(www)] == '\0');
    close(one);
    close(two);
    return 0;
}

static void test_names(void **state)
{
    static const struct {
        const char *name;
        int rc;
    } rows[] = {
        {"", 0},
        {"a", 0},
        {"dir", 0},
        {"dir/", 0},
        {"dir/deep/b", 0},
        {"a/", -ENOTDIR},
        {"a/b", -ENOTDIR},
        {"none", -ENOENT},
        {"none/a", -ENOENT},
        {"dir/none", -ENOENT},
        {"..", -EXDEV},
        {"../secret", -EXDEV},
        {"../www/a", -EXDEV},
        {"dir/../../secret", -EXDEV},
        {"/etc/passwd", -EXDEV},
    };
    char name[NAME_MAX + 2], path[PATH_MAX + 1];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int rc = both(rows[i].name, O_RDONLY, HTTP_SYMLINKS_INSIDE);

        if (rc != rows[i].rc)
            print_error("%s\n", rows[i].name);
        assert_int_equal(rc, rows[i].rc);
        assert_int_equal(both(rows[i].name, O_RDONLY, HTTP_SYMLINKS_NEVER), rows[i].rc);
    }
    memset(name, 'x', sizeof name);
    name[NAME_MAX + 1] = '\0';
    assert_int_equal(both(name, O_RDONLY, HTTP_SYMLINKS_INSIDE), -ENAMETOOLONG);
    for (size_t i = 0; i < PATH_MAX; i += 2)
        memcpy(path + i, "x/", 2);
    path[PATH_MAX] = '\0';
    assert_int_equal(both(path, O_RDONLY, HTTP_SYMLINKS_INSIDE), -ENAMETOOLONG);
}

static void test_links(void **state)
{
    static const struct {
        const char *target; /* with ! in front: below top */
        const char *name;   /* what is opened, through the link l */
        int rc, never;
    } rows[] = {
        {"a", "l", 0, -ELOOP},
        {"dir", "l", 0, -ELOOP},
        {"dir", "l/deep/b", 0, -ELOOP},
        {"dir/", "l/deep/b", 0, -ELOOP},
        {"dir/./deep/../deep//b", "l", 0, -ELOOP},
        {"dir/deep/../../a", "l", 0, -ELOOP},
        {"a/", "l", -ENOTDIR, -ELOOP},
        {"a", "l/", -ENOTDIR, -ELOOP},
        {"none", "l", -ENOENT, -ELOOP},
        {"l", "l", -ELOOP, -ELOOP},
        {".", "l/l/l/a", 0, -ELOOP},
        {"..", "l", -EXDEV, -ELOOP},
        {"..", "l/secret", -EXDEV, -ELOOP},
        {"..", "l/www/a", -EXDEV, -ELOOP}, /* the link itself leads outside */
        {"../secret", "l", -EXDEV, -ELOOP},
        {"dir/../../secret", "l", -EXDEV, -ELOOP},
        {"../www/a", "l", 0, -ELOOP}, /* out and in again */
        {"../www", "l/a", 0, -ELOOP},
        {"dir/../../www/dir", "l/deep/b", 0, -ELOOP},
        {"../www-beside/secret", "l", -EXDEV, -ELOOP},
        {"!secret", "l", -EXDEV, -ELOOP},
        {"!", "l/www/a", -EXDEV, -ELOOP},
        {"!www-beside", "l/secret", -EXDEV, -ELOOP},
        {"!www/a", "l", 0, -ELOOP},
        {"!www", "l", 0, -ELOOP},
        {"!www/", "l/a", 0, -ELOOP},
        {"!www/dir/deep", "l/b", 0, -ELOOP},
        {"!www-beside/../www/a", "l", 0, -ELOOP},
        {"!www/../secret", "l", -EXDEV, -ELOOP},
        {"!www/none", "l", -ENOENT, -ELOOP},
        {"!alias/a", "l", 0, -ELOOP},
        {"/", "l", -EXDEV, -ELOOP},
        {"/proc/self/root", "l", -EXDEV, -ELOOP},
        {"/proc/self/cwd/a", "l", 0, -ELOOP}, /* which is here */
    };

    (void)state;
    put_link("www", "../alias");
    for (size_t i = 0; i < COUNT(rows); i++) {
        int rc;

        if (rows[i].target[0] == '!')
            put_absolute(rows[i].target + 1, "l");
        else
            put_link(rows[i].target, "l");
        rc = both(rows[i].name, O_RDONLY, HTTP_SYMLINKS_INSIDE);
        if (rc != rows[i].rc)
            print_error("%s -> %s\n", rows[i].name, rows[i].target);
        assert_int_equal(rc, rows[i].rc);
        assert_int_equal(both(rows[i].name, O_RDONLY, HTTP_SYMLINKS_NEVER), rows[i].never);
        unlink("l");
    }
}

static void test_follow(void **state)
{
    int fd;

    (void)state;
    put_link("../secret", "l");
    fd = http_open_beneath(root, "l", O_RDONLY, HTTP_SYMLINKS_FOLLOW);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(http_open_beneath(root, "none", O_RDONLY, HTTP_SYMLINKS_FOLLOW), -ENOENT);
    fd = http_open_beneath(root, "", O_RDONLY | O_DIRECTORY, HTTP_SYMLINKS_FOLLOW);
    assert_true(fd >= 0);
    close(fd);
}

/* 40 links are followed, the 41st is not. */
static void test_chain(void **state)
{
    char name[16] = "a", next[16];

    (void)state;
    for (int i = 1; i <= HTTP_OPEN_LINKS + 1; i++) {
        snprintf(next, sizeof next, "l%d", i);
        put_link(name, next);
        strcpy(name, next);
    }
    assert_int_equal(both("l40", O_RDONLY, HTTP_SYMLINKS_INSIDE), 0);
    assert_int_equal(both("l41", O_RDONLY, HTTP_SYMLINKS_INSIDE), -ELOOP);
}

/* ---------------------------------------------------------------- random trees */

static unsigned dice(unsigned sides)
{
    static uint32_t random = 1;

    random = random * 1664525 + 1013904223;
    return (random >> 16) % sides;
}

/* A path of one to five parts, most of which exist now and then. */
static void make_path(char *path, bool link)
{
    static const char *const parts[] = {"a", "b", "c", "d", "a", "b", ".", "..", "..", "www"};
    unsigned count = 1 + dice(5);

    *path = '\0';
    if (link && dice(4) == 0)
        sprintf(path, "%s/", dice(3) > 0 ? www : top);
    while (count-- > 0) {
        strcat(path, parts[dice(link ? COUNT(parts) : 6)]);
        if (count > 0 || dice(8) == 0)
            strcat(path, "/");
    }
}

static void make_tree(void)
{
    char name[256], target[256];

    for (int i = 0; i < 40; i++) {
        make_path(name, false);
        name[strcspn(name, "\n")] = '\0';
        if (name[strlen(name) - 1] == '/')
            name[strlen(name) - 1] = '\0';
        make_path(target, true);
        switch (dice(3)) {
        case 0:
            (void)!mkdir(name, 0755);
            break;
        case 1:
            if (access(name, F_OK) < 0 && strchr(name, '/') != NULL)
                close(open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
            break;
        default:
            (void)!symlink(target, name);
        }
    }
}

static void test_random_trees(void **state)
{
    unsigned found = 0, outside = 0;

    for (int tree = 0; tree < 150; tree++) {
        make_tree();
        for (int i = 0; i < 200; i++) {
            char name[256];
            int flags = dice(4) == 0 ? O_RDONLY | O_DIRECTORY : O_RDONLY;
            int rc;

            make_path(name, false);
            rc = both(name, flags, HTTP_SYMLINKS_INSIDE);
            found += rc == 0;
            outside += rc == -EXDEV;
            both(name, flags, HTTP_SYMLINKS_NEVER);
        }
        assert_int_equal(leave(state), 0);
        assert_int_equal(enter(state), 0);
    }
    assert_true(found > 1000);
    assert_true(outside > 500);
}

/* ---------------------------------------------------------------- races */

static atomic_bool stop;

/* A directory and a link to the outside change places all the time. */
static void *swap(void *unused)
{
    while (!atomic_load(&stop)) {
        (void)!rename("dir", "old");
        (void)!symlink("../www-beside", "dir");
        (void)!unlink("dir");
        (void)!rename("old", "dir");
    }
    return unused;
}

static void test_race(void **state)
{
    static int (*const ways[])(int, const char *, int, enum http_symlinks) = {http_open_beneath,
                                                                              http_open_walk};
    static const char *const names[] = {"dir/secret", "dir/deep/../secret", "to/secret", "to/deep/../secret"};
    pthread_t thread;

    (void)state;
    put("dir/secret");
    put_absolute("www/dir", "to");
    atomic_store(&stop, false);
    assert_int_equal(pthread_create(&thread, NULL, swap, NULL), 0);
    for (int i = 0; i < 20000; i++) {
        int fd = ways[i % 2](root, names[i / 2 % COUNT(names)], O_RDONLY, HTTP_SYMLINKS_INSIDE);
        char text[64] = "";

        if (fd < 0)
            continue;
        (void)!read(fd, text, sizeof text - 1);
        close(fd);
        if (strcmp(text, "dir/secret") != 0)
            print_error("%s\n", text);
        assert_string_equal(text, "dir/secret");
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names), TEST(test_links),        TEST(test_follow),
        TEST(test_chain), TEST(test_random_trees), TEST(test_race),
    };

    return cmocka_run_group_tests_name("open_beneath", tests, NULL, NULL);
}
