/* SPDX-License-Identifier: MIT */
/* Streams: over a class of our own that counts, and over sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <stdlib.h>

/* ---- a stream that reads from a list of pieces and keeps what is written ---- */

struct pieces {
    const char **next; /* NULL at the end */
    int error;         /* what comes behind the last one, instead of the end */
    int reads, writes, write_error;
    char written[100000];
    size_t size;
};

static ssize_t read_piece(struct ss_stream *s, void *data, size_t size)
{
    struct pieces *p = s->context;
    p->reads++;
    if (ss_flush(s) < 0)
        return s->error;
    if (!*p->next)
        return p->error;
    size_t n = strlen(*p->next);
    if (n > size)
        n = size;
    memcpy(data, *p->next, n);
    *p->next += n;
    if (!**p->next)
        p->next++;
    return (ssize_t)n;
}

static int keep(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    struct pieces *p = s->context;
    (void)more;
    p->writes++;
    for (int i = 0; i < count && !p->write_error; i++) {
        assert_true(p->size + vector[i].iov_len <= sizeof p->written);
        memcpy(p->written + p->size, vector[i].iov_base, vector[i].iov_len);
        p->size += vector[i].iov_len;
    }
    return p->write_error;
}

static const struct ss_stream_class counting = {.name = "counting", .read = read_piece, .write = keep};

static struct pieces pieces;
static struct ss_stream s;
static char rbuf[16], wbuf[16];

/* `texts`: what comes, piece by piece; buffers of 16 bytes. */
static void begin(const char **texts)
{
    memset(&pieces, 0, sizeof pieces);
    pieces.next = texts;
    ss_stream_init(&s, &counting, &pieces, rbuf, sizeof rbuf, wbuf, sizeof wbuf);
}
#define PIECES(...) ((const char *[]){__VA_ARGS__, NULL})

static void test_read(void **state)
{
    char data[32];
    (void)state;
    begin(PIECES("abcdef", "ghi"));
    assert_int_equal(ss_read(&s, data, 2), 2);
    assert_int_equal(ss_read(&s, data + 2, 20), 4); /* what is there, without another read */
    assert_int_equal(pieces.reads, 1);
    assert_memory_equal(data, "abcdef", 6);
    assert_int_equal(ss_read(&s, data, 20), 3);
    assert_int_equal(ss_read(&s, data, 20), 0);
    assert_int_equal(ss_read(&s, data, 20), 0);
    assert_int_equal(pieces.reads, 3); /* the end is not asked for again */
}

static void test_readexactly(void **state)
{
    char data[32];
    (void)state;
    begin(PIECES("ab", "cdefghijklmnopqrst", "uvw"));
    assert_int_equal(ss_readexactly(&s, data, 21), 21);
    assert_memory_equal(data, "abcdefghijklmnopqrstu", 21);
    assert_int_equal(ss_readexactly(&s, data, 10), 2);
    assert_memory_equal(data, "vw", 2);
    assert_int_equal(ss_readexactly(&s, data, 10), 0);
}

static void test_readline(void **state)
{
    char line[40];
    (void)state;
    begin(PIECES("one\ntw", "o\n", "\n", "a line longer than the buffer\n", "limit\nlast"));
    assert_int_equal(ss_readline(&s, line, sizeof line), 4);
    assert_string_equal(line, "one\n");
    assert_int_equal(ss_readline(&s, line, sizeof line), 4);
    assert_string_equal(line, "two\n");
    assert_int_equal(ss_readline(&s, line, sizeof line), 1);
    assert_string_equal(line, "\n");
    assert_int_equal(ss_readline(&s, line, sizeof line), 30);
    assert_string_equal(line, "a line longer than the buffer\n");
    assert_int_equal(ss_readline(&s, line, 4), 3);
    assert_string_equal(line, "lim");
    assert_int_equal(ss_readline(&s, line, 1), 0);
    assert_string_equal(line, "");
    assert_int_equal(ss_readline(&s, line, sizeof line), 3);
    assert_string_equal(line, "it\n");
    assert_int_equal(ss_readline(&s, line, sizeof line), 4);
    assert_string_equal(line, "last");
    assert_int_equal(ss_readline(&s, line, sizeof line), 0);
    assert_string_equal(line, "");
}

