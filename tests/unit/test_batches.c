/* SPDX-License-Identifier: MIT */
/* Datagrams that are received several at a time: each is answered, and none waits for a later one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <stdatomic.h>
#include <sys/mman.h>

static const char *const mixins[] = {"",           "Threading", "ThreadPool",         "Forking",
                                     "Preforking", "EventLoop", "PreforkingEventLoop"};

enum { CLIENTS = 5, EACH = 8, ALL = CLIENTS * EACH };

/* What the test and all processes of a server know. */
static struct shared {
    atomic_bool released;
    atomic_int waiting;
} * shared;

static int echo(struct ss_handler *h)
{
    char data[300];
    ssize_t n = ss_read(h->rfile, data, sizeof data);
    if (n > 0 && data[0] == '!')
        ss_shutdown(h->server);
    if (n > 0 && data[0] == '?') {
        shared->waiting++;
        for (int rc = 0; rc == 0 && !shared->released;)
            rc = ss_sleep(h->server, 5);
    }
    return n < 0 ? (int)n : ss_write(h->wfile, data, (size_t)n);
}
static const struct ss_handler_class Echo = {.handle = echo};

static void prepare_mixin(struct running *r, const char *mixin, const char *address)
{
    char name[60];
    snprintf(name, sizeof name, "%sUDPServer", mixin);
    prepare(r, ss_bases(name), address, &Echo);
    r->server.workers = strstr(mixin, "Preforking") || strstr(mixin, "Pool") ? 2 : 1;
    shared->released = false;
    shared->waiting = 0;
}

/* Bound, but nothing is received yet. */
static void hold(struct running *r)
{
    assert_int_equal(ss_server_bind(&r->server), 0);
}

static void release(struct running *r)
{
    assert_int_equal(pthread_create(&r->thread, NULL, run_server_thread, r), 0);
}

static int client_at(const struct ss_server *server, const char *host)
{
    struct ss_stream *s;
    char address[60];
    snprintf(address, sizeof address, "%s:%u", host, ss_address_port(&server->server_address));
    assert_int_equal(ss_connect(NULL, address, SOCK_DGRAM, PATIENCE, &s), 0);
    int fd = dup(s->fd);
    assert_int_equal(ss_close(s), 0);
    assert_true(fd >= 0);
    return fd;
}

static void wait_for(int fd)
{
    assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, PATIENCE), 1);
}

static void say_number(int fd, int number)
{
    char text[20];
    snprintf(text, sizeof text, "%d", number);
    say(fd, text);
}

/* The answers to what say_number has said, each once, in whatever order. */
static void expect_numbers(int fd, int first, int count)
{
    bool seen[ALL] = {false};
    for (int i = 0; i < count; i++) {
        char text[20] = "";
        wait_for(fd);
        assert_true(recv(fd, text, sizeof text - 1, 0) > 0);
        int number = (int)strtol(text, NULL, 10) - first;
        bool is_new = number >= 0 && number < count && !seen[number];
        assert_true(is_new);
        if (is_new)
            seen[number] = true;
    }
}

/* Each client gets its own answers, from the address that it has asked: else its socket would refuse them. */
static void answer_queue(const char *mixin, const char *address, const char *const hosts[])
{
    struct running r;
    int fds[CLIENTS];
    prepare_mixin(&r, mixin, address);
    hold(&r);
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = client_at(&r.server, hosts[i % 2]);
    for (int n = 0; n < EACH; n++)
        for (int i = 0; i < CLIENTS; i++)
            say_number(fds[i], i * EACH + n);
    release(&r);
    for (int i = 0; i < CLIENTS; i++) {
        expect_numbers(fds[i], i * EACH, EACH);
        close(fds[i]);
    }
    stop(&r);
}

static void test_queue(void **state)
{
    static const char *const one[] = {"127.0.0.1", "127.0.0.1"}, *const two[] = {"127.0.0.2", "127.0.0.3"};
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        answer_queue(mixins[i], "127.0.0.1:0", one);
        answer_queue(mixins[i], "0.0.0.0:0", two);
        answer_queue(mixins[i], ":0", two);
    }
}

