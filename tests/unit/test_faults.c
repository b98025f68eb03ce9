/* SPDX-License-Identifier: MIT */
/* System calls that fail for a moment, as those of a machine that is short of memory do: whoever waits goes
   on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum { FAULTS = 4 };
enum call { POLL, CALLOC, WAITPID, ACCEPT, CALLS };

/* In all processes of a server. */
static struct {
    atomic_int left, error;
} * faults;

static bool fails(enum call call)
{
    if (!faults || atomic_load(&faults[call].left) <= 0 || atomic_fetch_sub(&faults[call].left, 1) <= 0)
        return false;
    errno = faults[call].error;
    return true;
}

/* What cannot pass is for those who wait for clients; a handler's wait would just be one request that
   fails. */
static bool concerns(int first, nfds_t count)
{
    int listens = 0;
    socklen_t size = sizeof listens;
    if (!faults || faults[POLL].error != EINVAL)
        return true;
    return count > 0 && getsockopt(first, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens;
}

/* The header says that poll only writes what it is given, and gcc believes it. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

/* These are found before the C library's. */
int poll(struct pollfd *fds, nfds_t count, int ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    return concerns(count ? fds->fd : -1, count) && fails(POLL)
               ? -1
               : (int)syscall(SYS_ppoll, fds, count, ms < 0 ? NULL : &t, NULL, 0);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
    return fails(WAITPID) ? -1 : (pid_t)syscall(SYS_wait4, pid, status, options, NULL);
}

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    return fails(ACCEPT) ? -1 : (int)syscall(SYS_accept4, fd, address, length, flags);
}

/* The process is killed by what it writes next. */
static volatile bool writes_no_more;

ssize_t write(int fd, const void *data, size_t size)
{
    while (writes_no_more)
        kill(getpid(), SIGKILL);
    return (ssize_t)syscall(SYS_write, fd, data, size);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__GLIBC__) && \
    !defined(__clang__)
/* Only what the test asks for fails: arrays of descriptors to wait for. */
static bool counts(size_t count, size_t size)
{
    return count > 8 && size == sizeof(struct pollfd);
}

void *__libc_calloc(size_t count, size_t size);
void *calloc(size_t count, size_t size)
{
    return counts(count, size) && fails(CALLOC) ? NULL : __libc_calloc(count, size);
}
#endif

static void fail_next(enum call call, int error)
{
    faults[call].error = error;
    atomic_store(&faults[call].left, FAULTS);
}

/* A line is echoed; "slow" takes a while. */
static int handle(struct ss_handler *h)
{
    char line[100];
    ssize_t n;
    int rc = 0;
    while (rc == 0 && (n = ss_readline(h->rfile, line, sizeof line)) > 0) {
        ss_write(h->wfile, line, (size_t)n);
        if (strcmp(line, "slow\n") != 0)
            continue;
        ss_flush(h->wfile);
        rc = ss_sleep(h->server, 50);
        ss_write(h->wfile, "done\n", 5);
    }
    return rc < 0 ? rc : (int)n;
}

/* A worker that is forked meanwhile has a copy of the client's end: what is closed there stays open. */
static void exchange(const struct running *r)
{
    int fd = client_of(&r->server);
    say(fd, "x\n");
    expect(fd, "x\n");
    shutdown(fd, SHUT_WR);
    close(fd);
}

static const char *const classes[] = {"TCPServer",
                                      "ThreadingTCPServer",
                                      "ThreadPoolTCPServer",
                                      "ForkingTCPServer",
                                      "PreforkingTCPServer",
#ifndef __SANITIZE_THREAD__ /* which ends a child that makes threads when its parent has some */
                                      "PreforkingThreadingTCPServer",
                                      "PreforkingThreadPoolTCPServer",
#endif
                                      "PreforkingForkingTCPServer",
                                      "EventLoopTCPServer",
                                      "PreforkingEventLoopTCPServer"};