static void test_unbuffered(void **state)
{
    char line[40];
    (void)state;
    begin(PIECES("ab\ncd", "e\n"));
    ss_stream_init(&s, &counting, &pieces, NULL, 0, NULL, 0);
    assert_int_equal(ss_readline(&s, line, sizeof line), 3);
    assert_string_equal(line, "ab\n");
    assert_int_equal(ss_readexactly(&s, line, 4), 4);
    assert_int_equal(ss_write(&s, "x", 1), 0);
    assert_int_equal(ss_printf(&s, "%d", 12), 0);
    assert_memory_equal(pieces.written, "x12", 3);
    assert_int_equal(pieces.writes, 2);
}

static void test_peek(void **state)
{
    const char *data;
    char text[20];
    (void)state;
    begin(PIECES("abc", "defghijklmnop", "q"));
    assert_int_equal(ss_peek(&s, &data, 0), 0);
    assert_int_equal(ss_peek(&s, &data, sizeof rbuf + 1), -ENOBUFS);
    assert_int_equal(s.error, 0); /* a question, not a failure */
    assert_int_equal(pieces.reads, 0);
    assert_int_equal(ss_peek(&s, &data, 1), 3);
    assert_int_equal(ss_peek(&s, &data, 4), 16);
    assert_memory_equal(data, "abcdefghijklmnop", 16);
    ss_skip(&s, 14);
    assert_int_equal(ss_peek(&s, &data, 3), 3);
    assert_memory_equal(data, "opq", 3);
    assert_int_equal(ss_peek(&s, &data, 10), 3); /* fewer at the end */
    ss_skip(&s, 100);
    assert_int_equal(ss_read(&s, text, sizeof text), 0);
}

/* Room is made at the front, and nothing is lost. */
static void test_peek_moves(void **state)
{
    const char *data;
    (void)state;
    begin(PIECES("0123456789abcdef", "ghijklmnop"));
    assert_int_equal(ss_peek(&s, &data, 16), 16);
    ss_skip(&s, 10);
    assert_int_equal(ss_peek(&s, &data, 12), 16);
    assert_memory_equal(data, "abcdefghijklmnop", 16);
}

/* ---- errors ---- */

static void test_read_error_sticks(void **state)
{
    char data[20];
    const char *peeked;
    (void)state;
    begin(PIECES("abc"));
    pieces.error = -EIO;
    assert_int_equal(ss_read(&s, data, 2), 2);
    assert_int_equal(ss_read(&s, data, 2), 1); /* what came before it is still good */
    assert_int_equal(ss_read(&s, data, 2), -EIO);
    assert_int_equal(ss_readline(&s, data, sizeof data), -EIO);
    assert_int_equal(ss_readexactly(&s, data, 2), -EIO);
    assert_int_equal(ss_peek(&s, &peeked, 1), -EIO);
    assert_int_equal(ss_peek_now(&s, &peeked, 1), -EIO);
    assert_int_equal(ss_write(&s, "x", 1), -EIO);
    assert_int_equal(ss_printf(&s, "x"), -EIO);
    assert_int_equal(ss_flush(&s), -EIO);
    assert_int_equal(ss_write_eof(&s), -EIO);
    assert_int_equal(pieces.reads, 2);
    assert_int_equal(pieces.writes, 0);
}

static void test_write_error_sticks(void **state)
{
    char data[20];
    (void)state;
    begin(PIECES("abc"));
    pieces.write_error = -EPIPE;
    assert_int_equal(ss_write(&s, "12345678", 8), 0);
    assert_int_equal(ss_write(&s, "1234567890", 10), -EPIPE);
    pieces.write_error = -ENOSPC;
    assert_int_equal(ss_write(&s, "1", 1), -EPIPE); /* the first one */
    assert_int_equal(ss_flush(&s), -EPIPE);
    assert_int_equal(ss_read(&s, data, 3), -EPIPE);
    assert_int_equal(pieces.writes, 1);
}

