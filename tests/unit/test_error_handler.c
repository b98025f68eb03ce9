/* SPDX-License-Identifier: MIT */
/* CPython's ErrorHandlerTest, and what else handle_request does: time-outs, limits, service_actions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* ---- ErrorHandlerTest ---- */

static int bad_handler_log; /* a file that all processes write to */
static int bad_handler_error;

static void log_line(const char *text)
{
    assert_int_equal(write(bad_handler_log, text, strlen(text)), strlen(text));
}

static int bad_handle(struct ss_handler *h)
{
    (void)h;
    log_line("Handler called\n");
    if (bad_handler_error == 0)
        _exit(72); /* Python's SystemExit */
    return bad_handler_error;
}
static const struct ss_handler_class BadHandler = {.handle = bad_handle};

static void log_error(struct ss_server *self, struct ss_request *request, int error)
{
    (void)self, (void)request;
    log_line(error == bad_handler_error ? "Error handled\n" : "another error\n");
}
static const struct ss_class LoggingServer = {
    .name = "LoggingServer", .base = &TCPServer, .handle_error = log_error};

static void serve_bad_handler(const struct ss_class *mixin)
{
    struct ss_server server;
    const struct ss_class *bases[] = {mixin ? mixin : &LoggingServer, mixin ? &LoggingServer : NULL, NULL};
    assert_int_equal(ss_server_init(&server, bases, "127.0.0.1:0", &BadHandler), 0);
    assert_int_equal(ss_server_bind(&server), 0);
    close(client_of(&server));
    assert_int_equal(ss_handle_request(&server), 0);
    ss_server_close(&server);
}

static void check_log(const char *expected)
{
    char log[100] = "";
    assert_true(pread(bad_handler_log, log, sizeof log - 1, 0) >= 0);
    close(bad_handler_log);
    assert_string_equal(log, expected);
}

static void check_handled(const struct ss_class *mixin)
{
    bad_handler_log = memfd_create("log", MFD_CLOEXEC);
    bad_handler_error = -EUCLEAN;
    serve_bad_handler(mixin);
    check_log("Handler called\nError handled\n");
}

/* The handler ends its process: handle_error has nothing to do with that. */
static void check_not_handled(const struct ss_class *mixin, int expected)
{
    int status;
    bad_handler_log = memfd_create("log", MFD_CLOEXEC);
    bad_handler_error = 0;
    pid_t pid = fork();
    if (pid == 0) {
        serve_bad_handler(mixin);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), expected);
    check_log("Handler called\n");
}

static void test_sync_handled(void **state)
{
    (void)state;
    check_handled(NULL);
}

static void test_sync_not_handled(void **state)
{
    (void)state;
    check_not_handled(NULL, 72);
}

static void test_threading_handled(void **state)
{
    (void)state;
    check_handled(&ThreadingMixIn);
}

static void test_forking_handled(void **state)
{
    (void)state;
    check_handled(&ForkingMixIn);
}

/* One child has ended, and nothing else. */
static void test_forking_not_handled(void **state)
{
    (void)state;
    check_not_handled(&ForkingMixIn, 0);
}

/* ---- what the default writes ---- */

static size_t written_for(int error)
{
    struct ss_server server;
    char text[300] = "";
    int saved = dup(STDERR_FILENO), log = memfd_create("stderr", MFD_CLOEXEC);
    bad_handler_log = memfd_create("log", MFD_CLOEXEC);
    bad_handler_error = error;
    assert_int_equal(ss_server_init(&server, SS_BASES(&TCPServer), "127.0.0.1:0", &BadHandler), 0);
    assert_int_equal(ss_server_bind(&server), 0);
    close(client_of(&server));
    dup2(log, STDERR_FILENO);
    int rc = ss_handle_request(&server);
    dup2(saved, STDERR_FILENO);
    assert_int_equal(rc, 0);
    ssize_t n = pread(log, text, sizeof text - 1, 0);
    if (n > 0) {
        assert_non_null(strstr(text, "127.0.0.1:"));
        assert_non_null(strstr(text, strerror(-error)));
        assert_ptr_equal(strchr(text, '\n'), text + n - 1);
    }
    close(saved);
    close(log);
    close(bad_handler_log);
    ss_server_close(&server);
    return (size_t)n;
}

static void test_default_handle_error(void **state)
{
    (void)state;
    assert_true(written_for(-EUCLEAN) > 0);
    assert_int_equal(written_for(-EPIPE), 0);
    assert_int_equal(written_for(-ECONNRESET), 0);
    assert_int_equal(written_for(-ECANCELED), 0);
}

