/* SPDX-License-Identifier: MIT */
/* Clients that take their time, and how long they may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <stdatomic.h>
#include <stdlib.h>

enum { BIG = 8 << 20 }; /* bytes: more than the sockets hold between them */
enum { PAUSE = 150 };   /* ms: longer than what a handler waits for input */

static atomic_int result;

static int write_big(struct ss_handler *h)
{
    static const char data[65536];
    int rc = 0;
    for (size_t left = BIG; rc == 0 && left > 0; left -= sizeof data)
        rc = ss_write(h->wfile, data, sizeof data);
    result = rc;
    return rc;
}

static int write_patiently(struct ss_handler *h)
{
    h->timeout = 10;
    h->write_timeout = PATIENCE;
    return write_big(h);
}

/* Nothing is said of output: a reader may pause longer than a writer. */
static int write_by_default(struct ss_handler *h)
{
    h->timeout = PATIENCE / 4;
    return write_big(h);
}

static int write_impatiently(struct ss_handler *h)
{
    h->timeout = PATIENCE;
    h->write_timeout = 20;
    return write_big(h);
}

static void quiet(struct ss_server *self, struct ss_request *request, int error)
{
    (void)self, (void)request, (void)error;
}
static const struct ss_class Quiet = {.name = "Quiet", .handle_error = quiet};

static void with(const struct ss_class *mixin, const struct ss_class *server,
                 int (*handle)(struct ss_handler *), int (*client)(int fd), int expected)
{
    const struct ss_class *bases[] = {&Quiet, mixin ? mixin : server, server, NULL};
    struct ss_handler_class handler = {.handle = handle};
    struct running r;
    result = 12345;
    start(&r, bases, server == &UnixStreamServer ? "unix:@pace*" : "127.0.0.1:0", &handler);
    int fd = client_of(&r.server), rc = client(fd);
    for (int ms = 0; result == 12345 && ms < PATIENCE; ms++)
        poll(NULL, 0, 1);
    assert_int_equal(result, expected);
    assert_true(expected < 0 || rc == BIG);
    close(fd);
    stop(&r);
}

static void with_each(int (*handle)(struct ss_handler *), int (*client)(int fd), int expected)
{
    static const struct ss_class *const mixins[] = {NULL, &ThreadingMixIn, &ThreadPoolMixIn, &EventLoopMixIn};
    for (size_t i = 0; i < COUNT(mixins); i++) {
        with(mixins[i], &TCPServer, handle, client, expected);
        with(mixins[i], &UnixStreamServer, handle, client, expected);
    }
}

/* Bytes that came until the end. */
static int read_all(int fd)
{
    static char data[65536];
    int total = 0;
    ssize_t n;
    while (total < BIG && (n = recv(fd, data, sizeof data, 0)) > 0)
        total += (int)n;
    return total;
}

static int pause_and_read(int fd)
{
    char data[4096];
    ssize_t n = recv(fd, data, sizeof data, 0);
    assert_true(n > 0);
    poll(NULL, 0, PAUSE);
    return (int)n + read_all(fd);
}

static int pause_for_good(int fd)
{
    (void)fd;
    return 0;
}

static void test_reader_pauses(void **state)
{
    (void)state;
    with_each(write_patiently, pause_and_read, 0);
    with_each(write_by_default, pause_and_read, 0);
}

static void test_reader_stops(void **state)
{
    (void)state;
    with_each(write_impatiently, pause_for_good, -ETIMEDOUT);
}

/* ---- what counts is what the reader takes, not what there is room for ---- */

enum { LIMIT = 1000 /* ms without a byte */, SIPS = 60, SIP_PAUSE = 25 /* ms */ };

static int write_to_sipper(struct ss_handler *h)
{
    h->write_timeout = LIMIT;
    return write_big(h);
}

/* So little that the server's socket is never writable meanwhile. */
static int sip(int fd)
{
    static char data[8192];
    int total = 0;
    for (int i = 0; i < SIPS; i++) {
        ssize_t n = recv(fd, data, sizeof data, 0);
        if (n <= 0)
            return total;
        total += (int)n;
        poll(NULL, 0, SIP_PAUSE);
    }
    return total + read_all(fd);
}

static void test_reader_sips(void **state)
{
    (void)state;
    with(&ThreadingMixIn, &TCPServer, write_to_sipper, sip, 0);
    with(&EventLoopMixIn, &TCPServer, write_to_sipper, sip, 0);
}

/* ---- input ---- */

static int read_line_at_rate(struct ss_handler *h)
{
    char line[4096];
    h->min_rate = 100000;
    result = (int)ss_readline(h->rfile, line, sizeof line);
    return result;
}

static int drip(int fd)
{
    while (result == 12345 && send(fd, "x", 1, MSG_NOSIGNAL) == 1)
        poll(NULL, 0, 5);
    return 0;
}

static int read_lines_at_rate(struct ss_handler *h)
{
    char line[100];
    ssize_t n;
    h->min_rate = 100000;
    while ((n = ss_readline(h->rfile, line, sizeof line)) > 0)
        ;
    result = (int)n;
    return 0;
}

/* Between two lines nothing is owed, however long they take together. */
static int type_lines(int fd)
{
    for (int i = 0; i < 10; i++) {
        say(fd, "line\n");
        poll(NULL, 0, 20);
    }
    shutdown(fd, SHUT_WR);
    return BIG;
}

static void short_window(struct ss_server *self)
{
    self->rate_window = 50;
}
static const struct ss_class ShortWindow = {.name = "ShortWindow", .base = &TCPServer, .init = short_window};

static void test_rate_of_input(void **state)
{
    static const struct ss_class *const mixins[] = {&ShortWindow, &ThreadingMixIn, &ThreadPoolMixIn,
                                                    &EventLoopMixIn};
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        with(mixins[i], &ShortWindow, read_line_at_rate, drip, -ETIMEDOUT);
        with(mixins[i], &ShortWindow, read_lines_at_rate, type_lines, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader_pauses),
        cmocka_unit_test(test_reader_stops),
        cmocka_unit_test(test_reader_sips),
        cmocka_unit_test(test_rate_of_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
