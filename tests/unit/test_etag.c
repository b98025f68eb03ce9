/* SPDX-License-Identifier: MIT */
/* handlers/files/load.c: entity tags (RFC 9110 8.8.3). Other bytes, other tag, however fast and whatever the
   times say; the same bytes, the same tag. */
#include "files/cache.h"
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { LARGE = HTTP_FILE_CACHE_SMALL + 1 };

static struct ss_server server;
static struct ss_handler handler = {.server = &server};
static char root[] = "/tmp/test_etag.XXXXXX", path[64];

static const char *guess(struct ss_handler *h, const char *name)
{
    (void)h;
    (void)name;
    return "text/plain";
}

static const struct simple_http_class site = {
    .directory = root, .symlinks = HTTP_SYMLINKS_INSIDE, .guess_type = guess};

/* In place, with the size it had; and the time of modification put back. */
static void put(size_t size, char letter)
{
    static const struct timespec times[2] = {{.tv_sec = 784111777}, {.tv_sec = 784111777}};
    char *data = malloc(size);
    int fd = open(path, O_WRONLY | O_CREAT, 0644);

    if (fd < 0 || data == NULL || ftruncate(fd, (off_t)size) < 0)
        abort();
    memset(data, 'x', size);
    data[size / 2] = letter;
    assert_int_equal(write(fd, data, size), size);
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    free(data);
}

static void get(char etag[HTTP_FILE_ETAG])
{
    struct http_file *file;

    assert_int_equal(http_file_open(&handler, &site, "a", &file), 0);
    strcpy(etag, file->etag);
    assert_non_null(strstr(file->fields, etag));
    http_file_release(file);
}

/* For what only a fresh look tells. */
static void get_anew(char etag[HTTP_FILE_ETAG])
{
    http_file_cache_clear();
    get(etag);
}

static void test_small(void **state)
{
    char tags[26][HTTP_FILE_ETAG], again[HTTP_FILE_ETAG];

    (void)state;
    for (int i = 0; i < 26; i++) {
        put(100, (char)('a' + i));
        get(tags[i]);
        assert_int_equal(tags[i][0], '"');
        get(again);
        assert_string_equal(tags[i], again);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(tags[i], tags[j]);
    }
    usleep(200 * 1000); /* nothing about it is new any more, and nothing has changed */
    get_anew(again);
    assert_string_equal(tags[25], again);
}

/* Each waits for the tick that tells it from the one before. */
static void test_large(void **state)
{
    char tags[4][HTTP_FILE_ETAG], again[HTTP_FILE_ETAG];

    (void)state;
    for (int i = 0; i < 4; i++) {
        put(LARGE, (char)('a' + i));
        get(tags[i]);
        assert_int_equal(tags[i][0], '"');
        get_anew(again);
        assert_string_equal(tags[i], again);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(tags[i], tags[j]);
    }
    usleep(200 * 1000);
    get_anew(again);
    assert_string_equal(tags[3], again);
}

static void test_every_size(void **state)
{
    char last[HTTP_FILE_ETAG] = "", etag[HTTP_FILE_ETAG];

    (void)state;
    for (size_t size = 1; size < 40; size++) {
        put(size, 'a');
        get(etag);
        assert_string_not_equal(etag, last);
        strcpy(last, etag);
    }
}

static void *write_on(void *stop)
{
    int fd = open(path, O_WRONLY);

    while (!atomic_load((atomic_bool *)stop))
        if (pwrite(fd, "y", 1, 5) != 1)
            break;
    close(fd);
    return NULL;
}

/* On a busy machine the writer may be kept from its work for a while: then the file does rest. */
static void get_weak(char etag[HTTP_FILE_ETAG])
{
    time_t end = time(NULL) + 20;

    do
        get_anew(etag);
    while (etag[0] == '"' && time(NULL) < end);
    assert_memory_equal(etag, "W/\"", 3);
}

/* A large file that never rests: nothing can be told from its times. */
static void test_restless(void **state)
{
    char one[HTTP_FILE_ETAG], other[HTTP_FILE_ETAG];
    atomic_bool stop = false;
    pthread_t writer;

    (void)state;
    put(LARGE, 'a');
    assert_int_equal(pthread_create(&writer, NULL, write_on, &stop), 0);
    get_weak(one);
    get_weak(other);
    atomic_store(&stop, true);
    pthread_join(writer, NULL);
    assert_string_not_equal(one, other);
    usleep(200 * 1000);
    get(one);
    assert_int_equal(one[0], '"');
}

static int enter(void **state)
{
    (void)state;
    if (mkdtemp(root) == NULL)
        return -1;
    sprintf(path, "%s/a", root);
    return ss_server_init(&server, SS_BASES(&TCPServer), "127.0.0.1:0", &StreamRequestHandler);
}

static int leave(void **state)
{
    (void)state;
    http_file_cache_clear();
    ss_server_close(&server);
    return unlink(path) < 0 || rmdir(root) < 0 ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_every_size),
        cmocka_unit_test(test_restless),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
