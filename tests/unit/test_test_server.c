/* SPDX-License-Identifier: MIT */
/* ss_test_start, with which programs test their handlers: under every class, several at once, and when it
   fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_server.h"
#include "server_thread.h"
#include <sys/resource.h>

enum { MS = 20000 };

static const char *const mixins[] = {"",           "Threading", "ThreadPool",         "Forking",
                                     "Preforking", "EventLoop", "PreforkingEventLoop"};
static const char *const servers[] = {"TCPServer", "UDPServer", "UnixStreamServer", "UnixDatagramServer"};

static int echo_one(struct ss_handler *h)
{
    char line[100];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    return n < 0 ? (int)n : ss_write(h->wfile, line, (size_t)n);
}
static const struct ss_handler_class Echo = {.handle = echo_one};

/* The test of a handler as the manual shows it. */
static void ask_once(const struct ss_test_server *test, int type)
{
    struct ss_stream *s;
    char line[100];
    assert_int_equal(ss_connect(NULL, test->address, type, MS, &s), 0);
    assert_int_equal(ss_printf(s, "hello\n"), 0);
    assert_int_equal(ss_readline(s, line, sizeof line), 6);
    assert_string_equal(line, "hello\n");
    assert_int_equal(ss_close(s), 0);
}

static void test_each_class(void **state)
{
    (void)state;
    int before = count_descriptors();
    for (size_t i = 0; i < COUNT(mixins) * COUNT(servers); i++) {
        struct ss_test_server test;
        char class[100];
        bool is_stream = i % 2 == 0;
        snprintf(class, sizeof class, "%s%s", mixins[i / COUNT(servers)], servers[i % COUNT(servers)]);
        assert_int_equal(ss_test_start(&test, ss_bases(class), &Echo), 0);
        assert_int_equal(strncmp(test.address, strstr(class, "Unix") ? "unix:@" : "127.0.0.1:", 6), 0);
        for (int again = 0; again < 2; again++)
            ask_once(&test, is_stream ? SOCK_STREAM : SOCK_DGRAM);
        assert_int_equal(ss_test_stop(&test), 0);
        assert_int_equal(ss_test_stop(&test), 0);
    }
    assert_int_equal(count_descriptors(), before);
}

static void test_several(void **state)
{
    static struct ss_test_server test[20];
    (void)state;
    for (size_t i = 0; i < COUNT(test); i++)
        assert_int_equal(
            ss_test_start(&test[i], ss_bases(i % 2 ? "EventLoopTCPServer" : "UnixStreamServer"), &Echo), 0);
    for (size_t i = 0; i < COUNT(test); i++) {
        ask_once(&test[i], SOCK_STREAM);
        for (size_t other = 0; other < i; other++)
            assert_string_not_equal(test[i].address, test[other].address);
    }
    for (size_t i = 0; i < COUNT(test); i++)
        assert_int_equal(ss_test_stop(&test[i]), 0);
}

/* ---- fields ---- */

static int tell_context(struct ss_handler *h)
{
    const char *text = h->server->context;
    return ss_write(h->wfile, text, strlen(text));
}

static void test_fields(void **state)
{
    static const struct ss_handler_class telling = {.handle = tell_context};
    static const char *const addresses[] = {"[::1]:0", "127.0.0.1:0"};
    (void)state;
    for (int bound = 0; bound < 2; bound++) {
        struct ss_test_server test;
        assert_int_equal(ss_server_init(&test.server, ss_bases("TCPServer"), addresses[bound], &telling), 0);
        test.server.context = "what the test has set\n";
        if (bound)
            assert_int_equal(ss_server_bind(&test.server), 0);
        assert_int_equal(ss_test_start_server(&test), 0);
        int fd = client_of(&test.server);
        expect(fd, "what the test has set\n");
        close(fd);
        assert_int_equal(ss_test_stop(&test), 0);
    }
}

/* ---- HTTP ---- */

static int do_GET(struct ss_handler *h)
{
    return http_reply(h, 200, "text/plain", "a page", 6);
}

