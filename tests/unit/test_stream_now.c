/* SPDX-License-Identifier: MIT */
/* Streams that a class of our own makes: what reading without waiting says, and output that fails on its way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/stream.h"
#include <errno.h>
#include <string.h>
#include <wchar.h>

static struct {
    const char *input; /* what is there, and then -EAGAIN */
    int writes, failing, flushed, flush_error, sent;
    size_t room, bite; /* for write_now: in all, and at once if it is not 0 */
    char output[32];
} below;

static ssize_t take_now(struct ss_stream *s, void *data, size_t size)
{
    (void)s;
    size_t n = strlen(below.input) < size ? strlen(below.input) : size;
    memcpy(data, below.input, n);
    below.input += n;
    return n ? (ssize_t)n : -EAGAIN;
}

static ssize_t take(struct ss_stream *s, void *data, size_t size)
{
    ssize_t n = take_now(s, data, size);
    return n == -EAGAIN ? -ETIMEDOUT : n;
}

static int write_or_fail(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    (void)s, (void)vector, (void)count, (void)more;
    return ++below.writes == below.failing ? -EPIPE : 0;
}

static ssize_t write_what_fits(struct ss_stream *s, const void *data, size_t size)
{
    (void)s;
    if (++below.writes == below.failing)
        return -EPIPE;
    size_t n = size < below.room ? size : below.room;
    n = below.bite && n > below.bite ? below.bite : n;
    strncat(below.output, data, n);
    below.room -= n;
    return n ? (ssize_t)n : -EAGAIN;
}

static int count_flush(struct ss_stream *s)
{
    (void)s;
    below.flushed++;
    return below.flush_error;
}

static int count_file(struct ss_stream *s, int fd, off_t offset, size_t size)
{
    (void)s, (void)fd, (void)offset, (void)size;
    below.sent++;
    return 0;
}

static const struct ss_stream_class whole = {.name = "whole",
                                             .read = take,
                                             .read_now = take_now,
                                             .write = write_or_fail,
                                             .sendfile = count_file,
                                             .flush = count_flush};
static const struct ss_stream_class waits = {.name = "waits", .read = take, .write = write_or_fail};
static const struct ss_stream_class writes = {.name = "writes", .write = write_or_fail};

static const struct ss_stream_class fits = {
    .name = "fits", .direct = true, .write = write_or_fail, .write_now = write_what_fits};

static struct ss_stream s;
static char rbuf[8], wbuf[8];

static void begin(const struct ss_stream_class *methods, const char *input)
{
    memset(&below, 0, sizeof below);
    below.input = input;
    ss_stream_init(&s, methods, NULL, rbuf, sizeof rbuf, wbuf, sizeof wbuf);
}

/* ---- input ---- */

/* A class that can only wait has no line now, unless a whole one is in the buffer. */
static void test_class_that_waits(void **state)
{
    char line[8];
    const char *data;
    (void)state;
    begin(&waits, "a\nbc");
    assert_int_equal(ss_readline_now(&s, line, sizeof line), -EAGAIN);
    assert_int_equal(ss_peek(&s, &data, 1), 4);
    assert_int_equal(ss_readline_now(&s, line, sizeof line), 2);
    assert_string_equal(line, "a\n");
    assert_int_equal(ss_readline_now(&s, line, sizeof line), -EAGAIN);
    assert_string_equal(line, "");
    assert_int_equal(ss_readline(&s, line, 3), 2);
    assert_string_equal(line, "bc");
}

/* Nor does reading without waiting go on behind what a time-out has lost. */
static void test_lost_input(void **state)
{
    char data[20];
    const char *peeked;
    (void)state;
    begin(&whole, "more than the buffer");
    below.input += 4;
    assert_int_equal(ss_readexactly(&s, data, sizeof data), -ETIMEDOUT);
    below.input = "line\n";
    assert_int_equal(ss_readline_now(&s, data, sizeof data), -ETIMEDOUT);
    assert_int_equal(ss_peek_now(&s, &peeked, 1), -ETIMEDOUT);
    assert_int_equal(stream_has_news(&s), true);
}

/* What has come stays in the buffer until there is as much as is wanted, or the end; and it is no news
 * meanwhile. */
