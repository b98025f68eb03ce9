/* SPDX-License-Identifier: MIT */
/* SS_PARK: a connection between two requests, under every mix-in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

static const char *const classes[] = {
    "TCPServer",
    "ThreadingTCPServer",
    "ThreadPoolTCPServer",
    "ForkingTCPServer",
    "PreforkingTCPServer",
    "EventLoopTCPServer",
    "PreforkingEventLoopTCPServer",
    "UnixStreamServer",
    "EventLoopUnixStreamServer",
    "ThreadPoolUnixStreamServer",
};

/* Seen by all processes. */
static struct counts {
    atomic_int handled, setups, finishes, freed;
} * counts;

static int set_up(void **state)
{
    (void)state;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 4096) {
        limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return counts == MAP_FAILED ? -1 : 0;
}

static void count_free(void *data)
{
    counts->freed++;
    free(data);
}

static int setup(struct ss_handler *h)
{
    counts->setups++;
    return StreamRequestHandler.setup(h);
}

static void finish(struct ss_handler *h)
{
    counts->finishes++;
    StreamRequestHandler.finish(h);
}

static const struct ss_handler_class Parking;

/* One line for each instance. The number of lines so far outlives it. */
static int handle_line(struct ss_handler *h)
{
    char line[100];
    int *count = h->request->data;
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    if (n <= 0)
        return (int)n;
    counts->handled++;
    if (!count) {
        if (!(count = calloc(1, sizeof *count)))
            return -ENOMEM;
        h->request->data = count;
        h->request->free_data = count_free;
    }
    if (h->server->context)
        h->timeout = *(int *)h->server->context;
    ss_printf(h->wfile, "%d %s", ++*count, line);
    return line[0] == 'q' ? 0 : SS_PARK;
}
static const struct ss_handler_class Parking = {.setup = setup, .handle = handle_line, .finish = finish};

static void begin(struct running *r, const char *class)
{
    memset(counts, 0, sizeof *counts);
    prepare(r, ss_bases(class), strstr(class, "Unix") ? "unix:@ss-unit-park-*" : "127.0.0.1:0", &Parking);
    r->server.workers = strncmp(class, "Prefork", 7) == 0 ? 1 : 0;
}

static void check_counts(const char *class)
{
    if (counts->freed != 1 || counts->setups != counts->finishes)
        fail_msg("%s: freed %d times, %d setup, %d finish", class, counts->freed, counts->setups,
                 counts->finishes);
}

static void test_many_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        char line[20], reply[30];
        begin(&r, classes[i]);
        launch(&r);
        int fd = client_of(&r.server);
        for (int n = 1; n <= 50; n++) {
            snprintf(line, sizeof line, "line %d\n", n);
            snprintf(reply, sizeof reply, "%d line %d\n", n, n);
            say(fd, line);
            expect(fd, reply);
        }
        say(fd, "q\n");
        expect(fd, "51 q\n");
        expect_end(fd);
        close(fd);
        stop(&r);
        assert_int_equal(counts->handled, 51);
        check_counts(classes[i]);
    }
}

/* What has come with the line before is handled at once; the last line in two pieces. */
static void test_pipelined(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        begin(&r, classes[i]);
        launch(&r);
        int fd = client_of(&r.server);
        say(fd, "a\nb\nc\nd");
        expect(fd, "1 a\n2 b\n3 c\n");
        say(fd, "e\n\n");
        expect(fd, "4 de\n5 \n");
        close(fd);
        stop(&r);
        check_counts(classes[i]);
    }
}

/* h->timeout at the moment of parking limits the wait. */
static void test_expires(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        int timeout = 60;
        begin(&r, classes[i]);
        r.server.context = &timeout;
        launch(&r);
        int fd = client_of(&r.server);
        for (int n = 0; n < 3; n++) {
            say(fd, "x\n");
            expect(fd, (const char *[]){"1 x\n", "2 x\n", "3 x\n"}[n]);
        }
        uint64_t start_time = ss_now();
        expect_end(fd);
        assert_true(ss_now() - start_time >= 20 && ss_now() - start_time < PATIENCE / 2);
        close(fd);
        stop(&r);
        check_counts(classes[i]);
    }
}

static void test_shutdown_closes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        begin(&r, classes[i]);
        launch(&r);
        int fd = client_of(&r.server);
        say(fd, "x\n");
        expect(fd, "1 x\n");
        uint64_t start_time = ss_now();
        stop(&r);
        assert_true(ss_now() - start_time < 2000);
        expect_end(fd);
        close(fd);
        check_counts(classes[i]);
    }
}

/* A client that goes while it is parked. */
static void test_client_goes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        begin(&r, classes[i]);
        launch(&r);
        int fd = client_of(&r.server);
        say(fd, "x\n");
        expect(fd, "1 x\n");
        shutdown(fd, SHUT_WR); /* a forked child has a copy of it, so close would not do */
        expect_end(fd);
        close(fd);
        stop(&r);
        check_counts(classes[i]);
    }
}

enum { MANY = 1000 };

static void check_many(const char *class)
{
    static int fds[MANY];
    struct running r;
    begin(&r, class);
    launch(&r);
    for (int i = 0; i < MANY; i++) {
        fds[i] = client_of(&r.server);
        say(fds[i], "x\n");
    }
    for (int i = 0; i < MANY; i++)
        expect(fds[i], "1 x\n");
    for (int i = MANY - 1; i >= 0; i--)
        say(fds[i], "y\n");
    for (int i = 0; i < MANY; i++)
        expect(fds[i], "2 y\n");
    assert_true(count_entries("/proc/self/task") < 100);
    stop(&r);
    for (int i = 0; i < MANY; i++) {
        expect_end(fds[i]);
        close(fds[i]);
    }
    assert_int_equal(counts->handled, 2 * MANY);
    assert_int_equal(counts->freed, MANY);
}

static void test_a_thousand(void **state)
{
    (void)state;
    check_many("EventLoopTCPServer");
    check_many("ThreadPoolTCPServer");
    check_many("ThreadPoolUnixStreamServer");
}

/* A datagram has nothing behind it: to park is to be done. */
static int park_datagram(struct ss_handler *h)
{
    char line[20];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    counts->handled++;
    return n < 0 ? (int)n : ss_write(h->wfile, line, (size_t)n) < 0 ? -EIO : SS_PARK;
}

static void test_datagram(void **state)
{
    static const struct ss_handler_class handler = {.handle = park_datagram};
    static const char *const names[] = {"UDPServer", "ThreadingUDPServer", "ThreadPoolUDPServer",
                                        "EventLoopUDPServer", "ForkingUDPServer"};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct running r;
        memset(counts, 0, sizeof *counts);
        start(&r, ss_bases(names[i]), "127.0.0.1:0", &handler);
        int fd = client_of(&r.server);
        for (int n = 0; n < 3; n++) {
            say(fd, "one\ntwo\n");
            expect(fd, "one\n");
        }
        expect_nothing(fd);
        close(fd);
        stop(&r);
        assert_int_equal(counts->handled, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_messages), cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_expires),       cmocka_unit_test(test_shutdown_closes),
        cmocka_unit_test(test_client_goes),   cmocka_unit_test(test_a_thousand),
        cmocka_unit_test(test_datagram),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
