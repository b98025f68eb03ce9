/* SPDX-License-Identifier: MIT */
/* handlers/files/listing_names.c: every name once and in order, with room for a few of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

/* Its limits are set from here. */
#include "files/listing_names.c"

enum { COUNT = 700, LITTLE = 4096 };

static char root[] = "/tmp/names-XXXXXX";

static void make(const char *name)
{
    char path[600];
    int fd;

    snprintf(path, sizeof path, "%s/%s", root, name);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void drop(const char *name)
{
    char path[600];

    snprintf(path, sizeof path, "%s/%s", root, name);
    unlink(path);
}

/* Names of all lengths, in an order that is not theirs. */
static void number(int i, char name[HTTP_NAME_SIZE])
{
    snprintf(name, HTTP_NAME_SIZE, "%c%03d-%0*d", i % 2 != 0 ? 'a' : 'A', i, 1 + i * 37 % 240, i);
}

static int set_up(void **state)
{
    char name[HTTP_NAME_SIZE];

    (void)state;
    if (mkdtemp(root) == NULL)
        return -1;
    for (int i = 0; i < COUNT; i++) {
        number(i * 311 % COUNT, name);
        make(name);
    }
    return 0;
}

static int tear_down(void **state)
{
    char name[HTTP_NAME_SIZE];

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        number(i, name);
        drop(name);
    }
    return rmdir(root);
}

static void begin(struct http_names *names, size_t limit)
{
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_int_equal(http_names_open(names, fd), 0);
    close(fd);
    names->limit = limit;
    assert_int_equal(http_names_read(names, NULL), 0);
}

static void test_one_batch(void **state)
{
    struct http_names names;
    char name[HTTP_NAME_SIZE];

    (void)state;
    begin(&names, HTTP_NAMES_LARGE);
    assert_int_equal(names.count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        number(i, name);
        assert_string_equal(http_names_at(&names, (size_t)i), name);
    }
    assert_int_equal(http_names_read(&names, NULL), 0);
    assert_int_equal(names.count, 0);
    assert_int_equal(http_names_read(&names, NULL), 0);
    assert_int_equal(names.count, 0);
    http_names_close(&names);
}

static void test_many_batches(void **state)
{
    struct http_names names;
    char name[HTTP_NAME_SIZE];
    int i = 0, batches = 0;

    (void)state;
    atomic_store(&shared, HTTP_NAMES_TOTAL); /* there is no more than this */
    begin(&names, LITTLE);
    while (names.count > 0) {
        for (size_t k = 0; k < names.count; k++, i++) {
            number(i, name);
            assert_string_equal(http_names_at(&names, k), name);
        }
        assert_true(names.room + names.slots * sizeof names.offset[0] <= LITTLE);
        batches++;
        assert_int_equal(http_names_read(&names, NULL), 0);
    }
    assert_int_equal(i, COUNT);
    assert_true(batches > 20);
    http_names_close(&names);
    assert_int_equal(atomic_load(&shared), HTTP_NAMES_TOTAL);
    atomic_store(&shared, 0);
}

/* What is there all the time appears once, whatever comes and goes between the batches. */
static void test_changes(void **state)
{
    struct http_names names;
    char name[HTTP_NAME_SIZE];
    int i = 0;

    (void)state;
    atomic_store(&shared, HTTP_NAMES_TOTAL);
    begin(&names, LITTLE);
    for (int batch = 0; names.count > 0; batch++) {
        for (size_t k = 0; k < names.count; k++) {
            const char *found = http_names_at(&names, k);

            if (strncmp(found, "new", 3) == 0 || strncmp(found, "A000-n", 6) == 0)
                continue;
            number(i++, name);
            assert_string_equal(found, name);
        }
        snprintf(name, sizeof name, "A000-new-%d", batch);
        make(name);
        snprintf(name, sizeof name, "new-%d", batch);
        make(name);
        assert_int_equal(http_names_read(&names, NULL), 0);
    }
    assert_int_equal(i, COUNT);
    http_names_close(&names);
    atomic_store(&shared, 0);
    for (int batch = 0; batch < COUNT; batch++) {
        snprintf(name, sizeof name, "A000-new-%d", batch);
        drop(name);
        snprintf(name, sizeof name, "new-%d", batch);
        drop(name);
    }
}

/* A large share is had while there is one, and given back. */
static void test_shares(void **state)
{
    struct http_names names = {.limit = HTTP_NAMES_SMALL}, other = {.limit = HTTP_NAMES_SMALL};

    (void)state;
    atomic_store(&shared, HTTP_NAMES_TOTAL - HTTP_NAMES_LARGE);
    assert_true(extend(&names));
    assert_int_equal(names.limit, HTTP_NAMES_LARGE);
    assert_false(extend(&names));
    assert_false(extend(&other));
    assert_int_equal(other.limit, HTTP_NAMES_SMALL);
    http_names_close(&other);
    http_names_close(&names);
    assert_int_equal(atomic_load(&shared), HTTP_NAMES_TOTAL - HTTP_NAMES_LARGE);
    atomic_store(&shared, 0);
}

/* A file system may give out a name twice in one pass when the file was made anew meanwhile. */
static void test_twice(void **state)
{
    struct http_names names = {.limit = HTTP_NAMES_SMALL};

    (void)state;
    assert_int_equal(add_name(&names, "b"), 0);
    assert_int_equal(add_name(&names, "a"), 0);
    assert_int_equal(add_name(&names, "b"), 0);
    sort(&names);
    assert_int_equal(names.count, 2);
    assert_string_equal(http_names_at(&names, 0), "a");
    assert_string_equal(http_names_at(&names, 1), "b");
    http_names_close(&names);
}

static void test_order(void **state)
{
    static const char *const ordered[] = {"",  ".a", "0",  "A", "a",    "A1",   "a1",       "ab",
                                          "B", "b",  "_x", "{", "\x7f", "\xc3", "\xc3\xa4", "\xff"};

    (void)state;
    for (size_t i = 0; i < sizeof ordered / sizeof ordered[0]; i++)
        for (size_t k = 0; k < sizeof ordered / sizeof ordered[0]; k++) {
            int rc = http_names_compare(ordered[i], ordered[k]);

            if (strcmp(ordered[i], "_x") != 0 && strcmp(ordered[k], "_x") != 0)
                assert_int_equal((rc > 0) - (rc < 0), (i > k) - (i < k));
        }
    assert_true(http_names_compare("_x", "a") < 0); /* '_' is in front of the small letters */
}

static void test_errors(void **state)
{
    struct http_names names;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(http_names_open(&names, fd), -ENOTDIR);
    http_names_close(&names);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_batch), cmocka_unit_test(test_many_batches), cmocka_unit_test(test_changes),
        cmocka_unit_test(test_shares),    cmocka_unit_test(test_twice),        cmocka_unit_test(test_order),
        cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests_name("listing_names", tests, set_up, tear_down);
}
