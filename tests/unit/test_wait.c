/* SPDX-License-Identifier: MIT */
/* ss_poll in handlers: alone, in threads, and in an event loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wait_rig.h"
#include <stdlib.h>
#include <sys/mman.h>

/* ---- ss_poll ---- */

static int poll_pipes(struct ss_handler *h)
{
    struct pollfd fds[COUNT(pipes)];
    for (size_t i = 0; i < COUNT(pipes); i++)
        fds[i] = (struct pollfd){.fd = pipes[i][0], .events = POLLIN};
    int rc = ss_poll(h->server, fds, COUNT(pipes), 5);
    if (rc != 0)
        return answer(h, -1000 + rc);
    ss_printf(h->wfile, "go\n");
    ss_flush(h->wfile);
    rc = ss_poll(h->server, fds, COUNT(pipes), PATIENCE);
    for (size_t i = 0; i < COUNT(pipes); i++)
        if ((fds[i].revents != 0) != (i == 13) || (fds[i].revents && fds[i].revents != POLLIN))
            rc = -2000 - (int)i;
    return answer(h, rc);
}

static void ready_later(struct running *r)
{
    char byte;
    int fd = client_of(&r->server);
    expect(fd, "go\n");
    assert_int_equal(write(pipes[13][1], "x", 1), 1);
    expect(fd, "1\n");
    assert_int_equal(read(pipes[13][0], &byte, 1), 1);
    close(fd);
}

static void test_many_pipes(void **state)
{
    (void)state;
    with_each(poll_pipes, ready_later);
}

/* What was ready before is seen, however often it is asked for; an edge is long gone. */
static int poll_ready_pipe(struct ss_handler *h)
{
    int rc = 0;
    for (int i = 0; i < 3; i++) {
        struct pollfd p = {.fd = pipes[0][0], .events = POLLIN};
        rc += ss_poll(h->server, &p, 1, PATIENCE);
        rc += ss_poll(h->server, &p, 1, 0);
    }
    return answer(h, rc);
}

static void ready_before(struct running *r)
{
    char byte;
    assert_int_equal(write(pipes[0][1], "x", 1), 1);
    expect_answer(r, "6\n");
    expect_answer(r, "6\n");
    assert_int_equal(read(pipes[0][0], &byte, 1), 1);
}

static void test_ready_before(void **state)
{
    (void)state;
    with_each(poll_ready_pipe, ready_before);
}

/* A part was taken: the rest is there all the same. */
static int poll_rest(struct ss_handler *h)
{
    char byte;
    for (int i = 0; i < 3; i++) {
        struct pollfd p = {.fd = h->request->fd, .events = POLLIN};
        if (ss_poll(h->server, &p, 1, PATIENCE / 2) != 1 || recv(p.fd, &byte, 1, 0) != 1)
            return -EPROTO;
    }
    return send(h->request->fd, "3\n", 2, MSG_NOSIGNAL) == 2 ? 0 : -errno;
}

static void send_three(struct running *r)
{
    int fd = client_of(&r->server);
    say(fd, "abc");
    expect(fd, "3\n");
    close(fd);
}

static void test_rest(void **state)
{
    (void)state;
    with_each(poll_rest, send_three);
}

static int poll_file(struct ss_handler *h)
{
    int fd = memfd_create("file", MFD_CLOEXEC);
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN | POLLOUT}, {.fd = pipes[0][0], .events = POLLIN}};
    int rc = ss_poll(h->server, fds, 2, PATIENCE);
    close(fd);
    return answer(h, rc == 1 && fds[0].revents == (POLLIN | POLLOUT) && !fds[1].revents);
}

static int poll_nothing(struct ss_handler *h)
{
    struct pollfd fds[] = {{.fd = -1, .events = POLLIN}, {.fd = pipes[0][0], .events = POLLIN}};
    uint64_t begin = ss_now();
    int rc = ss_poll(h->server, fds, 2, 30);
    return answer(h, rc == 0 && ss_now() - begin >= 29);
}

static void test_regular_file(void **state)
{
    (void)state;
    with_each(poll_file, expect_yes);
}

static void test_time_out(void **state)
{
    (void)state;
    with_each(poll_nothing, expect_yes);
}

/* The other end is closed: that ends a wait for input too. */
static int poll_hang_up(struct ss_handler *h)
{
    int ends[2];
    if (pipe(ends) < 0)
        return -errno;
    close(ends[1]);
    struct pollfd p = {.fd = ends[0], .events = POLLIN};
    int rc = ss_poll(h->server, &p, 1, PATIENCE);
    close(ends[0]);
    return answer(h, rc == 1 && (p.revents & POLLHUP));
}

static void test_hang_up(void **state)
{
    (void)state;
    with_each(poll_hang_up, expect_yes);
}

/* ---- two tasks, one descriptor ---- */

static int share_pipe(struct ss_handler *h)
{
    struct pollfd p = {.fd = pipes[0][0], .events = POLLIN};
    result++;
    return answer(h, ss_poll(h->server, &p, 1, PATIENCE));
}

static void test_shared_descriptor(void **state)
{
    static const char *const classes[] = {"ThreadingTCPServer", "ThreadPoolTCPServer", "EventLoopTCPServer"};
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        static const struct ss_handler_class handler = {.handle = share_pipe};
        struct running r;
        int fd[3];
        char byte;
        result = 0;
        start(&r, ss_bases(classes[i]), "127.0.0.1:0", &handler);
        for (int j = 0; j < 3; j++)
            fd[j] = client_of(&r.server);
        for (int ms = 0; result < 3 && ms < PATIENCE; ms++)
            poll(NULL, 0, 1);
        assert_int_equal(write(pipes[0][1], "x", 1), 1);
        for (int j = 0; j < 3; j++) {
            expect(fd[j], "1\n");
            close(fd[j]);
        }
        stop(&r);
        assert_int_equal(read(pipes[0][0], &byte, 1), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_rest),     TEST(test_many_pipes), TEST(test_ready_before),      TEST(test_regular_file),
        TEST(test_time_out), TEST(test_hang_up),    TEST(test_shared_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
