/* SPDX-License-Identifier: MIT */
/* handlers/files/read.c: files of which fstat(2) does not know the size. What was read is what is
   promised. */
#include "files/read.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { SMALL = HTTP_FILE_CACHE_SMALL, HONEST = -1 };

static off_t said = HONEST;
static int ticks, moves; /* how often the file is about to change */

/* The system's, but for what it says. */
int fstat(int fd, struct stat *status)
{
    int rc = fstatat(fd, "", status, AT_EMPTY_PATH);

    if (said != HONEST)
        status->st_size = said;
    if (moves > 0 && moves--)
        status->st_ctim.tv_nsec = ++ticks;
    return rc;
}

static struct http_file *take_in(int fd)
{
    struct http_file *file = calloc(1, sizeof *file);

    file->fd = dup(fd);
    assert_int_equal(http_file_take_in(file), 0);
    return file;
}

static void release(struct http_file *file)
{
    free((char *)(uintptr_t)file->content);
    if (file->fd >= 0)
        close(file->fd);
    free(file);
}

static char *fill(int fd, size_t size)
{
    char *data = malloc(size + 1);

    for (size_t i = 0; i < size; i++)
        data[i] = (char)('a' + i % 26);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, data, size, 0), size);
    return data;
}

static void check(int fd, const char *data, off_t size)
{
    struct http_file *file = take_in(fd);

    if (size <= SMALL) {
        assert_non_null(file->content);
        assert_int_equal(file->size, size);
        assert_memory_equal(file->content, data, (size_t)size);
        assert_int_equal(file->fd, -1);
        assert_false(file->unsized);
        assert_int_equal(file->fleeting, said != size || size == 0);
        assert_int_equal(file->undated, said != size);
    } else {
        assert_null(file->content);
        assert_true(file->fd >= 0);
        assert_int_equal(file->unsized, said != size);
        if (said == size)
            assert_int_equal(file->size, size);
    }
    release(file);
}

static void test_sizes(void **state)
{
    static const off_t sizes[] = {0, 1, 5, 4095, 4096, SMALL - 1, SMALL, SMALL + 1, SMALL + 2, 300000};
    int fd = memfd_create("file", MFD_CLOEXEC);

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *data = fill(fd, (size_t)sizes[i]);

        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            said = sizes[j];
            check(fd, data, sizes[i]);
        }
        said = (off_t)1 << 47; /* /proc/kcore */
        check(fd, data, sizes[i]);
        free(data);
    }
    close(fd);
}

/* A file that changes while it is looked at is looked at again; one that never stands still is taken as it
   was read. Nothing of it is believed later. */
static void test_moves(void **state)
{
    static const off_t sizes[] = {0, 5, SMALL, SMALL + 1};
    int fd = memfd_create("file", MFD_CLOEXEC);

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *data = fill(fd, (size_t)sizes[i]);

        said = HONEST;
        for (int n = 1; n < 10; n++) {
            struct http_file *file;

            moves = n;
            file = take_in(fd);
            assert_int_equal(file->size, sizes[i]);
            assert_int_equal(file->content != NULL, sizes[i] <= SMALL);
            assert_false(file->unsized);
            if (n > 6 && sizes[i] <= SMALL)
                assert_true(file->fleeting);
            release(file);
        }
        moves = 0;
        free(data);
    }
    close(fd);
}

/* A line at a time comes from many files of the kernel: a short read is not the end. */
static void test_proc(void **state)
{
    int fd = open("/proc/self/status", O_RDONLY), limits = open("/proc/self/limits", O_RDONLY);
    struct http_file *file;

    (void)state;
    if (fd < 0 || limits < 0)
        skip();
    said = HONEST;
    file = take_in(fd);
    assert_non_null(memmem(file->content, file->size, "nonvoluntary_ctxt_switches", 26));
    release(file);
    file = take_in(limits);
    assert_non_null(memmem(file->content, file->size, "Max realtime timeout", 20));
    release(file);
    close(fd);
    close(limits);
}

/* Errors are none of the file's ends. */
static void test_errors(void **state)
{
    struct http_file file = {.fd = open("/proc/self/mem", O_RDONLY)};

    (void)state;
    said = HONEST;
    if (file.fd < 0)
        skip();
    assert_int_equal(http_file_take_in(&file), -EIO);
    close(file.fd);
    file.fd = open("/", O_RDONLY);
    assert_int_equal(http_file_take_in(&file), -EISDIR);
    close(file.fd);
    file.fd = open("/dev/null", O_RDONLY);
    assert_int_equal(http_file_take_in(&file), -ENOENT);
    close(file.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sizes), cmocka_unit_test(test_moves),
                                       cmocka_unit_test(test_proc), cmocka_unit_test(test_errors)};

    return cmocka_run_group_tests_name("file_read", tests, NULL, NULL);
}
