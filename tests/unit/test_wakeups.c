/* SPDX-License-Identifier: MIT */
/* A wake-up is not lost when the system refuses it: it is only late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Seen by all processes. What is put there, the calls below fail with. */
static struct faults {
    atomic_int write, shutdown;
    atomic_int count; /* of those that failed */
    atomic_int child;
} * faults;

/* The library's, too: wake-ups are of one byte, or of the eight of an eventfd. */
ssize_t write(int fd, const void *data, size_t size)
{
    int error = faults && (size == 1 || size == 8) ? atomic_load(&faults->write) : 0;
    if (!error)
        return syscall(SYS_write, fd, data, size);
    atomic_fetch_add(&faults->count, 1);
    errno = error;
    return -1;
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length)
{
    int error = faults && size == 1 ? atomic_load(&faults->write) : 0;
    if (!error)
        return syscall(SYS_sendto, fd, data, size, flags, to, length);
    atomic_fetch_add(&faults->count, 1);
    errno = error;
    return -1;
}

int shutdown(int fd, int how)
{
    int error = faults ? atomic_load(&faults->shutdown) : 0;
    if (!error)
        return (int)syscall(SYS_shutdown, fd, how);
    atomic_fetch_add(&faults->count, 1);
    errno = error;
    return -1;
}

enum { FORKS = 3 }; /* the first of these */
static const char *const classes[] = {
    "ForkingTCPServer",   "PreforkingTCPServer", "PreforkingEventLoopTCPServer", "TCPServer",
    "ThreadingTCPServer", "ThreadPoolTCPServer", "EventLoopTCPServer",
};

static int set_up(void **state)
{
    (void)state;
    faults = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return faults == MAP_FAILED ? -1 : 0;
}

static void begin(struct running *r, const char *class, const struct ss_handler_class *handler)
{
    prepare(r, ss_bases(class), "127.0.0.1:0", handler);
    r->server.request_timeout = -1;
    r->server.shutdown_timeout = 2 * PATIENCE;
    r->server.workers = strstr(class, "Pool")      ? 3
                        : strstr(class, "Prefork") ? 1
                        : strstr(class, "Loop")    ? 2
                                                   : 0;
    if (!strncmp(class, "PreforkingEvent", 15))
        r->server.workers = 1;
}

static void end(struct running *r)
{
    faults->write = faults->shutdown = 0;
    stop(r);
}

/* ---- the end of a server ---- */

static int echo(struct ss_handler *h)
{
    char line[20];
    ssize_t n;
    while ((n = ss_readline(h->rfile, line, sizeof line)) > 0)
        ss_printf(h->wfile, "%s", line);
    return (int)n;
}

static int echo_and_park(struct ss_handler *h)
{
    char line[20];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    ss_printf(h->wfile, "%s", line);
    return n > 0 ? SS_PARK : (int)n;
}

/* Says hello, and is busy until it is cancelled. */
static int sleep_long(struct ss_handler *h)
{
    ss_printf(h->wfile, "x\n");
    ss_flush(h->wfile);
    return ss_sleep(h->server, 100 * PATIENCE);
}

/* Servers of all classes at once: what is late is so in all of them. */
static void check_stop(int (*handle)(struct ss_handler *), void (*tell)(struct ss_server *),
                       atomic_int *fault, int error)
{
    struct ss_handler_class handler = {.handle = handle};
    struct running r[COUNT(classes)];
    int fds[COUNT(classes)];
    uint64_t start_time;
    memset(faults, 0, sizeof *faults);
    for (size_t i = 0; i < COUNT(classes); i++) {
        begin(&r[i], classes[i], &handler);
        launch(&r[i]);
        fds[i] = client_of(&r[i].server);
        say(fds[i], "x\n");
        expect(fds[i], "x\n");
    }
    *fault = error;
    start_time = ss_now();
    for (size_t i = 0; i < COUNT(classes); i++)
        tell(&r[i].server);
    for (size_t i = 0; i < COUNT(classes); i++) {
        expect_end(fds[i]);
        close(fds[i]);
        pthread_join(r[i].thread, NULL);
    }
    assert_true(ss_now() - start_time < PATIENCE);
    assert_true(faults->count > 0);
    *fault = 0;
    for (size_t i = 0; i < COUNT(classes); i++)
        ss_server_close(&r[i].server);
}

static void test_shutdown(void **state)
{
    (void)state;
    check_stop(echo, ss_shutdown, &faults->write, EAGAIN);
    check_stop(echo_and_park, ss_shutdown, &faults->write, EINTR);
    check_stop(echo, ss_shutdown, &faults->shutdown, ENOBUFS);
}

static void test_cancel(void **state)
{
    (void)state;
    check_stop(sleep_long, ss_cancel, &faults->write, ENOSPC);
    check_stop(sleep_long, ss_cancel, &faults->shutdown, ENOBUFS);
}

/* ---- requests that end ---- */