static ssize_t read_without_flush(struct ss_stream *stream, void *data, size_t size)
{
    (void)stream, (void)size;
    *(char *)data = 'x';
    return 1;
}

/* A stream that cannot read without waiting may wait: what it has for the other side leaves before. */
static void test_peek_now_may_wait(void **state)
{
    static const struct ss_stream_class layer = {.name = "layer", .read = read_without_flush, .write = keep};
    const char *data;
    (void)state;
    begin(PIECES("x"));
    s.methods = &layer;
    assert_int_equal(ss_write(&s, "answer", 6), 0);
    assert_int_equal(ss_peek_now(&s, &data, 1), 1);
    assert_int_equal(pieces.size, 6);
    pieces.write_error = -EPIPE;
    ss_skip(&s, 1);
    assert_int_equal(ss_write(&s, "answer", 6), 0);
    assert_int_equal(ss_peek_now(&s, &data, 1), -EPIPE);
}

/* ---- what has not come in time ---- */

static void test_timeout_does_not_stick(void **state)
{
    char data[40];
    const char *peeked;
    (void)state;
    begin(PIECES("abc"));
    pieces.error = -ETIMEDOUT;
    assert_int_equal(ss_peek(&s, &peeked, 4), -ETIMEDOUT);
    assert_int_equal(ss_readexactly(&s, data, 5), -ETIMEDOUT);
    assert_int_equal(ss_readline(&s, data, sizeof data), -ETIMEDOUT);
    assert_string_equal(data, "abc");
    assert_int_equal(s.error, 0);
    assert_int_equal(ss_write(&s, "late", 4), 0);
    assert_int_equal(ss_flush(&s), 0);
    assert_memory_equal(pieces.written, "late", 4);
    pieces.next = PIECES("def\n");
    assert_int_equal(ss_readline(&s, data, sizeof data), 7); /* from its beginning */
    assert_string_equal(data, "abcdef\n");
    assert_int_equal(ss_read(&s, data, 1), -ETIMEDOUT);
    assert_int_equal(ss_peek_now(&s, &peeked, 1), -ETIMEDOUT);
    pieces.error = 0;
    assert_int_equal(ss_read(&s, data, 1), 0);
}

/* More has been taken than the buffer holds: a later read must not go on in the middle. */
static void test_torn_by_a_timeout(void **state)
{
    char data[40];
    const char *peeked;
    (void)state;
    for (int buffered = 0; buffered < 2; buffered++) {
        begin(PIECES("0123456789abcdefghij"));
        if (!buffered)
            ss_stream_init(&s, &counting, &pieces, NULL, 0, NULL, 0);
        pieces.error = -ETIMEDOUT;
        assert_int_equal(ss_readexactly(&s, data, 30), -ETIMEDOUT);
        pieces.next = PIECES("more");
        assert_int_equal(ss_read(&s, data, 4), -ETIMEDOUT);
        assert_int_equal(ss_readline(&s, data, 4), -ETIMEDOUT);
        if (buffered) {
            assert_int_equal(ss_peek(&s, &peeked, 1), -ETIMEDOUT);
            assert_int_equal(ss_peek_now(&s, &peeked, 1), -ETIMEDOUT);
        }
        assert_int_equal(ss_write(&s, "late", 4), 0);
        assert_int_equal(ss_flush(&s), 0);
        assert_memory_equal(pieces.written, "late", 4);
    }
}

static void test_write_timeout_sticks(void **state)
{
    char data[20];
    (void)state;
    begin(PIECES("abc"));
    assert_int_equal(ss_write(&s, "12345678", 8), 0);
    pieces.write_error = -ETIMEDOUT;
    assert_int_equal(ss_read(&s, data, 3), -ETIMEDOUT); /* it flushes */
    pieces.write_error = 0;
    assert_int_equal(ss_read(&s, data, 3), -ETIMEDOUT);
    assert_int_equal(ss_write(&s, "1", 1), -ETIMEDOUT);
    assert_int_equal(pieces.writes, 1);
}

/* ---- the wrong direction ---- */