static void test_more_is_wanted(void **state)
{
    const char *data;
    (void)state;
    begin(&whole, "abc");
    assert_int_equal(ss_peek_now(&s, &data, 2), 3);
    assert_int_equal(ss_peek_now(&s, &data, 5), -EAGAIN);
    assert_int_equal(stream_has_news(&s), false);
    below.input = "d";
    assert_int_equal(ss_peek_now(&s, &data, 5), -EAGAIN);
    below.input = "ef";
    assert_int_equal(ss_peek_now(&s, &data, 5), 6);
    assert_memory_equal(data, "abcdef", 6);
    assert_int_equal(ss_peek_now(&s, &data, sizeof rbuf + 1), -ENOBUFS);
    ss_skip(&s, 5);
    below.input = "ghijklmnop";
    assert_int_equal(ss_peek_now(&s, &data, sizeof rbuf), sizeof rbuf);
    assert_memory_equal(data, "fghijklm", sizeof rbuf);
    s.eof = true;
    ss_skip(&s, 6);
    assert_int_equal(ss_peek_now(&s, &data, 5), 2);
}

static void test_no_buffer(void **state)
{
    const char *data;
    (void)state;
    begin(&whole, "x");
    ss_stream_init(&s, &whole, NULL, NULL, 0, NULL, 0);
    assert_int_equal(ss_peek_now(&s, &data, 1), -ENOBUFS);
}

/* What is in the buffer of a stream that only writes, as a datagram is, can be read; and its end. */
static void test_all_is_there(void **state)
{
    char data[8];
    (void)state;
    begin(&writes, "");
    assert_false(stream_has_news(&s));
    assert_int_equal(ss_readline_now(&s, data, sizeof data), -EBADF);
    memcpy(rbuf, "abc", sizeof "abc");
    s.rend = 3;
    assert_int_equal(ss_read(&s, data, 2), 2);
    assert_int_equal(ss_readexactly(&s, data, 1), 1);
    assert_int_equal(ss_read(&s, data, 2), -EBADF);
    s.eof = true;
    assert_int_equal(ss_read(&s, data, 2), 0);
    assert_int_equal(ss_readexactly(&s, data, 2), 0);
}

/* A layer's news are asked for below it: a buffer that is full there is left as it is. */
static void test_full_below(void **state)
{
    static const char full[] = "12345678";
    struct ss_stream layer;
    char buffer[8];
    const char *data;
    (void)state;
    begin(&whole, "123456789");
    ss_stream_init(&layer, &whole, NULL, buffer, sizeof buffer, NULL, 0);
    ss_stream_over(&layer, &s);
    assert_int_equal(ss_peek(&s, &data, 8), 8);
    assert_true(stream_has_news(&layer)); /* the ninth byte */
    assert_int_equal(s.rend, 8);
    assert_memory_equal(rbuf, full, 8);
    assert_false(stream_has_news(&layer) && ss_peek_now(&layer, &data, 1) < 0);
}

/* ---- output ---- */

/* Of more pieces than are written at once, none is written behind those that fail. */
static void test_many_pieces(void **state)
{
    struct iovec vector[9];
    (void)state;
    for (int i = 0; i < 9; i++)
        vector[i] = (struct iovec){(char *)(uintptr_t) "0123456789", 10};
    for (int failing = 0; failing < 3; failing++) {
        begin(&waits, "");
        below.failing = failing;
        assert_int_equal(ss_writev(&s, vector, 9), failing ? -EPIPE : 0);
        assert_int_equal(below.writes, failing ? failing : 2);
    }
}

/* Text that cannot be made fails as a write does. */
static void test_no_text(void **state)
{
    (void)state;
    begin(&waits, "");
    assert_int_equal(ss_printf(&s, "%lc", (wint_t)0x7fffffff), -EINVAL);
    assert_int_equal(ss_printf(&s, "%d", 1), -EINVAL);
    assert_int_equal(s.error, -EINVAL);
}

static void test_sendfile(void **state)
{
    (void)state;
    begin(&whole, "");
    assert_int_equal(ss_sendfile(&s, -1, 0, 0), 0);
    assert_int_equal(below.sent, 0);
    assert_int_equal(ss_sendfile(&s, -1, 0, 1), 0);
    assert_int_equal(below.sent, 1);
    assert_int_equal(ss_write(&s, "x", 1), 0);
    below.failing = 1;
    assert_int_equal(ss_sendfile(&s, -1, 0, 1), -EPIPE); /* what stands before it */
    assert_int_equal(below.sent, 1);
    begin(&waits, "");
    assert_int_equal(ss_sendfile(&s, -1, 0, 1), -EBADF); /* it is copied: from nowhere */
}

/* Flushing goes through a class that keeps output, and its error sticks. */
static void test_flush(void **state)
{
    (void)state;
    begin(&whole, "");
    assert_int_equal(ss_flush(&s), 0);
    assert_int_equal(ss_close(&s), 0);
    assert_int_equal(below.flushed, 2);
    below.flush_error = -EIO;
    assert_int_equal(ss_flush(&s), -EIO);
    assert_int_equal(ss_write(&s, "x", 1), -EIO);
    assert_int_equal(ss_close(&s), -EIO);
    begin(&whole, "");
    below.flush_error = -EIO;
    assert_int_equal(ss_write_eof(&s), -EIO);
}

