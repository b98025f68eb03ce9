/* SPDX-License-Identifier: MIT */
/* The slots through which the framework waits and calls: a class of the program's own may override each,
   under every mix-in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>

static const struct ss_class *const mixins[] = {&ThreadingMixIn,  &ThreadPoolMixIn, &ForkingMixIn,
                                                &PreforkingMixIn, &EventLoopMixIn,  NULL};
static const struct ss_class Watching;

/* Seen by all processes. */
static struct counts {
    atomic_int adopted, forgotten, strangers, polls, offloaded;
} * counts;

static int set_up(void **state)
{
    (void)state;
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return counts == MAP_FAILED ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    return munmap(counts, sizeof *counts);
}

static void adopt(struct ss_server *self, int fd, const void *owner)
{
    counts->adopted += owner != NULL;
    ss_super(self, &Watching)->adopt(self, fd, owner);
}

static bool forget(struct ss_server *self, int fd, const void *owner)
{
    bool ours = ss_super(self, &Watching)->forget(self, fd, owner);
    counts->forgotten += owner && owner != self;
    counts->strangers += !ours;
    return ours;
}

static int offload(struct ss_server *self, int (*function)(void *), void *argument)
{
    counts->offloaded++;
    return ss_super(self, &Watching)->offload(self, function, argument);
}

static int watched_poll(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms)
{
    counts->polls++;
    return ss_super(self, &Watching)->poll(self, fds, count, ms);
}

static const struct ss_class Watching = {
    .name = "Watching", .adopt = adopt, .forget = forget, .offload = offload, .poll = watched_poll};

/* `handle` under each mix-in, and under none. Each time the client is told "yes". */
static void with_each(int (*handle)(struct ss_handler *), void (*look)(struct running *r))
{
    for (size_t i = 0; i < COUNT(mixins); i++) {
        const struct ss_handler_class handler = {.handle = handle};
        struct running r;
        *counts = (struct counts){0};
        prepare(&r, mixins[i] ? SS_BASES(&Watching, mixins[i], &TCPServer) : SS_BASES(&Watching, &TCPServer),
                "127.0.0.1:0", &handler);
        r.server.workers = 1;
        launch(&r);
        int fd = client_of(&r.server);
        expect(fd, "yes\n");
        expect_end(fd);
        close(fd);
        look(&r);
        stop(&r);
    }
}

static int say_whether(struct ss_handler *h, bool yes)
{
    return ss_write(h->wfile, yes ? "yes\n" : "no\n", yes ? 4 : 3);
}

/* ---- descriptors ---- */

static int connect_twice(struct ss_handler *h)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0), rc = listen(listener, 5);
    struct ss_address own = {.length = sizeof own.u};
    struct ss_stream *s;
    char address[SS_ADDRESS_TEXT];
    rc |= getsockname(listener, &own.u.any, &own.length);
    rc |= ss_address_format(&own, address, sizeof address) < 0;
    for (int i = 0; i < 2 && rc == 0; i++)
        if ((rc = ss_connect(h->server, address, SOCK_STREAM, PATIENCE, &s)) == 0)
            rc = ss_close(s);
    close(listener);
    return say_whether(h, rc == 0);
}

static void each_was_forgotten(struct running *r)
{
    (void)r;
    assert_int_equal(counts->adopted, 2);
    assert_int_equal(counts->forgotten, 2);
    assert_int_equal(counts->strangers, 0);
}

static void test_clients_are_adopted_and_forgotten(void **state)
{
    (void)state;
    with_each(connect_twice, each_was_forgotten);
}

/* The handler has closed what the client's stream keeps, and opened the number again. */
static int close_behind_its_back(struct ss_handler *h)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0), rc = listen(listener, 5), ends[2];
    struct ss_address own = {.length = sizeof own.u};
    struct ss_stream *s, *other;
    char address[SS_ADDRESS_TEXT];
    rc |= getsockname(listener, &own.u.any, &own.length);
    rc |= ss_address_format(&own, address, sizeof address) < 0;
    rc |= ss_connect(h->server, address, SOCK_STREAM, PATIENCE, &s);
    int number = s->fd;
    close(number);
    rc |= ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &other); /* outside of servers, it says */
    bool again = rc == 0 && other->fd == number;
    ss_close(s);
    again = again && fcntl(number, F_GETFD) >= 0;
    ss_close(other);
    rc = pipe(ends);
    again = again && rc == 0;
    close(listener);
    return say_whether(h, again);
}

static void nothing(struct running *r)
{
    (void)r;
}

static void test_a_number_that_is_another_clients_is_not_closed(void **state)
{
    (void)state;
    const struct ss_handler_class handler = {.handle = close_behind_its_back};
    struct running r;
    start(&r, SS_BASES(&Watching, &EventLoopMixIn, &TCPServer), "127.0.0.1:0", &handler);
    int fd = client_of(&r.server);
    expect(fd, "yes\n");
    close(fd);
    stop(&r);
}

/* ---- calls that block ---- */

static int add(void *argument)
{
    return *(int *)argument + 1;
}

static int offload_two(struct ss_handler *h)
{
    int one = 1, two = 2;
    return say_whether(h, ss_offload(h->server, add, &one) == 2 && ss_offload(h->server, add, &two) == 3);
}

static void both_were_offloaded(struct running *r)
{
    (void)r;
    assert_int_equal(counts->offloaded, 2);
}

static void test_offload_is_overridden(void **state)
{
    (void)state;
    with_each(offload_two, both_were_offloaded);
}

/* ---- waits ---- */

static int wait_a_little(struct ss_handler *h)
{
    int before = counts->polls, rc = ss_sleep(h->server, 1);
    return say_whether(h, rc == 0 && counts->polls > before);
}

static void test_poll_is_overridden(void **state)
{
    (void)state;
    with_each(wait_a_little, nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients_are_adopted_and_forgotten),
        cmocka_unit_test(test_a_number_that_is_another_clients_is_not_closed),
        cmocka_unit_test(test_offload_is_overridden),
        cmocka_unit_test(test_poll_is_overridden),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
