/* SPDX-License-Identifier: MIT */
/* ss_connect, outside of servers and in handlers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static const struct ss_handler_class EchoHandler = {.handle = echo_lines};

static void exchange(const char *address, int type)
{
    struct ss_stream *s;
    char line[50] = "";
    assert_int_equal(ss_connect(NULL, address, type, PATIENCE, &s), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ss_printf(s, "message %d\n", i), 0);
        assert_int_equal(ss_readline(s, line, sizeof line), 10); /* flushes before it waits */
        assert_int_equal(line[8], '0' + i);
    }
    assert_int_equal(ss_close(s), 0);
}

static void test_exchange(void **state)
{
    static const struct {
        const char *class, *address;
    } rows[] = {
        {"ThreadingTCPServer", "127.0.0.1:0"},
        {"EventLoopTCPServer", "[::1]:0"},
        {"UDPServer", "127.0.0.1:0"},
        {"EventLoopUDPServer", "[::1]:0"},
        {"UnixStreamServer", "unix:@ss-unit-client-*"},
        {"UnixStreamServer", "unix:/tmp/ss-unit-client-*"},
        {"UnixDatagramServer", "unix:@ss-unit-client-*"},
        {"UnixDatagramServer", "unix:/tmp/ss-unit-client-*"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct running r;
        start(&r, ss_bases(rows[i].class), rows[i].address, &EchoHandler);
        exchange(r.text, r.server.socket_type);
        stop(&r);
    }
}

/* The port of a server that was there and is no more: nobody listens. */
static unsigned dead_port(void)
{
    struct ss_server server;
    assert_int_equal(ss_server_init(&server, SS_BASES(&TCPServer), "127.0.0.1:0", &EchoHandler), 0);
    assert_int_equal(ss_server_bind(&server), 0);
    unsigned port = ss_address_port(&server.server_address);
    ss_server_close(&server);
    return port;
}

static void test_errors(void **state)
{
    struct ss_stream stale, *s = &stale;
    char address[50];
    (void)state;
    int before = count_descriptors();
    snprintf(address, sizeof address, "127.0.0.1:%u", dead_port());
    assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &s), -ECONNREFUSED);
    assert_int_equal(ss_connect(NULL, "unix:@ss-unit-nobody", SOCK_STREAM, PATIENCE, &s), -ECONNREFUSED);
    assert_int_equal(ss_connect(NULL, "unix:/tmp/ss-unit-nobody", SOCK_STREAM, PATIENCE, &s), -ENOENT);
    assert_int_equal(ss_connect(NULL, "127.0.0.1", SOCK_STREAM, PATIENCE, &s), -EINVAL);
    assert_int_equal(ss_connect(NULL, "fd:0", SOCK_STREAM, PATIENCE, &s), -EINVAL);
    assert_int_equal(ss_connect(NULL, "", SOCK_STREAM, PATIENCE, &s), -EINVAL);
    assert_null(s);
    assert_int_equal(ss_close(NULL), 0);
    assert_int_equal(count_descriptors(), before);
}

/* ---- a name with several addresses ---- */

static const char *two_addresses[2]; /* of the name two.test, in this order */

/* Stands before the C library's. */
int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict list)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
    void *found = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&real, &found, sizeof real);
    if (!name || strcmp(name, "two.test") != 0)
        return real(name, service, hints, list);
    if (hints->ai_flags & AI_NUMERICHOST)
        return EAI_NONAME;
    int rc = real(two_addresses[0], service, hints, list);
    if (rc == 0)
        rc = real(two_addresses[1], service, hints, &(*list)->ai_next);
    return rc;
}

static void test_next_address(void **state)
{
    struct running r;
    char address[50];
    (void)state;
    two_addresses[0] = "::1"; /* where nobody listens */
    two_addresses[1] = "127.0.0.1";
    start(&r, SS_BASES(&TCPServer), "127.0.0.1:0", &EchoHandler);
    snprintf(address, sizeof address, "two.test:%u", ss_address_port(&r.server.server_address));
    exchange(address, SOCK_STREAM);
    stop(&r);
    struct ss_stream *s;
    assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &s), -ECONNREFUSED);
}

/* ---- time limits ---- */

/* A listener whose queue is full lets a client's SYN wait. */
static int full_listener(char address[50], int fillers[4])
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&in, length), 0);
    assert_int_equal(listen(fd, 0), 0);
    getsockname(fd, (struct sockaddr *)&in, &length);
    snprintf(address, 50, "127.0.0.1:%u", ntohs(in.sin_port));
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&in, length);
    }
    return fd;
}