static int close_soon(struct ss_handler *h)
{
    char line[20];
    return ss_readline(h->rfile, line, sizeof line) > 0 ? ss_printf(h->wfile, "%s", line) : -EPROTO;
}

/* There is room for one: the next is served when it has ended. (Processes that end are noticed otherwise.) */
static void test_room(void **state)
{
    static const struct ss_handler_class handler = {.handle = close_soon};
    enum { CLIENTS = 2 };
    struct running r[COUNT(classes)];
    int fds[COUNT(classes)][CLIENTS];
    (void)state;
    memset(faults, 0, sizeof *faults);
    for (size_t i = FORKS; i < COUNT(classes); i++) {
        begin(&r[i], classes[i], &handler);
        r[i].server.max_requests = 1;
        launch(&r[i]);
        for (int c = 0; c < CLIENTS; c++)
            fds[i][c] = client_of(&r[i].server);
    }
    faults->write = EAGAIN;
    for (size_t i = FORKS; i < COUNT(classes); i++)
        for (int c = 0; c < CLIENTS; c++)
            say(fds[i][c], "x\n");
    for (size_t i = FORKS; i < COUNT(classes); i++)
        for (int c = 0; c < CLIENTS; c++) {
            expect(fds[i][c], "x\n");
            expect_end(fds[i][c]);
            close(fds[i][c]);
        }
    faults->write = 0;
    for (size_t i = FORKS; i < COUNT(classes); i++)
        stop(&r[i]);
}

/* ---- offloaded calls ---- */

static int add(void *argument)
{
    return *(int *)argument + 1;
}

static int offload(struct ss_handler *h)
{
    char line[20];
    int number = 41;
    if (ss_readline(h->rfile, line, sizeof line) <= 0)
        return -EPROTO;
    return ss_printf(h->wfile, "%d\n", ss_offload(h->server, add, &number));
}

static void test_offload(void **state)
{
    static const struct ss_handler_class handler = {.handle = offload};
    struct running r;
    (void)state;
    begin(&r, "EventLoopTCPServer", &handler);
    memset(faults, 0, sizeof *faults);
    launch(&r);
    faults->write = ENOBUFS;
    int fd = client_of(&r.server);
    say(fd, "x\n");
    expect(fd, "42\n");
    close(fd);
    end(&r);
    assert_true(faults->count > 0);
}

/* ---- the thread pool ---- */

/* "NUMBER": parked for so many milliseconds. */
static int park_for(struct ss_handler *h)
{
    char line[20];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    h->timeout = (int)strtol(line, NULL, 10);
    ss_printf(h->wfile, "%s", line);
    return n > 0 ? SS_PARK : (int)n;
}

/* The thread that serves sleeps for the long one's time, and must hear of the short one's. */
static void test_pool_keeps_time(void **state)
{
    static const struct ss_handler_class handler = {.handle = park_for};
    struct running r;
    (void)state;
    begin(&r, "ThreadPoolTCPServer", &handler);
    launch(&r);
    int patient = client_of(&r.server), other = client_of(&r.server);
    say(patient, "1000000\n");
    expect(patient, "1000000\n");
    faults->write = EAGAIN;
    say(other, "50\n");
    expect(other, "50\n");
    expect_end(other);
    close(patient);
    close(other);
    end(&r);
}

/* Idle threads are told of what the one that serves has taken. */
static void test_pool_takes_work(void **state)
{
    static const struct ss_handler_class handler = {.handle = echo};
    struct running r;
    (void)state;
    begin(&r, "ThreadPoolTCPServer", &handler);
    memset(faults, 0, sizeof *faults);
    launch(&r);
    faults->write = EAGAIN;
    for (int i = 0; i < 5; i++) {
        int fd = client_of(&r.server);
        say(fd, "x\n");
        expect(fd, "x\n");
        close(fd);
    }
    end(&r);
    assert_true(faults->count > 0);
}

/* ---- preforked processes ---- */

static int tell_pid(struct ss_handler *h)
{
    char line[20];
    if (ss_readline(h->rfile, line, sizeof line) <= 0)
        return -EPROTO;
    faults->child = getpid();
    return ss_printf(h->wfile, "%s", line);
}

static void test_worker_is_replaced(void **state)
{
    static const struct ss_handler_class handler = {.handle = tell_pid};
    struct running r;
    (void)state;
    begin(&r, "PreforkingTCPServer", &handler);
    launch(&r);
    int first = 0;
    for (int i = 0; i < 2; i++) {
        int fd = client_of(&r.server);
        say(fd, "x\n");
        expect(fd, "x\n");
        close(fd);
        assert_int_not_equal(faults->child, first);
        first = faults->child;
        faults->write = EAGAIN;
        if (i == 0)
            kill(first, SIGKILL);
    }
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shutdown),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_offload),
        cmocka_unit_test(test_pool_keeps_time),
        cmocka_unit_test(test_pool_takes_work),
        cmocka_unit_test(test_worker_is_replaced),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