static int tell(struct ss_handler *h)
{
    const struct ss_datagram *d = h->request->datagram;
    return ss_printf(h->wfile, "%zu %d %.*s", d->size, d->truncated, d->size > 0, d->data);
}

/* Sizes are each datagram's own. */
static void test_sizes(void **state)
{
    static const struct ss_handler_class Telling = {.handle = tell};
    static const char *const expected[] = {"1 0 a", "10 0 b", "10 1 c", "0 0 ", "2 0 d"};
    struct running r;
    (void)state;
    prepare(&r, SS_BASES(&UDPServer), "127.0.0.1:0", &Telling);
    r.server.max_packet_size = 10;
    hold(&r);
    int fd = client_of(&r.server);
    say(fd, "a");
    say(fd, "bbbbbbbbbb");
    say(fd, "ccccccccccc");
    assert_int_equal(send(fd, "", 0, 0), 0);
    say(fd, "dd");
    release(&r);
    for (size_t i = 0; i < COUNT(expected); i++) {
        char text[20] = "";
        assert_true(recv(fd, text, sizeof text - 1, 0) > 0);
        assert_string_equal(text, expected[i]);
    }
    close(fd);
    stop(&r);
}

/* A handler that waits does not keep those waiting that came together with its own datagram; nor does it keep
   them from another process that is idle. */
static void test_slow_one(void **state)
{
    (void)state;
    for (size_t i = 1; i < COUNT(mixins); i++) {
        struct running r;
        prepare_mixin(&r, mixins[i], "127.0.0.1:0");
        hold(&r);
        int slow = client_of(&r.server), fd = client_of(&r.server);
        say(slow, "?");
        for (int n = 0; n < EACH; n++)
            say_number(fd, n);
        release(&r);
        expect_numbers(fd, 0, EACH);
        shared->released = true;
        expect(slow, "?");
        close(slow);
        close(fd);
        stop(&r);
    }
}

/* When there is room for one at a time the others follow, without a further datagram that wakes the server.
 */
static void test_one_at_a_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct running r;
        prepare_mixin(&r, mixins[i], "127.0.0.1:0");
        r.server.max_requests = 1;
        hold(&r);
        int fd = client_of(&r.server);
        for (int n = 0; n < ALL; n++)
            say_number(fd, n);
        release(&r);
        expect_numbers(fd, 0, ALL);
        close(fd);
        stop(&r);
    }
}

/* ---- classes that take some datagrams only ---- */

static const struct ss_class Picky;

static int take_even(struct ss_server *self, struct ss_request *request)
{
    int rc = ss_super(self, &Picky)->get_request(self, request);
    if (rc < 0 || (request->datagram->data[request->datagram->size - 1] - '0') % 2 == 0)
        return rc;
    free(request->datagram);
    return -EAGAIN;
}
static const struct ss_class Picky = {.name = "Picky", .get_request = take_even};

static void test_get_request_that_takes_none(void **state)
{
    static const struct ss_class *const runners[] = {&ThreadingMixIn, &EventLoopMixIn};
    (void)state;
    for (size_t i = 0; i < COUNT(runners); i++) {
        struct running r;
        prepare(&r, SS_BASES(&Picky, runners[i], &UDPServer), "127.0.0.1:0", &Echo);
        hold(&r);
        int fd = client_of(&r.server);
        for (int n = 1; n < 40; n += 2)
            say_number(fd, n);
        say(fd, "2");
        release(&r);
        expect(fd, "2");
        close(fd);
        stop(&r);
    }
}

/* ---- the drain ---- */

/* What was received together with the datagram whose handler ends the server, and what has come in the
   meantime. */