static void test_connect_timeout(void **state)
{
    char address[50];
    int fillers[4], fd = full_listener(address, fillers);
    struct ss_stream *s = NULL;
    (void)state;
    poll(NULL, 0, 20); /* until the fillers' packets are through */
    uint64_t begin = ss_now();
    assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, 100, &s), -ETIMEDOUT);
    assert_true(ss_now() - begin >= 99 && ss_now() - begin < PATIENCE / 2);
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(fd);
}

/* An address that swallows everything leaves time to the next one. */
static void test_shared_timeout(void **state)
{
    char full[50], address[50], listening[50];
    int fillers[4], fd = full_listener(full, fillers);
    struct running r;
    struct ss_stream *s;
    (void)state;
    two_addresses[0] = "127.0.0.1";
    two_addresses[1] = "127.0.0.2";
    snprintf(listening, sizeof listening, "127.0.0.2:%s", strchr(full, ':') + 1);
    snprintf(address, sizeof address, "two.test:%s", strchr(full, ':') + 1);
    start(&r, SS_BASES(&TCPServer), listening, &EchoHandler);
    uint64_t begin = ss_now();
    assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, 2000, &s), 0);
    assert_true(ss_now() - begin < 1900);
    assert_int_equal(ss_close(s), 0);
    stop(&r);
    begin = ss_now();
    two_addresses[1] = "127.0.0.1"; /* two of that kind: one limit for both */
    assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, 200, &s), -ETIMEDOUT);
    assert_true(ss_now() - begin >= 198 && ss_now() - begin < PATIENCE / 2);
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(fd);
}

/* A Unix listener says EAGAIN instead; the limit holds all the same. */
static void test_unix_queue_full(void **state)
{
    struct ss_server server;
    struct ss_stream *s = NULL, *first = NULL;
    char address[50];
    (void)state;
    unique("unix:@ss-unit-full-*", address, sizeof address);
    assert_int_equal(ss_server_init(&server, SS_BASES(&UnixStreamServer), address, &EchoHandler), 0);
    server.request_queue_size = 0;
    assert_int_equal(ss_server_bind(&server), 0);
    assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &first), 0);
    assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, 50, &s), -ETIMEDOUT);
    ss_close(first);
    ss_server_close(&server);
}

/* ---- a connection with itself ---- */

enum { SKIPPED = 77 };

/* In a network of its own, in which there is but one port. */
static int connect_to_own_port(unsigned port)
{
    struct ifreq lo = {.ifr_name = "lo"};
    static const char *const hosts[] = {"127.0.0.1", "0.0.0.0"};
    struct ss_stream *s = NULL;
    char text[50];
    int wrong = 0, fd, file;
    lo.ifr_flags = IFF_UP;
    if (unshare(CLONE_NEWNET) < 0 || (fd = socket(AF_INET, SOCK_DGRAM, 0)) < 0 ||
        ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
        return SKIPPED;
    int n = snprintf(text, sizeof text, "%u %u", port, port);
    if ((file = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY)) < 0 ||
        write(file, text, (size_t)n) != n)
        return SKIPPED;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        snprintf(text, sizeof text, "%s:%u", hosts[i], port);
        wrong += ss_connect(NULL, text, SOCK_STREAM, PATIENCE, &s) != -ECONNREFUSED || s;
        wrong += ss_connect(NULL, text, SOCK_DGRAM, PATIENCE, &s) != -ECONNREFUSED || s;
    }
    return wrong;
}

static void test_own_port(void **state)
{
    int status;
    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(connect_to_own_port(40001));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED) {
        print_message("skipped: no network namespace can be made here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- outside of servers, where nobody blocks signals ---- */

static int send_file_to(const char *address)
{
    struct ss_stream *s;
    int rc = ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &s), file = open("/proc/self/exe", O_RDONLY);
    char byte;
    if (rc < 0 || ss_read(s, &byte, 1) != 0)
        return 1;
    for (int i = 0; i < PATIENCE && rc == 0; i++) {
        rc = ss_sendfile(s, file, 0, 1000);
        poll(NULL, 0, 1);
    }
    sigset_t pending;
    sigpending(&pending);
    return (rc == -EPIPE || rc == -ECONNRESET) && !sigismember(&pending, SIGPIPE) ? 0 : 1;
}

static int say_nothing(struct ss_handler *h)
{
    (void)h;
    return 0;
}

static void test_server_that_goes(void **state)
{
    static const struct ss_handler_class Silent = {.handle = say_nothing};
    struct running r;
    int status;
    (void)state;
    start(&r, SS_BASES(&TCPServer), "127.0.0.1:0", &Silent);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGPIPE, SIG_DFL);
        _exit(send_file_to(r.text));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    stop(&r);
}

