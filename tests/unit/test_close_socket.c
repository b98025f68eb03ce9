/* SPDX-License-Identifier: MIT */
/* Who closes a server's socket: the slot close_socket, under every mix-in and when binding fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <sys/resource.h>

static const char *const mixins[] = {"",           "Threading", "ThreadPool",         "Forking",
                                     "Preforking", "EventLoop", "PreforkingEventLoop"};
static const struct ss_handler_class EchoHandler = {.handle = echo_lines};

static int closed; /* times that a socket was closed in this process */

static const struct ss_class Watching;

static void close_and_count(struct ss_server *self)
{
    int fd = self->socket;
    ss_super(self, &Watching)->close_socket(self);
    closed += fd >= 0;
    assert_int_equal(self->socket, -1);
}

static const struct ss_class Watching = {.name = "Watching", .close_socket = close_and_count};

static void bases_of(const char *mixin, const char *server, const struct ss_class *bases[SS_MAX_BASES + 1])
{
    char name[100];
    snprintf(name, sizeof name, "%s%s", mixin, server);
    const struct ss_class *const *own = ss_bases(name);
    assert_non_null(own);
    bases[0] = &Watching;
    for (int i = 0; i == 0 || bases[i]; i++)
        bases[i + 1] = own[i];
}

static void check_closed_once(const char *mixin, const char *server, const char *address)
{
    const struct ss_class *bases[SS_MAX_BASES + 1];
    struct running r;
    bases_of(mixin, server, bases);
    int before = count_descriptors();
    closed = 0;
    start(&r, bases, address, &EchoHandler);
    int fd = client_of(&r.server);
    say(fd, "hello\n");
    expect(fd, "hello\n");
    close(fd);
    stop(&r);
    if (closed != 1)
        fail_msg("%s%s: closed %d times", mixin, server, closed);
    assert_int_equal(count_descriptors(), before);
}

static void test_closed_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        check_closed_once(mixins[i], "TCPServer", "127.0.0.1:0");
        check_closed_once(mixins[i], "UDPServer", "127.0.0.1:0");
        check_closed_once(mixins[i], "UnixStreamServer", "unix:/tmp/close_socket.*");
    }
}

static int refuse(struct ss_server *self)
{
    (void)self;
    return -EPERM;
}

static const struct ss_class NotActive;

static int bind_and_fail(struct ss_server *self)
{
    int rc = ss_super(self, &NotActive)->server_bind(self);
    return rc < 0 ? rc : -EPERM;
}

static const struct ss_class NotActive = {.name = "NotActive", .server_bind = bind_and_fail},
                             Inactive = {.name = "Inactive", .server_activate = refuse};

/* What a class behind the one that failed has done is undone: the name can be taken at once. */
static void check_failure(const struct ss_class *failing, const struct ss_class *server, const char *address)
{
    char name[108];
    struct ss_server first;
    struct running second;
    int before = count_descriptors();
    closed = 0;
    unique(address, name, sizeof name);
    assert_int_equal(ss_server_init(&first, SS_BASES(failing, &Watching, server), name, &EchoHandler), 0);
    assert_int_equal(ss_server_bind(&first), -EPERM);
    assert_int_equal(first.socket, -1);
    assert_int_equal(closed, 1);
    uint64_t start_time = ss_now();
    start(&second, SS_BASES(server), name, &EchoHandler);
    assert_true(ss_now() - start_time < 1000); /* no lock that it would have to wait for */
    stop(&second);
    ss_server_close(&first);
    assert_int_equal(closed, 1);
    assert_int_equal(count_descriptors(), before);
}

static void test_binding_fails(void **state)
{
    static const struct ss_class *const failing[] = {&NotActive, &Inactive};
    (void)state;
    for (size_t i = 0; i < COUNT(failing); i++) {
        check_failure(failing[i], &TCPServer, "127.0.0.1:0");
        check_failure(failing[i], &UnixStreamServer, "unix:/tmp/close_socket.*");
        check_failure(failing[i], &UnixDatagramServer, "unix:/tmp/close_socket.*");
        check_failure(failing[i], &UnixStreamServer, "unix:@close_socket.*");
    }
}

/* No descriptor is left: accept(2) says so also where nobody waits to be accepted, and then the drain is
 * over. */
static void test_drain_without_descriptors(void **state)
{
    static const char *const servers[] = {"TCPServer", "ThreadPoolTCPServer", "EventLoopTCPServer",
                                          "UnixStreamServer"};
    (void)state;
    for (size_t i = 0; i < COUNT(servers); i++) {
        struct running r;
        struct rlimit before, few;
        prepare(&r, ss_bases(servers[i]), strstr(servers[i], "Unix") ? "unix:@ss-unit-*" : "127.0.0.1:0",
                &EchoHandler);
        r.server.shutdown_timeout = -1;
        launch(&r);
        int fd = client_of(&r.server);
        say(fd, "it serves\n");
        expect(fd, "it serves\n");
        int count = count_descriptors();
        shutdown(fd, SHUT_WR);
        expect_end(fd);
        for (int ms = 0; ms < PATIENCE && count_descriptors() == count; ms++)
            poll(NULL, 0, 1); /* the server has not closed its end yet */
        int next = dup(fd);
        close(next);
        getrlimit(RLIMIT_NOFILE, &before);
        few = (struct rlimit){(rlim_t)next, before.rlim_max};
        setrlimit(RLIMIT_NOFILE, &few);
        ss_shutdown(&r.server);
        join(&r);
        setrlimit(RLIMIT_NOFILE, &before);
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed_once),
        cmocka_unit_test(test_binding_fails),
        cmocka_unit_test(test_drain_without_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