static void log_nothing(struct ss_handler *h, int status, int64_t size)
{
    (void)h, (void)status, (void)size;
}

static const struct http_handler_class Page = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"GET", do_GET}),
    .log_request = log_nothing,
};

static void test_http(void **state)
{
    struct ss_test_server test;
    struct ss_stream *s;
    char line[100], url[sizeof test.url];
    (void)state;
    assert_int_equal(ss_test_start(&test, SS_BASES(&EventLoopMixIn, &HTTPServer), &Page.handler), 0);
    snprintf(url, sizeof url, "http://%s", test.address);
    assert_string_equal(test.url, url);
    assert_int_equal(ss_connect(NULL, test.address, SOCK_STREAM, MS, &s), 0);
    assert_int_equal(ss_printf(s, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", test.address), 0);
    assert_true(ss_readline(s, line, sizeof line) > 0);
    assert_string_equal(line, "HTTP/1.1 200 OK\r\n");
    assert_int_equal(ss_close(s), 0);
    assert_int_equal(ss_test_stop(&test), 0);
}

/* ---- its end ---- */

static int shut_down(struct ss_handler *h)
{
    ss_shutdown(h->server);
    return 0;
}

/* A client that stays, and a server that a handler stops. */
static void test_ends(void **state)
{
    static const struct ss_handler_class stopping = {.handle = shut_down};
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct ss_test_server test;
        char class[100];
        snprintf(class, sizeof class, "%sTCPServer", mixins[i]);
        assert_int_equal(ss_test_start(&test, ss_bases(class), i % 2 ? &Echo : &stopping), 0);
        int fd = client_of(&test.server);
        if (i % 2 == 0)
            expect_end(fd);
        assert_int_equal(ss_test_stop(&test), 0);
        expect_end(fd);
        close(fd);
    }
}

static int fail_at_once(struct ss_server *self, struct ss_request *request)
{
    (void)self, (void)request;
    return -ENOTSOCK;
}

static const struct ss_class Failing = {.name = "Failing", .get_request = fail_at_once};

/* A server that cannot go on says so in the end; one that cannot start leaves nothing behind. */
static bool can_connect(const struct ss_server *server)
{
    const struct ss_address *to = &server->server_address;
    int fd = socket(to->u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    bool can = connect(fd, &to->u.any, to->length) == 0;
    close(fd);
    return can;
}

static void test_failures(void **state)
{
    struct ss_test_server test;
    struct rlimit all, few;
    (void)state;
    int before = count_descriptors();
    assert_int_equal(ss_test_start(&test, SS_BASES(&Failing, &TCPServer), &Echo), 0);
    while (can_connect(&test.server)) /* it fails by itself, and closes its socket then */
        poll(NULL, 0, 1);
    assert_int_equal(ss_test_stop(&test), -ENOTSOCK);
    assert_int_equal(ss_test_start(&test, SS_BASES(&ThreadingMixIn), &Echo), -EINVAL);
    assert_int_equal(ss_test_stop(&test), 0);
    assert_int_equal(ss_test_start(&test, NULL, &Echo), -EINVAL);
    getrlimit(RLIMIT_NOFILE, &all);
    for (size_t i = 0; i < COUNT(servers); i++) {
        int rc = -EMFILE;
        for (rlim_t limit = 4; rc == -EMFILE; limit++) {
            few = (struct rlimit){limit, all.rlim_max};
            setrlimit(RLIMIT_NOFILE, &few);
            rc = ss_test_start(&test, ss_bases(servers[i]), &Echo);
            assert_int_equal(ss_test_stop(&test), 0);
            setrlimit(RLIMIT_NOFILE, &all);
            assert_int_equal(count_descriptors(), before);
        }
        assert_int_equal(rc, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_class), cmocka_unit_test(test_several), cmocka_unit_test(test_fields),
        cmocka_unit_test(test_http),       cmocka_unit_test(test_ends),    cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