/* A client's name is its own choice. */
static void test_names_are_escaped(void **state)
{
    static const char name[] = "\0\x1b[31m\xe2\x80\xae\nx";
    struct ss_server server;
    struct sockaddr_un own = {.sun_family = AF_UNIX};
    char text[300] = "";
    int log = memfd_create("stderr", MFD_CLOEXEC), saved = dup(STDERR_FILENO),
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)state;
    bad_handler_log = memfd_create("log", MFD_CLOEXEC);
    bad_handler_error = -EUCLEAN;
    memcpy(own.sun_path, name, sizeof name - 1);
    assert_int_equal(
        ss_server_init(&server, SS_BASES(&UnixStreamServer), "unix:@test_error_handler", &BadHandler), 0);
    assert_int_equal(ss_server_bind(&server), 0);
    assert_int_equal(
        bind(fd, (struct sockaddr *)&own, offsetof(struct sockaddr_un, sun_path) + sizeof name - 1), 0);
    assert_int_equal(connect(fd, &server.server_address.u.any, server.server_address.length), 0);
    dup2(log, STDERR_FILENO);
    int rc = ss_handle_request(&server);
    dup2(saved, STDERR_FILENO);
    assert_int_equal(rc, 0);
    assert_true(pread(log, text, sizeof text - 1, 0) > 0);
    assert_non_null(strstr(text, "unix:@\\x1b[31m\\xe2\\x80\\xae\\x0ax failed"));
    close(fd), close(saved), close(log), close(bad_handler_log);
    ss_server_close(&server);
}

/* ---- handle_request ---- */

static int timeouts, actions;

static void count_timeout(struct ss_server *self)
{
    (void)self;
    timeouts++;
}

static void count_action(struct ss_server *self)
{
    (void)self;
    actions++;
}
static const struct ss_class CountingMixIn = {
    .name = "CountingMixIn", .handle_timeout = count_timeout, .service_actions = count_action};

static const struct ss_handler_class EchoHandler = {.handle = echo_lines};

static void check_handle_request(const struct ss_class *base, const char *where)
{
    struct ss_server server;
    char address[60];
    unique(where, address, sizeof address);
    timeouts = actions = 0;
    assert_int_equal(ss_server_init(&server, SS_BASES(&CountingMixIn, base), address, &EchoHandler), 0);
    assert_int_equal(ss_server_bind(&server), 0);
    server.timeout = 30;
    uint64_t start_time = ss_now();
    assert_int_equal(ss_handle_request(&server), 0);
    assert_true(ss_now() - start_time >= 25);
    assert_int_equal(timeouts, 1);
    server.timeout = 0;
    assert_int_equal(ss_handle_request(&server), 0);
    assert_int_equal(timeouts, 2);
    int fd = client_of(&server);
    say(fd, "now\n");
    if (server.socket_type == SOCK_STREAM)
        shutdown(fd, SHUT_WR);
    server.timeout = -1;
    assert_int_equal(ss_handle_request(&server), 0);
    expect(fd, "now\n");
    assert_int_equal(timeouts, 2);
    assert_int_equal(actions, 3);
    close(fd);
    ss_server_close(&server);
}

static void test_handle_request(void **state)
{
    (void)state;
    check_handle_request(&TCPServer, "127.0.0.1:0");
    check_handle_request(&UDPServer, "127.0.0.1:0");
    check_handle_request(&UnixDatagramServer, "unix:@ss-unit-handle-request-*");
}

/* More clients than max_requests wait in the kernel's queue. */
static void check_max_requests(const struct ss_class *mixin)
{
    struct running r;
    int fd[3];
    prepare(&r, SS_BASES(mixin, &TCPServer), "127.0.0.1:0", &EchoHandler);
    r.server.max_requests = 2;
    launch(&r);
    for (int i = 0; i < 3; i++) {
        fd[i] = client_of(&r.server);
        say(fd[i], "hello\n");
        if (i < 2)
            expect(fd[i], "hello\n");
    }
    expect_nothing(fd[2]);
    shutdown(fd[0], SHUT_WR); /* a forked child has a copy of it */
    expect(fd[2], "hello\n");
    stop(&r);
    expect_end(fd[1]);
    for (int i = 0; i < 3; i++)
        close(fd[i]);
}

static void test_max_requests(void **state)
{
    (void)state;
    check_max_requests(&ThreadingMixIn);
    check_max_requests(&ForkingMixIn);
    check_max_requests(&ThreadPoolMixIn);
    check_max_requests(&EventLoopMixIn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sync_handled),        cmocka_unit_test(test_sync_not_handled),
        cmocka_unit_test(test_threading_handled),   cmocka_unit_test(test_forking_handled),
        cmocka_unit_test(test_forking_not_handled), cmocka_unit_test(test_default_handle_error),
        cmocka_unit_test(test_names_are_escaped),   cmocka_unit_test(test_handle_request),
        cmocka_unit_test(test_max_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
