/* SPDX-License-Identifier: MIT */
/* handlers/compress/compress.c and the files of its codings: what goes in comes out of the decoders that
   everybody has. */
#include "compress/compress.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIZE = 300000 };

static char data[SIZE];

/* Text that compresses, but not to nothing. */
static int fill(void **state)
{
    uint32_t random = 1;

    (void)state;
    for (size_t i = 0; i < SIZE; i++) {
        random = random * 1664525 + 1013904223;
        data[i] = "etaoin shrdlu\n<>"[(random >> 24) % 16];
    }
    return 0;
}

static const char *decoder_of(int coding)
{
    return coding == HTTP_GZIP ? "gzip" : coding == HTTP_BROTLI ? "brotli" : "zstd";
}

static bool has_command(const char *name)
{
    char command[64];

    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", name);
    return system(command) == 0; /* NOLINT(cert-env33-c): a constant */
}

/* Decodes with the coding's own program; whole: the body has its end. */
static void assert_decodes(int coding, const char *coded, size_t coded_size, size_t size)
{
    char name[] = "/tmp/test_compress.XXXXXX", command[128], *text = malloc(size + 1);
    int fd = mkstemp(name);
    FILE *pipe;

    if (!has_command(decoder_of(coding))) {
        printf("# SKIP no %s\n", decoder_of(coding));
        skip();
    }
    assert_int_equal(write(fd, coded, coded_size), coded_size);
    close(fd);
    snprintf(command, sizeof command, "%s -dc <%s", decoder_of(coding), name);
    pipe = popen(command, "r"); /* NOLINT(cert-env33-c) */
    assert_int_equal(fread(text, 1, size + 1, pipe), size);
    assert_int_equal(pclose(pipe), 0);
    assert_memory_equal(text, data, size);
    unlink(name);
    free(text);
}

static void test_whole(int coding)
{
    static const size_t sizes[] = {100, 1024, 65536, SIZE};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *coded, *again;
        size_t size, again_size;

        assert_int_equal(
            http_compress_whole((enum http_coding)coding, data, sizes[i], sizes[i], &coded, &size), 0);
        assert_true(size < sizes[i]);
        assert_decodes(coding, coded, size, sizes[i]);
        assert_int_equal(
            http_compress_whole((enum http_coding)coding, data, sizes[i], size, &again, &again_size), 0);
        assert_int_equal(again_size, size);
        assert_memory_equal(again, coded, size);
        free(coded);
        free(again);
    }
}

static void test_no_shorter(int coding)
{
    static const char texts[][4] = {"", "x", "xyz"};
    char *coded;
    size_t size;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(http_compress_whole((enum http_coding)coding, texts[i], strlen(texts[i]),
                                             strlen(texts[i]), &coded, &size),
                         -ENOSPC);
}

/* Pieces of many sizes, little room, and flushes between. */
static void test_pieces(int coding)
{
    const struct http_coder_class *coder = http_coder_of((enum http_coding)coding);
    void *state = coder->open(HTTP_CODER_FAST, 0);
    size_t room = 2 * SIZE, done = 0, piece = 1;
    char *coded = malloc(room);
    struct http_coder_buffers b = {.out = coded};

    while (done < SIZE) {
        enum http_coder_step step = piece % 3 == 0 ? HTTP_CODER_FLUSH : HTTP_CODER_GO;
        int rc;

        b.in = data + done;
        b.in_size = piece < SIZE - done ? piece : SIZE - done;
        done += b.in_size;
        do {
            b.out_room = 1 + piece % 50;
            rc = coder->run(state, &b, step);
            assert_true(rc >= 0);
        } while (rc == 1);
        assert_int_equal(b.in_size, 0);
        piece = piece * 2 % 30011;
    }
    do
        b.out_room = 100;
    while (coder->run(state, &b, HTTP_CODER_END) == 1);
    coder->close(state);
    assert_decodes(coding, coded, (size_t)(b.out - coded), SIZE);
    free(coded);
}