static void expect_no_input(struct ss_stream *wrong)
{
    char data[20];
    const char *peeked = NULL;
    for (size_t size = 0; size < 2; size++) {
        assert_int_equal(ss_read(wrong, data, size), -EBADF);
        assert_int_equal(ss_readexactly(wrong, data, size), -EBADF);
        assert_int_equal(ss_readline(wrong, data, size), -EBADF);
        assert_int_equal(ss_peek(wrong, &peeked, size), -EBADF);
        ss_skip(wrong, size);
    }
    assert_int_equal(ss_peek_now(wrong, &peeked, 1), -EBADF);
}

static void expect_no_output(struct ss_stream *wrong)
{
    for (size_t size = 0; size < 2; size++) {
        struct iovec vector = {(char *)(uintptr_t) "x", size};
        assert_int_equal(ss_write(wrong, "x", size), -EBADF);
        assert_int_equal(ss_writev(wrong, &vector, 1), -EBADF);
        assert_int_equal(ss_printf(wrong, "%.*s", (int)size, "x"), -EBADF);
        assert_int_equal(ss_sendfile(wrong, STDIN_FILENO, 0, size), -EBADF);
    }
    assert_int_equal(ss_printf(wrong, "%400s", "x"), -EBADF);
    assert_int_equal(ss_write_eof(wrong), -EBADF);
}

static void test_wrong_direction(void **state)
{
    static const struct ss_stream_class in = {.name = "in", .read = read_piece};
    static const struct ss_stream_class out = {.name = "out", .write = keep};
    char data[20];
    (void)state;
    for (int buffered = 0; buffered < 2; buffered++) {
        begin(PIECES("abc"));
        ss_stream_init(&s, &in, &pieces, rbuf, buffered ? sizeof rbuf : 0, NULL, 0);
        expect_no_output(&s);
        assert_int_equal(ss_read(&s, data, sizeof data), 3); /* the right one goes on */
        ss_stream_init(&s, &out, &pieces, NULL, 0, wbuf, buffered ? sizeof wbuf : 0);
        expect_no_input(&s);
        assert_int_equal(ss_write(&s, "x", 1), 0);
        assert_int_equal(ss_flush(&s), 0);
        assert_int_equal(pieces.size, 1);
    }
    expect_no_input(NULL);
    expect_no_output(NULL);
    assert_int_equal(ss_flush(NULL), -EBADF);
}

/* ---- output ---- */

static void test_writev(void **state)
{
    struct iovec vector[20], copy[20];
    char expected[200] = "ab";
    (void)state;
    for (int i = 0; i < 20; i++) {
        vector[i] = (struct iovec){(char *)(uintptr_t) "0123456789abc" + i % 10, (size_t)(i % 4)};
        strncat(expected, vector[i].iov_base, vector[i].iov_len);
    }
    memcpy(copy, vector, sizeof vector);
    begin(PIECES("x"));
    assert_int_equal(ss_write(&s, "ab", 2), 0);
    assert_int_equal(ss_writev(&s, vector, 20), 0); /* more than fit into one call below */
    assert_memory_equal(copy, vector, sizeof vector);
    assert_int_equal(ss_flush(&s), 0);
    assert_int_equal(pieces.size, strlen(expected));
    assert_memory_equal(pieces.written, expected, pieces.size);
    assert_int_equal(ss_writev(&s, vector, 0), 0);
}

/* Buffer and what does not fit into it leave together. */
static void test_one_write(void **state)
{
    (void)state;
    begin(PIECES("x"));
    assert_int_equal(ss_write(&s, "head", 4), 0);
    assert_int_equal(pieces.writes, 0);
    assert_int_equal(ss_write(&s, "a body of twenty byt", 20), 0);
    assert_int_equal(pieces.writes, 1);
    assert_memory_equal(pieces.written, "heada body of twenty byt", 24);
    assert_int_equal(ss_flush(&s), 0);
    assert_int_equal(pieces.writes, 1); /* nothing is left */
}

