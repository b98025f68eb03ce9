/* SPDX-License-Identifier: MIT */
/* The streams of connections: when output leaves, time limits, files, and the end of each direction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <stdatomic.h>
#include <stdlib.h>

static atomic_int result; /* what the handler under test has found */

/* Servers for which a handler's waits are done in three different ways. */
static const char *const classes[] = {"TCPServer", "ThreadingUnixStreamServer", "EventLoopTCPServer"};

static void with_each(int (*handle)(struct ss_handler *), void (*client)(int fd))
{
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct ss_handler_class handler = {.handle = handle};
        struct running r;
        result = 12345;
        start(&r, ss_bases(classes[i]), strstr(classes[i], "Unix") ? "unix:@ss-unit-stream-*" : "127.0.0.1:0",
              &handler);
        int fd = client_of(&r.server);
        client(fd);
        close(fd);
        stop(&r);
    }
}

/* ---- the rule of output: a reply is one packet, sent when the handler waits for more ---- */

static int many_small_writes(struct ss_handler *h)
{
    char line[10];
    while (ss_readline(h->rfile, line, sizeof line) > 0) {
        for (int i = 0; i < 100; i++)
            ss_printf(h->wfile, "%d,", i % 10);
        ss_write(h->wfile, "\n", 1);
    }
    return 0;
}

static void expect_one_packet(int fd)
{
    for (int i = 0; i < 3; i++) {
        char data[1000];
        say(fd, "x\n");
        assert_int_equal(recv(fd, data, sizeof data, 0), 201); /* it has left at once, and all of it */
    }
    say(fd, "x\nx\n"); /* two requests in one packet */
    char data[1000];
    assert_int_equal(recv(fd, data, sizeof data, MSG_PEEK), 402);
    assert_int_equal(recv(fd, data, sizeof data, 0), 402);
}

static void test_flush_rule(void **state)
{
    (void)state;
    with_each(many_small_writes, expect_one_packet);
}

/* ---- how much has left ---- */

static int write_and_count(struct ss_handler *h)
{
    static char large[100000];
    ss_write(h->wfile, "12345", 5);
    if (h->wfile->sent != 0)
        return -EILSEQ;
    ss_flush(h->wfile);
    if (h->wfile->sent != 5)
        return -ERANGE;
    ss_write(h->wfile, large, sizeof large);
    result = h->wfile->sent == 5 + sizeof large ? 0 : 1;
    return 0;
}

static void read_all(int fd)
{
    char data[4096];
    ssize_t n, size = 0;
    while ((n = recv(fd, data, sizeof data, 0)) > 0)
        size += n;
    assert_int_equal(size, 100005);
    assert_int_equal(result, 0);
}

static void test_sent(void **state)
{
    (void)state;
    with_each(write_and_count, read_all);
}

/* ---- peek_now ---- */

static int poll_with_peek_now(struct ss_handler *h)
{
    const char *data;
    ssize_t n = ss_peek_now(h->rfile, &data, 1);
    if (n != -EAGAIN)
        return -EILSEQ;
    ss_write(h->wfile, "go", 2);
    ss_flush(h->wfile);
    struct pollfd p = {.fd = h->request->fd, .events = POLLIN};
    if (ss_poll(h->server, &p, 1, PATIENCE) != 1 || ss_peek_now(h->rfile, &data, 1) != 3 ||
        memcmp(data, "abc", 3) != 0)
        return -EILSEQ;
    ss_skip(h->rfile, 3);
    ss_write(h->wfile, "on", 2);
    ss_flush(h->wfile);
    p.revents = 0;
    if (ss_poll(h->server, &p, 1, PATIENCE) != 1)
        return -EILSEQ;
    result = (int)ss_peek_now(h->rfile, &data, 1);
    return 0;
}