static void test_drain(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct running r;
        prepare_mixin(&r, mixins[i], "127.0.0.1:0");
        hold(&r);
        int fd = client_of(&r.server);
        for (int n = 0; n < ALL; n++)
            say_number(fd, n);
        int last = client_of(&r.server);
        say(last, "!");
        int fd2 = client_of(&r.server);
        for (int n = 0; n < ALL; n++)
            say_number(fd2, n);
        release(&r);
        expect_numbers(fd, 0, ALL);
        expect_numbers(fd2, 0, ALL);
        expect(last, "!");
        close(fd);
        close(fd2);
        close(last);
        join(&r);
    }
}

/* A drain takes no more than the queue may hold; what was received already does not count. */
static void test_drain_of_few(void **state)
{
    struct running r;
    (void)state;
    prepare_mixin(&r, "", "127.0.0.1:0");
    r.server.request_queue_size = 1;
    hold(&r);
    int fd = client_of(&r.server);
    say(fd, "!0");
    for (int n = 1; n < 16; n++)
        say(fd, "x");
    release(&r);
    expect(fd, "!0");
    for (int n = 1; n < 16; n++)
        expect(fd, "x");
    close(fd);
    join(&r);
}

/* What arrives while the last one of a batch is handled, which ends the server. */
static void test_drain_of_late_ones(void **state)
{
    struct running r;
    (void)state;
    prepare_mixin(&r, "", "127.0.0.1:0");
    launch(&r);
    int slow = client_of(&r.server), fd = client_of(&r.server);
    say(slow, "?");
    while (!shared->waiting)
        usleep(1000);
    say(fd, "late");
    ss_shutdown(&r.server);
    shared->released = true;
    expect(slow, "?");
    expect(fd, "late");
    close(slow);
    close(fd);
    join(&r);
}

/* ---- sockets that others read, too ---- */

/* A datagram that a busy server has not begun is for another program that was passed the same socket. */
static void test_inherited(void **state)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int theirs = socket(AF_INET, SOCK_DGRAM, 0);
    struct running r;
    char address[20], data[20] = "";
    (void)state;
    assert_int_equal(bind(theirs, (struct sockaddr *)&any, sizeof any), 0);
    snprintf(address, sizeof address, "fd:%d", dup(theirs));
    prepare_mixin(&r, "", "127.0.0.1:0");
    ss_server_close(&r.server);
    prepare(&r, SS_BASES(&UDPServer), address, &Echo);
    hold(&r);
    int fd = client_of(&r.server);
    say(fd, "?");
    say(fd, "second");
    release(&r);
    while (!shared->waiting)
        usleep(1000);
    wait_for(theirs);
    assert_int_equal(recv(theirs, data, sizeof data, MSG_DONTWAIT), 6);
    assert_string_equal(data, "second");
    shared->released = true;
    expect(fd, "?");
    close(fd);
    close(theirs);
    stop(&r);
}

/* A handler without a stream has the socket, and may receive by itself. */
static int join_two(struct ss_handler *h)
{
    const struct ss_datagram *d = h->request->datagram;
    struct pollfd fd = {.fd = h->request->fd, .events = POLLIN};
    char data[20];
    int rc = ss_poll(h->server, &fd, 1, PATIENCE);
    ssize_t n = rc == 1 ? recv(fd.fd, data, sizeof data, MSG_DONTWAIT) : -1;
    return n < 0 ? -EIO : ss_send_to(h->server, NULL, &d->client_address, data, (size_t)n);
}

static void test_handler_that_receives(void **state)
{
    static const struct ss_handler_class Two = {.base = &BaseRequestHandler, .handle = join_two};
    struct running r;
    (void)state;
    prepare(&r, SS_BASES(&UDPServer), "127.0.0.1:0", &Two);
    hold(&r);
    int fd = client_of(&r.server);
    say(fd, "first");
    say(fd, "second");
    release(&r);
    expect(fd, "second");
    close(fd);
    stop(&r);
}

int main(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_slow_one),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_get_request_that_takes_none),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_of_few),
        cmocka_unit_test(test_drain_of_late_ones),
        cmocka_unit_test(test_inherited),
        cmocka_unit_test(test_handler_that_receives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