/* While it serves, and while it drains. No child is forgotten. */
static void serve_through(const char *class, enum call call, int error)
{
    struct ss_handler_class handler = {.handle = handle};
    struct running r;
    prepare(&r, ss_bases(class), "127.0.0.1:0", &handler);
    r.server.workers = 2;
    launch(&r);
    exchange(&r);
    fail_next(call, error);
    for (int i = 0; i < 3; i++)
        exchange(&r);
    int fd = client_of(&r.server);
    say(fd, "slow\n");
    expect(fd, "slow\n");
    fail_next(call, error);
    ss_shutdown(&r.server);
    expect(fd, "done\n");
    expect_end(fd);
    join(&r);
    atomic_store(&faults[call].left, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void serve_all_through(enum call call, int error)
{
    for (size_t i = 0; i < COUNT(classes); i++)
        serve_through(classes[i], call, error);
}

static void test_no_memory_to_wait(void **state)
{
    (void)state;
    serve_all_through(POLL, ENOMEM);
}

static void test_a_wait_is_interrupted(void **state)
{
    (void)state;
    serve_all_through(POLL, EINTR);
}

static void test_a_look_at_a_child_is_interrupted(void **state)
{
    (void)state;
    serve_all_through(WAITPID, EINTR);
}

static void test_accepting_is_interrupted(void **state)
{
    (void)state;
    serve_all_through(ACCEPT, EINTR);
}

/* So many children that the array is not on the stack. */
static void test_no_memory_for_an_array(void **state)
{
    enum { CHILDREN = 12 };
    struct ss_handler_class handler = {.handle = handle};
    struct running r;
    int fds[CHILDREN];
    (void)state;
    start(&r, ss_bases("ForkingTCPServer"), "127.0.0.1:0", &handler);
    for (int i = 0; i < CHILDREN; i++) {
        fds[i] = client_of(&r.server);
        say(fds[i], "x\n");
        expect(fds[i], "x\n");
    }
    fail_next(CALLOC, ENOMEM);
    exchange(&r);
    exchange(&r);
    say(fds[0], "slow\n");
    expect(fds[0], "slow\n");
    fail_next(CALLOC, ENOMEM);
    ss_shutdown(&r.server);
    expect(fds[0], "done\n");
    join(&r);
    for (int i = 0; i < CHILDREN; i++)
        close(fds[i]);
}

static void test_handle_request_is_interrupted(void **state)
{
    static const struct ss_handler_class handler = {.handle = echo_lines};
    struct ss_server server;
    (void)state;
    assert_int_equal(ss_server_init(&server, SS_BASES(&TCPServer), "127.0.0.1:0", &handler), 0);
    assert_int_equal(ss_server_bind(&server), 0);
    int fd = client_of(&server);
    say(fd, "x\n");
    shutdown(fd, SHUT_WR);
    fail_next(ACCEPT, EINTR);
    assert_int_equal(ss_handle_request(&server), 0);
    expect(fd, "x\n");
    close(fd);
    ss_server_close(&server);
}

/* What is told of the children, in memory that the test shares with nobody. */
static atomic_int told, told_error;

static void note_end(struct ss_server *self, pid_t pid, int status, int error)
{
    (void)self, (void)pid;
    atomic_store(&told_error, WIFEXITED(status) && WEXITSTATUS(status) == 1 ? error : 1);
    atomic_fetch_add(&told, 1);
}

static const struct ss_class Telling = {.name = "Telling", .child_ended = note_end};

/* A worker whose wait has failed for good ends; the other one goes on, and a new one comes. */
static void test_a_worker_fails(void **state)
{
    struct ss_handler_class handler = {.handle = handle};
    const struct ss_class *const *const bases[] = {
#ifndef __SANITIZE_THREAD__ /* as above */
        SS_BASES(&Telling, &PreforkingMixIn, &ThreadingMixIn, &TCPServer),
        SS_BASES(&Telling, &PreforkingMixIn, &ThreadPoolMixIn, &TCPServer),
#endif
        SS_BASES(&Telling, &PreforkingMixIn, &TCPServer),
        SS_BASES(&Telling, &PreforkingMixIn, &ForkingMixIn, &TCPServer)};
    (void)state;
    for (size_t i = 0; i < COUNT(bases); i++) {
        struct running r;
        atomic_store(&told, 0);
        prepare(&r, bases[i], "127.0.0.1:0", &handler);
        r.server.workers = 2;
        launch(&r);
        exchange(&r);
        fail_next(POLL, EINVAL);
        atomic_store(&faults[POLL].left, 1);
        for (int ms = 0; atomic_load(&told) == 0 && ms < PATIENCE; ms += 10) {
            exchange(&r);
            usleep(10000);
        }
        assert_int_equal(told, 1);
        assert_int_equal(told_error, -EINVAL);
        exchange(&r);
        stop(&r);
    }
}

static int die_in_shutdown(struct ss_handler *h)
{
    writes_no_more = true;
    ss_shutdown(h->server);
    return 0;
}

/* Nobody waits for it to come out. */
static void test_killed_inside_of_ss_shutdown(void **state)
{
    static const struct ss_handler_class handler = {.handle = die_in_shutdown};
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        if (!strstr(classes[i], "orking"))
            continue;
        struct running r;
        start(&r, ss_bases(classes[i]), "127.0.0.1:0", &handler);
        int fd = client_of(&r.server);
        expect_end(fd);
        close(fd);
        ss_cancel(&r.server);
        join(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_memory_to_wait),
        cmocka_unit_test(test_a_wait_is_interrupted),
        cmocka_unit_test(test_a_look_at_a_child_is_interrupted),
        cmocka_unit_test(test_accepting_is_interrupted),
        cmocka_unit_test(test_no_memory_for_an_array),
        cmocka_unit_test(test_handle_request_is_interrupted),
        cmocka_unit_test(test_a_worker_fails),
        cmocka_unit_test(test_killed_inside_of_ss_shutdown),
    };
    faults = mmap(NULL, CALLS * sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return faults == MAP_FAILED ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