/* What is written without waiting goes into the buffer, and out of it as far as there is room. */
static void test_write_now(void **state)
{
    (void)state;
    begin(&fits, "");
    assert_int_equal(ss_write_now(&s, "", 0), 0);
    assert_int_equal(ss_write_now(&s, "abc", 3), 3);
    assert_int_equal(ss_write_now(&s, "def", 3), 3);
    assert_int_equal(below.writes, 0);
    assert_int_equal(ss_flush_now(&s), -EAGAIN);
    below.room = 2;
    assert_int_equal(ss_flush_now(&s), -EAGAIN);
    assert_int_equal(ss_write_now(&s, "ghijkl", 6), 4); /* up to the end of the buffer */
    assert_int_equal(ss_write_now(&s, "kl", 2), -EAGAIN);
    below.room = 8;
    assert_int_equal(ss_flush_now(&s), 0);
    assert_int_equal(ss_flush_now(&s), 0);
    assert_string_equal(below.output, "abcdefghij");
}

/* That not all was taken at once does not mean that there is no room: only -EAGAIN does. */
static void test_flush_in_bites(void **state)
{
    (void)state;
    begin(&fits, "");
    below.room = 5;
    below.bite = 2;
    assert_int_equal(ss_write_now(&s, "abc", 3), 3);
    assert_int_equal(ss_write_now(&s, "def", 3), 3);
    assert_int_equal(ss_flush_now(&s), -EAGAIN);
    assert_int_equal(below.writes, 4);
    assert_string_equal(below.output, "abcde");
    below.room = 1;
    assert_int_equal(ss_flush_now(&s), 0);
    assert_string_equal(below.output, "abcdef");
}

/* A piece that would fill half of the buffer passes it by; what is in there goes before it. */
static void test_write_past_now(void **state)
{
    (void)state;
    begin(&fits, "");
    below.room = 6;
    assert_int_equal(ss_write_now(&s, "ab", 2), 2);
    assert_int_equal(ss_write_now(&s, "cdefghij", 8), 4);
    assert_int_equal(ss_write_now(&s, "ghij", 4), -EAGAIN);
    assert_int_equal(s.wend, 0);
    assert_string_equal(below.output, "abcdef");
}

static void test_write_now_fails(void **state)
{
    (void)state;
    assert_int_equal(ss_write_now(NULL, "a", 1), -EBADF);
    assert_int_equal(ss_flush_now(NULL), -EBADF);
    begin(&fits, "");
    below.failing = 1;
    assert_int_equal(ss_write_now(&s, "a", 1), 1);
    assert_int_equal(ss_flush_now(&s), -EPIPE);
    assert_int_equal(ss_flush_now(&s), -EPIPE);
    assert_int_equal(ss_write_now(&s, "a", 1), -EPIPE);
    assert_int_equal(below.writes, 1);
    begin(&fits, "");
    below.failing = 1;
    assert_int_equal(ss_write_now(&s, "abcdefgh", 8), -EPIPE);
    assert_int_equal(ss_write_now(&s, "a", 1), -EPIPE);
    assert_int_equal(below.writes, 1);
}

/* A class that can only wait writes all. */
static void test_write_now_waits(void **state)
{
    (void)state;
    begin(&waits, "");
    assert_int_equal(ss_write_now(&s, "a piece of text", 15), 15);
    assert_int_equal(ss_write_now(&s, "a", 1), 1);
    assert_int_equal(ss_flush_now(&s), 0);
    assert_int_equal(below.writes, 2);
    below.failing = 3;
    assert_int_equal(ss_write_now(&s, "a piece of text", 15), -EPIPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_class_that_waits), cmocka_unit_test(test_lost_input),
        cmocka_unit_test(test_more_is_wanted),   cmocka_unit_test(test_no_buffer),
        cmocka_unit_test(test_all_is_there),     cmocka_unit_test(test_full_below),
        cmocka_unit_test(test_many_pieces),      cmocka_unit_test(test_no_text),
        cmocka_unit_test(test_sendfile),         cmocka_unit_test(test_flush),
        cmocka_unit_test(test_write_now),        cmocka_unit_test(test_write_past_now),
        cmocka_unit_test(test_flush_in_bites),   cmocka_unit_test(test_write_now_fails),
        cmocka_unit_test(test_write_now_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
