/* SPDX-License-Identifier: MIT */
/* ss_sleep and ss_offload: in an event loop others run meanwhile. And how a drain ends all waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wait_rig.h"

static char trace[100];

static void note(char c)
{
    trace[strlen(trace)] = c;
}

/* ---- ss_sleep ---- */

static int sleep_sort(struct ss_handler *h)
{
    char line[10];
    struct pollfd gate = {.fd = pipes[0][0], .events = POLLIN};
    if (ss_readline(h->rfile, line, sizeof line) <= 0)
        return -EPROTO;
    ss_write(h->wfile, line, 2);
    ss_flush(h->wfile);
    int rc = ss_poll(h->server, &gate, 1, PATIENCE);
    if (rc == 1)
        rc = ss_sleep(h->server, 100 * (line[0] - '0'));
    note(line[0]);
    return rc;
}

/* In one thread, each when its time has come: all slept at once. */
static void test_sleep_order(void **state)
{
    static const struct ss_handler_class handler = {.handle = sleep_sort};
    struct running r;
    int fd[6];
    (void)state;
    start(&r, ss_bases("EventLoopTCPServer"), "127.0.0.1:0", &handler);
    for (int i = 0; i < 6; i++)
        fd[i] = client_of(&r.server);
    for (int i = 0; i < 6; i++) {
        const char *line = (const char *[]){"5\n", "1\n", "3\n", "0\n", "4\n", "2\n"}[i];
        say(fd[i], line);
        expect(fd[i], line);
    }
    assert_int_equal(write(pipes[0][1], "x", 1), 1); /* now they all begin */
    for (int i = 0; i < 6; i++) {
        expect_end(fd[i]);
        close(fd[i]);
    }
    stop(&r);
    assert_string_equal(trace, "012345");
}

static int sleep_a_bit(struct ss_handler *h)
{
    uint64_t begin = ss_now();
    int rc = ss_sleep(h->server, 30);
    rc += ss_sleep(h->server, 0);
    return answer(h, rc == 0 && ss_now() - begin >= 29);
}

static void test_sleep(void **state)
{
    (void)state;
    with_each(sleep_a_bit, expect_yes);
}

/* ---- ss_offload ---- */

static int read_pipe(void *argument)
{
    char byte;
    *(pthread_t *)argument = pthread_self();
    return read(pipes[0][0], &byte, 1) == 1 ? 77 : -errno; /* blocks its thread */
}

static int do_offload(struct ss_handler *h)
{
    char line[10];
    pthread_t thread = pthread_self();
    if (ss_readline(h->rfile, line, sizeof line) <= 0)
        return -EPROTO;
    if (line[0] == 'e')
        return ss_write(h->wfile, line, strlen(line));
    int rc = ss_offload(h->server, read_pipe, &thread);
    return ss_printf(h->wfile, "%d %s\n", rc, pthread_equal(thread, pthread_self()) ? "here" : "elsewhere");
}

static void test_offload(void **state)
{
    static const struct ss_handler_class handler = {.handle = do_offload};
    struct running r;
    int fd[8];
    (void)state;
    start(&r, ss_bases("EventLoopTCPServer"), "127.0.0.1:0", &handler);
    for (int i = 0; i < 8; i++) { /* more than there are helpers */
        fd[i] = client_of(&r.server);
        say(fd[i], "offload\n");
    }
    int other = client_of(&r.server);
    say(other, "echo\n");
    expect(other, "echo\n"); /* nobody is stopped */
    assert_int_equal(write(pipes[0][1], "12345678", 8), 8);
    for (int i = 0; i < 8; i++) {
        expect(fd[i], "77 elsewhere\n");
        close(fd[i]);
    }
    close(other);
    stop(&r);
}

static void test_offload_elsewhere(void **state)
{
    static const char *const classes[] = {"TCPServer", "ThreadingTCPServer", "ThreadPoolTCPServer",
                                          "ForkingTCPServer"};
    static const struct ss_handler_class handler = {.handle = do_offload};
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        start(&r, ss_bases(classes[i]), "127.0.0.1:0", &handler);
        assert_int_equal(write(pipes[0][1], "x", 1), 1);
        int fd = client_of(&r.server);
        say(fd, "offload\n");
        expect(fd, "77 here\n"); /* a plain call */
        close(fd);
        stop(&r);
    }
}

/* ---- cancel ---- */

static int wait_for_ever(struct ss_handler *h)
{
    char line[10], byte;
    struct pollfd p = {.fd = pipes[0][0], .events = POLLIN};
    int rc = 0;
    if (ss_readline(h->rfile, line, sizeof line) <= 0)
        return -EPROTO;
    result++;
    if (line[0] == 'p')
        rc = ss_poll(h->server, &p, 1, -1);
    else if (line[0] == 's')
        rc = ss_sleep(h->server, 10 * PATIENCE);
    else {
        h->request->busy = true; /* a wait for input that the drain respects */
        rc = (int)ss_read(h->rfile, &byte, 1);
    }
    result += rc == -ECANCELED ? 100 : 1000;
    return rc;
}

static void test_cancel(void **state)
{
    static const char *const classes[] = {"ThreadingTCPServer", "ThreadPoolTCPServer", "EventLoopTCPServer"};
    static const struct ss_handler_class handler = {.handle = wait_for_ever};
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        int fd[3];
        result = 0;
        start(&r, ss_bases(classes[i]), "127.0.0.1:0", &handler);
        for (int j = 0; j < 3; j++) {
            fd[j] = client_of(&r.server);
            say(fd[j], (const char *[]){"p\n", "s\n", "r\n"}[j]);
        }
        for (int ms = 0; result < 3 && ms < PATIENCE; ms++)
            poll(NULL, 0, 1);
        ss_shutdown(&r.server);
        for (int j = 0; j < 3; j++)
            expect_nothing(fd[j]); /* they are in progress */
        ss_cancel(&r.server);
        join(&r);
        assert_int_equal(result, 303);
        for (int j = 0; j < 3; j++)
            close(fd[j]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sleep),  TEST(test_sleep_order), TEST(test_offload), TEST(test_offload_elsewhere),
        TEST(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
