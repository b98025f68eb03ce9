/* SPDX-License-Identifier: MIT */
/* What CPython's test_socketserver.py tests, under the same names, as far as it makes sense in C. */
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
#include <sys/wait.h>

static int echo_line(struct ss_handler *h)
{
    char line[100];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    return n < 0 ? (int)n : ss_write(h->wfile, line, (size_t)n);
}
static const struct ss_handler_class LineHandler = {.handle = echo_line};

/* ---- SocketServerTest ---- */

static void examine(const struct running *r)
{
    int fd = client_of(&r->server);
    say(fd, "hello world\n");
    expect(fd, "hello world\n");
    close(fd);
}

/* A child of our own is not reaped by a server with children. */
static void run_server(const char *class)
{
    struct running r;
    char address[100] = "127.0.0.1:0";
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(72);
    if (strstr(class, "Unix"))
        snprintf(address, sizeof address, "unix:/tmp/ss-unit-%d", getpid());
    assert_non_null(ss_bases(class));
    start(&r, ss_bases(class), address, &LineHandler);
    for (int i = 0; i < 3; i++)
        examine(&r);
    stop(&r);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 72);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

#define FOR_ALL(X)                 \
    X(TCPServer)                   \
    X(ThreadingTCPServer)          \
    X(ForkingTCPServer)            \
    X(ThreadPoolTCPServer)         \
    X(PreforkingTCPServer)         \
    X(EventLoopTCPServer)          \
    X(UnixStreamServer)            \
    X(ThreadingUnixStreamServer)   \
    X(ForkingUnixStreamServer)     \
    X(EventLoopUnixStreamServer)   \
    X(UDPServer)                   \
    X(ThreadingUDPServer)          \
    X(ForkingUDPServer)            \
    X(EventLoopUDPServer)          \
    X(UnixDatagramServer)          \
    X(ThreadingUnixDatagramServer) \
    X(ForkingUnixDatagramServer)   \
    X(EventLoopUnixDatagramServer)