/* What was flushed is worth something to the other side: as much comes out as has gone in. */
static void test_abandoned(int coding)
{
    const struct http_coder_class *coder = http_coder_of((enum http_coding)coding);
    char out[4096];
    struct http_coder_buffers b = {data, 1000, out, sizeof out};
    void *state = coder->open(HTTP_CODER_FAST, 0);

    assert_int_equal(coder->run(state, &b, HTTP_CODER_FLUSH), 0);
    assert_true(b.out > out);
    b.in_size = 0;
    assert_int_equal(coder->run(state, &b, HTTP_CODER_FLUSH), 0);
    coder->close(state);
    state = coder->open(HTTP_CODER_GOOD, 5);
    coder->close(state);
}

static void each(void (*test)(int coding))
{
    for (int coding = HTTP_GZIP; coding < HTTP_CODINGS; coding++)
        if (http_coder_of((enum http_coding)coding) != NULL)
            test(coding);
}

static void test_each_whole(void **state)
{
    (void)state;
    each(test_whole);
}

static void test_each_no_shorter(void **state)
{
    (void)state;
    each(test_no_shorter);
}

static void test_each_pieces(void **state)
{
    (void)state;
    each(test_pieces);
}

static void test_each_abandoned(void **state)
{
    (void)state;
    each(test_abandoned);
}

static void test_features(void **state)
{
    const char *text = http_coding_features();

    (void)state;
    assert_int_equal(strncmp(text, "compression: ", 13), 0);
    assert_int_equal(strstr(text, "zlib ") != NULL, http_gzip_coder != NULL);
    assert_int_equal(strstr(text, "brotli ") != NULL, http_brotli_coder != NULL);
    assert_int_equal(strstr(text, "zstd ") != NULL, http_zstd_coder != NULL);
    assert_int_equal(strstr(text, "none") != NULL, http_codings() == HTTP_CODING_BIT(HTTP_IDENTITY));
    assert_null(http_coder_of(HTTP_IDENTITY));
}

/* By its first bytes: what can a file be that is said to be in a coding? */
static void test_magic(void **state)
{
    static const struct {
        const char *data;
        bool gzip, brotli, zstd;
    } files[] = {
        {"\x1f\x8b\x08x", true, false, false},    {"\x1f\x8b\x07x", false, true, false},
        {"\x1f\x8c\x08x", false, true, false},    {"\x1e\x8b\x08x", false, true, false},
        {"\x28\xb5\x2f\xfd", false, false, true}, {"\x28\xb4\x2f\xfd", false, true, false},
        {"\x28\xb5\x2e\xfd", false, true, false}, {"\x28\xb5\x2f\xfc", false, true, false},
        {"\x50\x2a\x4d\x18", false, false, true}, {"\x5f\x2a\x4d\x18", false, false, true},
        {"\x60\x2a\x4d\x18", false, true, false}, {"\x50\x2b\x4d\x18", false, true, false},
        {"\x50\x2a\x4e\x18", false, true, false}, {"\x11xxx", false, false, false},
        {"\x91xxx", false, false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_int_equal(http_is_coded(HTTP_GZIP, files[i].data, HTTP_CODING_MAGIC), files[i].gzip);
        assert_int_equal(http_is_coded(HTTP_BROTLI, files[i].data, HTTP_CODING_MAGIC), files[i].brotli);
        assert_int_equal(http_is_coded(HTTP_ZSTD, files[i].data, HTTP_CODING_MAGIC), files[i].zstd);
        assert_true(http_is_coded(HTTP_IDENTITY, files[i].data, HTTP_CODING_MAGIC));
    }
    for (size_t size = 0; size < 3; size++) { /* shorter than any but brotli's */
        assert_false(http_is_coded(HTTP_GZIP, "\x1f\x8b\x08", size));
        assert_false(http_is_coded(HTTP_ZSTD, "\x28\xb5\x2f\xfd", size));
        assert_int_equal(http_is_coded(HTTP_BROTLI, "\x28\xb5", size), size > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_whole),  cmocka_unit_test(test_each_no_shorter),
        cmocka_unit_test(test_each_pieces), cmocka_unit_test(test_each_abandoned),
        cmocka_unit_test(test_features),    cmocka_unit_test(test_magic),
    };

    return cmocka_run_group_tests_name("compress", tests, fill, NULL);
}