static void drive_peek_now(int fd)
{
    expect(fd, "go");
    say(fd, "abc");
    expect(fd, "on");
    shutdown(fd, SHUT_WR);
    expect_end(fd);
    assert_int_equal(result, 0); /* the end */
}

static void test_peek_now(void **state)
{
    (void)state;
    with_each(poll_with_peek_now, drive_peek_now);
}

/* A handler that also waits for other things asks ss_poll, and then reads what that has announced. */
static int poll_and_read(struct ss_handler *h)
{
    char data[10];
    ssize_t n = 1;
    h->timeout = PATIENCE / 2;
    while (n > 0) {
        struct pollfd p = {.fd = h->request->fd, .events = POLLIN};
        if (ss_poll(h->server, &p, 1, PATIENCE) != 1)
            return -EILSEQ;
        n = ss_read(h->rfile, data, sizeof data);
        if (n > 0)
            ss_write(h->wfile, data, (size_t)n);
        ss_flush(h->wfile);
    }
    result = (int)n;
    return 0;
}

static void drive_poll_and_read(int fd)
{
    for (int i = 0; i < 5; i++) {
        poll(NULL, 0, i * 5); /* so that the server waits already, most probably */
        say(fd, "abc");
        expect(fd, "abc");
    }
    shutdown(fd, SHUT_WR);
    expect_end(fd);
    assert_int_equal(result, 0);
}

static void test_poll_and_read(void **state)
{
    (void)state;
    with_each(poll_and_read, drive_poll_and_read);
}

/* ---- time limits ---- */

static int wait_with_timeout(struct ss_handler *h)
{
    char data[10];
    h->timeout = 30;
    result = (int)ss_read(h->rfile, data, sizeof data);
    return 0;
}

static int wait_with_deadline(struct ss_handler *h)
{
    char data[10];
    ssize_t n;
    ss_set_deadline(h->rfile, 60);
    while ((n = ss_read(h->rfile, data, sizeof data)) > 0)
        ; /* progress does not help */
    result = (int)n;
    return 0;
}

static int wait_without_reader(struct ss_handler *h)
{
    static const char data[100000];
    h->timeout = 30;
    while (ss_write(h->wfile, data, sizeof data) == 0)
        ;
    result = h->wfile->error;
    h->wfile->error = 0; /* or handle_error would be told */
    return 0;
}

static void do_nothing(int fd)
{
    (void)fd;
    for (int ms = 0; result == 12345 && ms < PATIENCE; ms++)
        poll(NULL, 0, 1);
    assert_int_equal(result, -ETIMEDOUT);
}

static void drip(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, 10) == 0)
        (void)send(fd, "x", 1, MSG_NOSIGNAL);
    assert_int_equal(result, -ETIMEDOUT);
}

static void quiet(struct ss_server *self, struct ss_request *request, int error)
{
    (void)self, (void)request;
    if (error != -ETIMEDOUT)
        fprintf(stderr, "another error: %d\n", error);
}
static const struct ss_class Quiet = {.name = "Quiet", .handle_error = quiet};

/* An error that sticks to the stream is told to handle_error. */
static void with_each_quiet(int (*handle)(struct ss_handler *), void (*client)(int fd))
{
    static const struct ss_class *const mixins[] = {NULL, &ThreadingMixIn, &EventLoopMixIn};
    for (size_t i = 0; i < COUNT(mixins); i++) {
        const struct ss_class *bases[] = {&Quiet, mixins[i] ? mixins[i] : &TCPServer, &TCPServer, NULL};
        struct ss_handler_class handler = {.handle = handle};
        struct running r;
        result = 12345;
        start(&r, bases, "127.0.0.1:0", &handler);
        int fd = client_of(&r.server);
        client(fd);
        close(fd);
        stop(&r);
    }
}

static void test_timeout(void **state)
{
    (void)state;
    with_each(wait_with_timeout, do_nothing);
}

