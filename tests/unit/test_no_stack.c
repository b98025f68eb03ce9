/* SPDX-License-Identifier: MIT */
/* When there is no memory for another stack, requests wait for one that comes free. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static atomic_bool failing;
static atomic_int begun;

/* The library's, too: stacks are what takes more than a MiB here. */
void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (failing && size > 1 << 20 && fd < 0) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}

static int echo(struct ss_handler *h)
{
    char line[20];
    ssize_t n;
    begun++;
    while ((n = ss_readline(h->rfile, line, sizeof line)) > 0)
        ss_printf(h->wfile, "%s", line);
    return (int)n;
}
static const struct ss_handler_class Echo = {.handle = echo};

/* The first has a stack, the others wait for it. */
static void test_requests_wait(void **state)
{
    struct running r;
    int fds[4];
    (void)state;
    start(&r, ss_bases("EventLoopTCPServer"), "127.0.0.1:0", &Echo);
    for (int i = 0; i < 4; i++) {
        fds[i] = client_of(&r.server);
        say(fds[i], "x\n");
        if (i == 0)
            expect(fds[i], "x\n");
        failing = true;
    }
    expect_nothing(fds[3]);
    assert_int_equal(begun, 1);
    say(fds[0], "y\n"); /* who has one is served as ever */
    expect(fds[0], "y\n");
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            expect(fds[i], "x\n");
        shutdown(fds[i], SHUT_WR);
        expect_end(fds[i]);
        close(fds[i]);
    }
    failing = false;
    stop(&r);
    assert_int_equal(begun, 4);
}

/* There is memory again, though nobody has ended. */
static void test_memory_again(void **state)
{
    struct running r;
    int fds[3];
    (void)state;
    start(&r, ss_bases("EventLoopTCPServer"), "127.0.0.1:0", &Echo);
    for (int i = 0; i < 3; i++) {
        fds[i] = client_of(&r.server);
        say(fds[i], "x\n");
        if (i == 0)
            expect(fds[i], "x\n");
        failing = true;
    }
    expect_nothing(fds[2]);
    failing = false;
    for (int i = 1; i < 3; i++)
        expect(fds[i], "x\n");
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    stop(&r);
}

/* The drain finds them, too. */
static void test_drain(void **state)
{
    struct running r;
    int fds[2];
    (void)state;
    start(&r, ss_bases("EventLoopTCPServer"), "127.0.0.1:0", &Echo);
    for (int i = 0; i < 2; i++) {
        fds[i] = client_of(&r.server);
        say(fds[i], "x\n");
        if (i == 0)
            expect(fds[i], "x\n");
        failing = true;
    }
    expect_nothing(fds[1]);
    stop(&r);
    failing = false;
    for (int i = 0; i < 2; i++) {
        if (i > 0)
            expect(fds[i], "x\n");
        expect_end(fds[i]);
        close(fds[i]);
    }
}

/* None at all: that is told, the connection is closed, and the server goes on. */
static void test_none_at_all(void **state)
{
    struct running r;
    (void)state;
    start(&r, ss_bases("EventLoopTCPServer"), "127.0.0.1:0", &Echo);
    failing = true;
    int fd = client_of(&r.server);
    expect_end(fd);
    close(fd);
    failing = false;
    fd = client_of(&r.server);
    say(fd, "x\n");
    expect(fd, "x\n");
    close(fd);
    stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_wait),
        cmocka_unit_test(test_memory_again),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_none_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