static void test_printf(void **state)
{
    char expected[5001];
    (void)state;
    begin(PIECES("x"));
    assert_int_equal(ss_printf(&s, "%s-%04d|", "a", 7), 0);
    assert_int_equal(ss_printf(&s, "%s", ""), 0);
    assert_int_equal(ss_printf(&s, "%5000s", "end"), 0);
    assert_int_equal(ss_flush(&s), 0);
    snprintf(expected, sizeof expected, "%5000s", "end");
    assert_int_equal(pieces.size, 5007);
    assert_memory_equal(pieces.written, "a-0007|", 7);
    assert_memory_equal(pieces.written + 7, expected, 5000);
    for (int n = 250; n < 260; n++) { /* around the size of the buffer on the stack */
        begin(PIECES("x"));
        assert_int_equal(ss_printf(&s, "%*d", n, 1), 0);
        assert_int_equal(ss_flush(&s), 0);
        assert_int_equal(pieces.size, n);
        assert_int_equal(pieces.written[n - 1], '1');
    }
}

/* Where the output cannot leave (a datagram) it is limited. */
static void test_no_write(void **state)
{
    static const struct ss_stream_class closed = {.name = "closed", .read = read_piece};
    (void)state;
    begin(PIECES("x"));
    s.methods = &closed;
    assert_int_equal(ss_write(&s, "0123456789abcdef", 16), 0);
    assert_int_equal(ss_flush(&s), 0);
    assert_int_equal(s.wend, 16);
    assert_int_equal(ss_write(&s, "x", 1), -EMSGSIZE);
}

static void test_copied_file(void **state)
{
    char name[] = "/tmp/ss-unit-XXXXXX";
    int fd = mkstemp(name);
    (void)state;
    unlink(name);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(write(fd, "0123456789", 10), 10);
    begin(PIECES("x"));
    assert_int_equal(ss_sendfile(&s, fd, 3, 40000), 0);
    assert_int_equal(ss_flush(&s), 0);
    assert_int_equal(pieces.size, 40000);
    assert_memory_equal(pieces.written, "34567890123", 11);
    begin(PIECES("x"));
    assert_int_equal(ss_sendfile(&s, fd, 40000, 10001), -EIO); /* it is shorter */
    assert_int_equal(s.error, -EIO);
    close(fd);
}

/* What there is no room for is not read, and what is not there is not skipped. */
static void test_edges(void **state)
{
    char line[8] = "unused", data[8];
    const char *more;
    (void)state;
    begin(PIECES("ab\ncd", "ef"));
    assert_int_equal(ss_read(&s, data, 0), 0);
    assert_int_equal(ss_readexactly(&s, data, 0), 0);
    assert_int_equal(ss_readline(&s, NULL, 0), 0);
    assert_int_equal(ss_readline(&s, line, 0), 0);
    assert_string_equal(line, "unused");
    assert_int_equal(ss_readline(&s, line, 1), 0);
    assert_string_equal(line, "");
    ss_skip(&s, 1);
    assert_int_equal(pieces.reads, 0);
    assert_int_equal(ss_peek(&s, &more, 1), 5);
    ss_skip(&s, 4);
    ss_skip(&s, 100); /* of the next piece nothing */
    assert_int_equal(pieces.reads, 1);
    assert_int_equal(ss_readline(&s, line, sizeof line), 2);
    assert_string_equal(line, "ef");
    ss_skip(NULL, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_readexactly),
        cmocka_unit_test(test_readline),
        cmocka_unit_test(test_unbuffered),
        cmocka_unit_test(test_peek),
        cmocka_unit_test(test_peek_moves),
        cmocka_unit_test(test_read_error_sticks),
        cmocka_unit_test(test_write_error_sticks),
        cmocka_unit_test(test_peek_now_may_wait),
        cmocka_unit_test(test_timeout_does_not_stick),
        cmocka_unit_test(test_torn_by_a_timeout),
        cmocka_unit_test(test_write_timeout_sticks),
        cmocka_unit_test(test_wrong_direction),
        cmocka_unit_test(test_writev),
        cmocka_unit_test(test_one_write),
        cmocka_unit_test(test_printf),
        cmocka_unit_test(test_no_write),
        cmocka_unit_test(test_copied_file),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