/* Nothing has come in time, which can be told; and it may come later. */
static int answer_late(struct ss_handler *h)
{
    char line[20];
    h->timeout = 30;
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    if (n != -ETIMEDOUT)
        return -EILSEQ;
    if (ss_printf(h->wfile, "late: %s", line) < 0 || ss_flush(h->wfile) < 0)
        return -EILSEQ;
    h->timeout = PATIENCE;
    n = ss_readline(h->rfile, line, sizeof line);
    result = n > 0 ? ss_printf(h->wfile, "%s", line) : (int)n;
    return 0;
}

static void be_late(int fd)
{
    say(fd, "ab");
    expect(fd, "late: ab");
    say(fd, "c\n");
    expect(fd, "abc\n");
    expect_end(fd);
    assert_int_equal(result, 0);
}

static void test_answer_to_a_timeout(void **state)
{
    (void)state;
    with_each(answer_late, be_late);
}

static void test_deadline(void **state)
{
    (void)state;
    with_each_quiet(wait_with_deadline, drip);
}

static void test_write_timeout(void **state)
{
    (void)state;
    with_each_quiet(wait_without_reader, do_nothing);
}

/* ---- write_eof ---- */

static int half_close(struct ss_handler *h)
{
    char line[20];
    ss_write(h->wfile, "all\n", 4);
    ss_write_eof(h->wfile);
    result = (int)ss_readline(h->rfile, line, sizeof line);
    return 0;
}

static void drive_half_close(int fd)
{
    expect(fd, "all\n");
    expect_end(fd);
    say(fd, "more\n");
    for (int ms = 0; result == 12345 && ms < PATIENCE; ms++)
        poll(NULL, 0, 1);
    assert_int_equal(result, 5);
}

static void test_write_eof(void **state)
{
    (void)state;
    with_each(half_close, drive_half_close);
}

/* ---- sendfile ---- */

enum { FILE_SIZE = 3 << 20 };
static int file;

static int send_file(struct ss_handler *h)
{
    ss_write(h->wfile, "head:", 5);
    result = ss_sendfile(h->wfile, file, 1, FILE_SIZE - 1);
    return 0;
}

/* The file shrinks when the buffers are full: what was promised is never made up for. */
static int send_shrinking_file(struct ss_handler *h)
{
    result = ss_sendfile(h->wfile, file, 0, FILE_SIZE + 1);
    h->wfile->error = 0;
    return 0;
}

static size_t read_to_end(int fd, char *data, size_t size)
{
    size_t got = 0;
    ssize_t n;
    while (got < size && (n = recv(fd, data + got, size - got, 0)) > 0)
        got += (size_t)n;
    return got;
}

static char received[FILE_SIZE + 100], content[FILE_SIZE];

static void check_file(int fd)
{
    assert_int_equal(read_to_end(fd, received, sizeof received), FILE_SIZE - 1 + 5);
    assert_memory_equal(received, "head:", 5);
    assert_memory_equal(received + 5, content + 1, FILE_SIZE - 1);
    assert_int_equal(result, 0);
}

static void check_short_file(int fd)
{
    assert_int_equal(read_to_end(fd, received, sizeof received), FILE_SIZE);
    assert_memory_equal(received, content, FILE_SIZE);
    assert_int_equal(result, -EIO);
}

static void test_sendfile(void **state)
{
    char name[] = "/tmp/ss-unit-XXXXXX";
    (void)state;
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (char)(i * 2654435761U >> 13);
    file = mkstemp(name);
    unlink(name);
    assert_int_equal(write(file, content, sizeof content), sizeof content);
    with_each(send_file, check_file);
    with_each(send_shrinking_file, check_short_file);
    close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flush_rule),
        cmocka_unit_test(test_sent),
        cmocka_unit_test(test_peek_now),
        cmocka_unit_test(test_poll_and_read),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_write_timeout),
        cmocka_unit_test(test_write_eof),
        cmocka_unit_test(test_answer_to_a_timeout),
        cmocka_unit_test(test_sendfile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