static void test_read_timeout(void **state)
{
    struct running r;
    struct ss_stream *s;
    char byte;
    (void)state;
    start(&r, SS_BASES(&TCPServer), "127.0.0.1:0", &EchoHandler);
    assert_int_equal(ss_connect(NULL, r.text, SOCK_STREAM, PATIENCE, &s), 0);
    ss_set_timeout(s, 30);
    assert_int_equal(ss_read(s, &byte, 1), -ETIMEDOUT);
    assert_int_equal(ss_close(s), 0);
    stop(&r);
}

/* ---- in a handler: a proxy, which waits for two sides ---- */

static char backend[SS_ADDRESS_TEXT];

static int proxy(struct ss_handler *h)
{
    struct ss_stream *s;
    char line[50];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    if (n <= 0)
        return (int)n;
    int rc = ss_connect(h->server, backend, SOCK_STREAM, PATIENCE, &s);
    if (rc < 0)
        return rc;
    ss_write(s, line, (size_t)n);
    if ((n = ss_readline(s, line, sizeof line)) > 0)
        ss_write(h->wfile, line, (size_t)n);
    rc = ss_close(s);
    return n < 0 ? (int)n : rc;
}

/* In another process: a thread that allocates while one of its brothers forks may leave the child with a
   lock of AddressSanitizer's that nobody ever opens. Returns its port. */
static unsigned start_backend(pid_t *pid)
{
    struct ss_server server;
    assert_int_equal(ss_server_init(&server, ss_bases("ThreadingTCPServer"), "127.0.0.1:0", &EchoHandler), 0);
    assert_int_equal(ss_server_bind(&server), 0);
    unsigned port = ss_address_port(&server.server_address);
    *pid = fork();
    if (*pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(ss_serve_forever(&server) < 0);
    }
    ss_server_close(&server);
    return port;
}

static void check_proxy(const char *class)
{
    static const struct ss_handler_class Proxy = {.handle = proxy};
    struct running r;
    int fd[10];
    start(&r, ss_bases(class), "127.0.0.1:0", &Proxy);
    for (int j = 0; j < 10; j++) {
        fd[j] = client_of(&r.server);
        say(fd[j], "through\n");
    }
    for (int j = 0; j < 10; j++) {
        expect(fd[j], "through\n");
        expect_end(fd[j]);
        close(fd[j]);
    }
    stop(&r);
}

static void test_in_handler(void **state)
{
    static const char *const classes[] = {"TCPServer", "ThreadingTCPServer", "ForkingTCPServer",
                                          "EventLoopTCPServer"};
    static const char *const hosts[] = {"127.0.0.1", "localhost"}; /* a name is looked up elsewhere */
    pid_t pid;
    (void)state;
    unsigned port = start_backend(&pid);
    for (size_t i = 0; i < COUNT(classes); i++)
        for (size_t j = 0; j < COUNT(hosts); j++) {
            snprintf(backend, sizeof backend, "%s:%u", hosts[j], port);
            check_proxy(classes[i]);
        }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* What a stuck backend does not answer, a cancel ends. */
static atomic_int ended;

static int wait_for_backend(struct ss_handler *h)
{
    struct ss_stream *s;
    char byte;
    int rc = ss_connect(h->server, backend, SOCK_STREAM, -1, &s);
    if (rc < 0)
        return rc;
    ss_write(h->wfile, "waiting\n", 8);
    ss_flush(h->wfile);
    rc = (int)ss_read(s, &byte, 1);
    ended = rc;
    ss_close(s);
    return rc;
}

static void test_cancel(void **state)
{
    static const char *const classes[] = {"TCPServer", "ThreadingTCPServer", "EventLoopTCPServer"};
    static const struct ss_handler_class Waiting = {.handle = wait_for_backend};
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r, back;
        start(&back, SS_BASES(&ThreadingMixIn, &TCPServer), "127.0.0.1:0", &EchoHandler);
        snprintf(backend, sizeof backend, "%s", back.text);
        start(&r, ss_bases(classes[i]), "127.0.0.1:0", &Waiting);
        int fd = client_of(&r.server);
        expect(fd, "waiting\n");
        ended = 0;
        ss_cancel(&r.server);
        join(&r);
        assert_int_equal(ended, -ECANCELED);
        close(fd);
        stop(&back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange),         cmocka_unit_test(test_errors),
        cmocka_unit_test(test_next_address),     cmocka_unit_test(test_connect_timeout),
        cmocka_unit_test(test_shared_timeout),   cmocka_unit_test(test_unix_queue_full),
        cmocka_unit_test(test_read_timeout),     cmocka_unit_test(test_in_handler),
        cmocka_unit_test(test_cancel),           cmocka_unit_test(test_own_port),
        cmocka_unit_test(test_server_that_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