#define DEFINE(class)                      \
    static void test_##class(void **state) \
    {                                      \
        (void)state;                       \
        run_server(#class);                \
    }
#define LIST(class) cmocka_unit_test(test_##class),
FOR_ALL(DEFINE)

/* Issue 2302: shutdown always ends serve_forever, even when it comes first. */
static void test_shutdown(void **state)
{
    static struct running r[20];
    (void)state;
    for (size_t i = 0; i < COUNT(r); i++)
        prepare(&r[i], SS_BASES(&TCPServer), "127.0.0.1:0", &LineHandler);
    for (size_t i = 0; i < COUNT(r); i++) {
        launch(&r[i]);
        ss_shutdown(&r[i].server);
    }
    for (size_t i = 0; i < COUNT(r); i++)
        join(&r[i]);
}

/* Clients could connect to a server that was shut down, and would wait for ever. */
static void test_no_second_life(void **state)
{
    struct ss_server server;
    (void)state;
    assert_int_equal(ss_server_init(&server, SS_BASES(&TCPServer), "127.0.0.1:0", &LineHandler), 0);
    assert_int_equal(ss_server_bind(&server), 0);
    ss_shutdown(&server);
    assert_int_equal(ss_serve_forever(&server), 0);
    assert_int_equal(ss_server_bind(&server), -EBADF);
    assert_int_equal(ss_serve_forever(&server), 0);
    ss_server_close(&server);
}

static void test_close_immediately(void **state)
{
    struct ss_server server;
    (void)state;
    assert_int_equal(ss_server_init(&server, ss_bases("ThreadingTCPServer"), "127.0.0.1:0", &LineHandler), 0);
    ss_server_close(&server);
    assert_int_equal(ss_server_init(&server, ss_bases("ThreadingTCPServer"), "127.0.0.1:0", &LineHandler), 0);
    assert_int_equal(ss_server_bind(&server), 0);
    ss_server_close(&server);
}

/* Issue 22435: the socket is closed when bind fails. */
static void test_tcpserver_bind_leak(void **state)
{
    struct ss_server first, server;
    char address[SS_ADDRESS_TEXT];
    (void)state;
    assert_int_equal(ss_server_init(&first, SS_BASES(&TCPServer), "127.0.0.1:0", &LineHandler), 0);
    assert_int_equal(ss_server_bind(&first), 0);
    ss_address_format(&first.server_address, address, sizeof address);
    int before = count_descriptors();
    for (int i = 0; i < 1024; i++) {
        assert_int_equal(ss_server_init(&server, SS_BASES(&TCPServer), address, &LineHandler), 0);
        assert_int_equal(ss_server_bind(&server), -EADDRINUSE);
        assert_int_equal(server.socket, -1);
        ss_server_close(&server);
    }
    assert_int_equal(count_descriptors(), before);
    ss_server_close(&first);
}

static void test_context_manager(void **state)
{
    struct ss_server server;
    (void)state;
    assert_int_equal(ss_server_init(&server, SS_BASES(&TCPServer), "127.0.0.1:0", &LineHandler), 0);
    assert_int_equal(ss_server_bind(&server), 0);
    assert_true(server.socket >= 0);
    ss_server_close(&server);
    assert_int_equal(server.socket, -1);
    ss_server_close(&server);
}

/* ---- SocketWriterTest ---- */

struct writer {
    int wfile, request;
    int sent1, sent2;
    char received[100];
    atomic_bool interrupted;
    pthread_t server;
    struct ss_server *of;
    size_t received2;
};
enum { BIG = 16 << 20 };

static int look_at_wfile(struct ss_handler *h)
{
    struct writer *w = h->server->context;
    w->wfile = h->wfile->fd;
    w->request = h->request->fd;
    return 0;
}

static void test_basics(void **state)
{
    static const struct ss_handler_class handler = {.handle = look_at_wfile};
    struct ss_server server;
    struct writer w = {.wfile = -1};
    (void)state;
    assert_int_equal(ss_server_init(&server, SS_BASES(&TCPServer), "127.0.0.1:0", &handler), 0);
    server.context = &w;
    assert_int_equal(ss_server_bind(&server), 0);
    close(client_of(&server));
    assert_int_equal(ss_handle_request(&server), 0);
    assert_true(w.wfile >= 0);
    assert_int_equal(w.wfile, w.request);
    ss_server_close(&server);
}

static int write_much(struct ss_handler *h)
{
    struct writer *w = h->server->context;
    char *big = calloc(1, BIG);
    w->sent1 = ss_write(h->wfile, "write data\n", 11);
    ss_readline(h->rfile, w->received, sizeof w->received); /* flushes */
    w->sent2 = ss_write(h->wfile, big, BIG);
    free(big);
    return 0;
}

static struct writer *interrupted_writer;

static void note_signal(int signal)
{
    (void)signal;
    interrupted_writer->interrupted = true;
}

/* Interrupts the server in the middle of its sending. */
static void *read_slowly(void *argument)
{
    static char data[100000];
    struct writer *w = argument;
    int fd = client_of(w->of);
    expect(fd, "write data\n");
    say(fd, "client response\n");
    ssize_t n = recv(fd, data, 100, MSG_WAITALL);
    while (n > 0) {
        w->received2 += (size_t)n;
        if (!w->interrupted)
            pthread_kill(w->server, SIGUSR1);
        n = recv(fd, data, sizeof data, 0);
    }
    close(fd);
    return NULL;
}

static void test_write(void **state)
{
    static const struct ss_handler_class handler = {.handle = write_much};
    struct ss_server server;
    struct writer w = {.server = pthread_self(), .of = &server};
    struct sigaction act = {.sa_handler = note_signal}, before;
    pthread_t client;
    (void)state;
    interrupted_writer = &w;
    sigaction(SIGUSR1, &act, &before);
    assert_int_equal(ss_server_init(&server, SS_BASES(&TCPServer), "127.0.0.1:0", &handler), 0);
    server.context = &w;
    assert_int_equal(ss_server_bind(&server), 0);
    assert_int_equal(pthread_create(&client, NULL, read_slowly, &w), 0);
    assert_int_equal(ss_handle_request(&server), 0);
    pthread_join(client, NULL);
    sigaction(SIGUSR1, &before, NULL);
    ss_server_close(&server);
    assert_int_equal(w.sent1, 0);
    assert_int_equal(w.sent2, 0);
    assert_string_equal(w.received, "client response\n");
    assert_true(w.interrupted);
    assert_int_equal(w.received2, BIG);
}

/* ---- MiscTestCase ---- */

static int shutdown_called;

static bool refuse(struct ss_server *self, struct ss_request *request)
{
    (void)self, (void)request;
    return false;
}

static const struct ss_class CountingServer;
static void count_shutdown(struct ss_server *self, struct ss_request *request)
{
    shutdown_called++;
    ss_super(self, &CountingServer)->shutdown_request(self, request);
}

static const struct ss_class CountingServer = {.name = "CountingServer",
                                               .base = &TCPServer,
                                               .verify_request = refuse,
                                               .shutdown_request = count_shutdown};

/* Issue 26309 */
static void test_shutdown_request_called_if_verify_request_false(void **state)
{
    struct ss_server server;
    (void)state;
    assert_int_equal(ss_server_init(&server, SS_BASES(&CountingServer), "127.0.0.1:0", &LineHandler), 0);
    assert_int_equal(ss_server_bind(&server), 0);
    shutdown_called = 0;
    int fd = client_of(&server);
    assert_int_equal(ss_handle_request(&server), 0);
    assert_int_equal(shutdown_called, 1);
    expect_end(fd);
    close(fd);
    ss_server_close(&server);
}

/* Issue 37193: threads that have ended are not kept for ever; none is left after close. */
static void test_threads_reaped(void **state)
{
    struct ss_server server;
    (void)state;
    int before = count_entries("/proc/self/task");
    assert_int_equal(ss_server_init(&server, ss_bases("ThreadingTCPServer"), "127.0.0.1:0", &LineHandler), 0);
    assert_int_equal(ss_server_bind(&server), 0);
    for (int i = 0; i < 30; i++) {
        int fd = client_of(&server);
        assert_int_equal(ss_handle_request(&server), 0);
        say(fd, "x\n");
        expect(fd, "x\n");
        expect_end(fd);
        close(fd);
    }
    assert_true(count_entries("/proc/self/task") < before + 10);
    ss_server_close(&server);
    for (int ms = 0; count_entries("/proc/self/task") > before + 1 && ms < PATIENCE; ms++)
        poll(NULL, 0, 1); /* ThreadSanitizer has one thread of its own */
    assert_true(count_entries("/proc/self/task") <= before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOR_ALL(LIST) /* */
        cmocka_unit_test(test_shutdown),
        cmocka_unit_test(test_no_second_life),
        cmocka_unit_test(test_close_immediately),
        cmocka_unit_test(test_tcpserver_bind_leak),
        cmocka_unit_test(test_context_manager),
        cmocka_unit_test(test_basics),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_shutdown_request_called_if_verify_request_false),
        cmocka_unit_test(test_threads_reaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
