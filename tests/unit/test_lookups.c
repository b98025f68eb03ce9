/* SPDX-License-Identifier: MIT */
/* Look-ups of names: their limit, their threads, their errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_names.h"
#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { SHORT = 50 };   /* ms */
enum { THREADS = 32 }; /* look-ups that are made at once */
enum { SOON = PATIENCE / 2 };

static const struct ss_handler_class EchoHandler = {.handle = echo_lines};

/* What a given-up look-up still had is closed and freed when it ends. */
static void expect_descriptors(int count)
{
    for (int i = 0; i < PATIENCE / 10 && count_descriptors() != count; i++)
        poll(NULL, 0, 10);
    assert_int_equal(count_descriptors(), count);
}

static void test_limit(void **state)
{
    struct ss_stream *s;
    struct ss_address address;
    (void)state;
    int before = count_descriptors();
    uint64_t begin = ss_now();
    assert_int_equal(ss_connect(NULL, "dead.test:80", SOCK_STREAM, SHORT, &s), -ENONET);
    assert_null(s);
    assert_int_equal(ss_getaddrinfo(NULL, "dead.test:80", SOCK_DGRAM, SHORT, &address, 1), -ENONET);
    assert_true(ss_now() - begin >= 2 * SHORT - 2 && ss_now() - begin < SOON);
    assert_int_equal(ss_connect(NULL, "dead.test:80", SOCK_STREAM, 0, &s), -ENONET);
    release_dead();
    expect_descriptors(before);
}

static void *ask_dead(void *argument)
{
    struct ss_address *address = argument;
    return (void *)(intptr_t)ss_getaddrinfo(NULL, "dead.test:80", SOCK_STREAM, PATIENCE, address, 1);
}

/* The time is for what is left behind the look-up. */
static void test_answer_in_time(void **state)
{
    struct ss_address address = {0};
    pthread_t thread;
    void *count;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, ask_dead, &address), 0);
    expect_dead(1);
    release_dead();
    pthread_join(thread, &count);
    assert_int_equal((intptr_t)count, 1);
    assert_int_equal(ss_address_port(&address), 80);
}

static void test_many(void **state)
{
    struct ss_address address;
    pthread_t threads[THREADS];
    struct ss_address found[THREADS];
    void *count;
    (void)state;
    fakes[0].name = "good.test";
    fakes[0].addresses[0] = "192.0.2.1";
    int before = count_descriptors();
    for (int i = 0; i < THREADS - 1; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_dead, &found[i]), 0);
    expect_dead(THREADS - 1);
    assert_int_equal(ss_getaddrinfo(NULL, "good.test:80", SOCK_STREAM, PATIENCE, &address, 1), 1);
    assert_int_equal(pthread_create(&threads[THREADS - 1], NULL, ask_dead, &found[THREADS - 1]), 0);
    expect_dead(THREADS);
    /* further ones wait, and are not made at all when their time is over before; numbers do not wait */
    for (int i = 0; i < 3; i++)
        assert_int_equal(ss_getaddrinfo(NULL, "dead.test:80", SOCK_STREAM, 1, &address, 1), -ENONET);
    assert_int_equal(ss_getaddrinfo(NULL, "good.test:80", SOCK_STREAM, SHORT, &address, 1), -ENONET);
    assert_int_equal(ss_getaddrinfo(NULL, "localhost:80", SOCK_STREAM, SHORT, &address, 1), 1);
    assert_int_equal(ss_getaddrinfo(NULL, "[fe80::1%lo]:80", SOCK_STREAM, SHORT, &address, 1), 1);
    assert_int_equal(dead_most, THREADS);
    assert_int_equal(dead_ever, THREADS);
    release_dead();
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &count);
        assert_int_equal((intptr_t)count, 1);
    }
    assert_int_equal(ss_getaddrinfo(NULL, "good.test:80", SOCK_STREAM, PATIENCE, &address, 1), 1);
    expect_descriptors(before);
}

/* ---- in handlers ---- */

static struct {
    atomic_int looking, ended;
} * shared; /* with the processes of servers */

static int look_up_dead(struct ss_handler *h)
{
    struct ss_stream *s;
    char line[10];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    h->request->busy = true;
    if (n <= 0)
        return (int)n;
    atomic_fetch_add(&shared->looking, 1);
    int rc = ss_connect(h->server, "dead.test:80", SOCK_STREAM, -1, &s);
    atomic_fetch_add(&shared->ended, rc == -ECANCELED);
    return rc;
}

static const char *const classes[] = {"TCPServer",         "ThreadingTCPServer",  "ThreadPoolTCPServer",
#ifndef __SANITIZE_THREAD__ /* it takes no new threads in a process that one with several threads has forked \
                             */
                                      "ForkingTCPServer",  "PreforkingTCPServer",
#endif
                                      "EventLoopTCPServer"};

static void wait_until(atomic_int *value, int expected)
{
    for (int i = 0; i < PATIENCE && atomic_load(value) != expected; i++)
        poll(NULL, 0, 1);
    assert_int_equal(atomic_load(value), expected);
}

/* The end of the drain ends a look-up under every mix-in, and nobody waits for what goes on in its thread. */
static void test_drain(void **state)
{
    static const struct ss_handler_class Looking = {.handle = look_up_dead};
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++)
        for (int early = 0; early < 2; early++) {
            struct running r;
            prepare(&r, ss_bases(classes[i]), "127.0.0.1:0", &Looking);
            r.server.shutdown_timeout = early ? -1 : SHORT;
            r.server.workers = 2;
            shared->looking = shared->ended = 0;
            launch(&r);
            int fd = client_of(&r.server);
            say(fd, "x\n");
            wait_until(&shared->looking, 1);
            uint64_t begin = ss_now();
            if (early)
                ss_cancel(&r.server);
            else
                ss_shutdown(&r.server);
            join(&r);
            assert_true(ss_now() - begin < SOON);
            assert_int_equal(shared->ended, 1);
            close(fd);
            release_dead();
        }
}

/* In an event loop with so many that have no answer: localhost, another name, and what is offloaded. */
static int seven(void *argument)
{
    (void)argument;
    return 7;
}

static int do_something_else(struct ss_handler *h)
{
    struct ss_stream *s;
    struct ss_address address;
    char line[20];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    if (n <= 0)
        return (int)n;
    if (line[0] == 'd') {
        int rc = ss_connect(h->server, "dead.test:80", SOCK_STREAM, PATIENCE, &s);
        return rc == 0 ? ss_close(s) : rc == -ECONNREFUSED ? 0 : rc;
    }
    int found = ss_getaddrinfo(h->server, "localhost:80", SOCK_STREAM, 0, &address, 1);
    int named = ss_getaddrinfo(h->server, "good.test:80", SOCK_STREAM, PATIENCE, &address, 1);
    int offloaded = ss_offload(h->server, seven, NULL);
    return ss_printf(h->wfile, "%d %d %d\n", found, named, offloaded);
}

static void test_ten_dead_names(void **state)
{
    static const struct ss_handler_class Several = {.handle = do_something_else};
    struct running r;
    int fd[10];
    (void)state;
    start(&r, ss_bases("EventLoopTCPServer"), "127.0.0.1:0", &Several);
    for (int i = 0; i < 10; i++) {
        fd[i] = client_of(&r.server);
        say(fd[i], "dead\n");
    }
    expect_dead(10);
    int other = client_of(&r.server);
    say(other, "else\n");
    expect(other, "1 1 7\n");
    expect_dead(10);
    release_dead();
    for (int i = 0; i < 10; i++) {
        expect_end(fd[i]);
        close(fd[i]);
    }
    close(other);
    stop(&r);
}

/* ---- forks ---- */

static void test_fork(void **state)
{
    struct ss_address address;
    int status;
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip();
#endif
    assert_int_equal(ss_getaddrinfo(NULL, "dead.test:80", SOCK_STREAM, SHORT, &address, 1), -ENONET);
    expect_dead(1);
    pid_t pid = fork();
    if (pid == 0) {
        int first = ss_getaddrinfo(NULL, "good.test:80", SOCK_STREAM, PATIENCE, &address, 1);
        _exit(first == 1 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    release_dead();
}

/* ---- what is found, and what is not ---- */

static void test_errors(void **state)
{
    static const struct {
        const char *name;
        int rc, system, error;
    } rows[] = {
        {"again.test", EAI_AGAIN, 0, -ENONET},
        {"fail.test", EAI_FAIL, 0, -ENONET},
        {"none.test", EAI_NONAME, 0, -ENOENT},
        {"nodata.test", EAI_NODATA, 0, -ENOENT},
        {"memory.test", EAI_MEMORY, 0, -ENOMEM},
        {"files.test", EAI_SYSTEM, EMFILE, -EMFILE},
        {"unsaid.test", EAI_SYSTEM, 0, -EIO},
        {"service.test", EAI_SERVICE, 0, -EPROTONOSUPPORT},
        {"family.test", EAI_ADDRFAMILY, 0, -EAFNOSUPPORT},
    };
    struct ss_stream *s;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char address[40];
        fakes[i].name = rows[i].name;
        fakes[i].rc = rows[i].rc;
        fakes[i].error = rows[i].system;
        snprintf(address, sizeof address, "%s:80", rows[i].name);
        assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &s), rows[i].error);
        assert_null(s);
    }
    memset(fakes, 0, sizeof fakes);
    struct ss_address none;
    assert_int_equal(ss_getaddrinfo(NULL, "unix:/x", SOCK_STREAM, 0, &none, 1), -EINVAL);
    assert_int_equal(ss_getaddrinfo(NULL, "fd:3", SOCK_STREAM, 0, &none, 1), -EINVAL);
    assert_int_equal(ss_getaddrinfo(NULL, "host", SOCK_STREAM, 0, &none, 1), -EINVAL);
}

static void test_words(void **state)
{
    (void)state;
    assert_string_equal(ss_strerror(-ENONET), "No name server has answered");
    assert_string_equal(ss_strerror(-ENOENT), "No such file or directory, or no such name");
    assert_string_equal(ss_strerror(-EPROTONOSUPPORT), "No such service or protocol");
    assert_string_equal(ss_strerror(-ECONNREFUSED), "Connection refused");
    assert_string_equal(ss_strerror(0), "Success");
    assert_string_equal(ss_strerror(-123456), "Unknown error");
}

static void check_found(const char *address, int type, const char *const *expected)
{
    struct ss_address found[SS_MAX_ADDRESSES];
    char text[SS_ADDRESS_TEXT];
    int n = ss_getaddrinfo(NULL, address, type, PATIENCE, found, COUNT(found)), i = 0;
    for (; i < n && expected[i]; i++) {
        assert_true(ss_address_format(&found[i], text, sizeof text) > 0);
        assert_string_equal(text, expected[i]);
    }
    assert_int_equal(i, n);
    assert_null(expected[i]);
    assert_int_equal(ss_getaddrinfo(NULL, address, type, PATIENCE, NULL, 0), 0);
}

#define FOUND(address, type, ...) check_found(address, type, (const char *const[]){__VA_ARGS__, NULL})

static void test_found(void **state)
{
    (void)state;
    FOUND("localhost:80", SOCK_STREAM, "[::1]:80", "127.0.0.1:80");
    FOUND("a.LOCALHOST.:80", SOCK_DGRAM, "[::1]:80", "127.0.0.1:80");
    FOUND("192.0.2.1:0", SOCK_STREAM, "192.0.2.1:0");
    FOUND("[2001:db8::1]:65535", SOCK_DGRAM, "[2001:db8::1]:65535");
    fakes[0].name = "two.test";
    fakes[0].addresses[0] = "192.0.2.1";
    fakes[0].addresses[1] = "2001:db8::1";
    FOUND("two.test:80", SOCK_STREAM, "192.0.2.1:80", "[2001:db8::1]:80");
    for (int i = 0; i < FAKE_ADDRESSES; i++)
        fakes[0].addresses[i] = "192.0.2.1";
    struct ss_address found[FAKE_ADDRESSES];
    assert_int_equal(ss_getaddrinfo(NULL, "two.test:80", SOCK_STREAM, PATIENCE, found, FAKE_ADDRESSES),
                     SS_MAX_ADDRESSES);
    memset(fakes, 0, sizeof fakes);
}

/* /etc/services: not each machine has it. */
static void test_services(void **state)
{
    struct ss_names names;
    struct ss_address address = {.length = sizeof address.u.in};
    (void)state;
    if (!getservbyname("domain", "udp") || !getservbyname("http", "tcp")) {
        print_message("skipped: no /etc/services\n");
        skip();
    }
    FOUND("192.0.2.1:http", SOCK_STREAM, "192.0.2.1:80");
    FOUND("localhost:domain", SOCK_DGRAM, "[::1]:53", "127.0.0.1:53");
    address.u.in = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(ss_getnameinfo(NULL, &address, SOCK_STREAM, PATIENCE, &names), 0);
    assert_string_equal(names.host, "localhost");
    assert_string_equal(names.service, "http");
    address.u.in.sin_port = htons(1);
    assert_int_equal(ss_getnameinfo(NULL, &address, SOCK_DGRAM, PATIENCE, &names), 0);
    assert_string_equal(names.service, "1");
    address.length = 0;
    assert_int_equal(ss_getnameinfo(NULL, &address, SOCK_STREAM, PATIENCE, &names), -EAFNOSUPPORT);
    address = (struct ss_address){.length = 5, .u.un = {.sun_family = AF_UNIX}};
    assert_int_equal(ss_getnameinfo(NULL, &address, SOCK_STREAM, PATIENCE, &names), -EAFNOSUPPORT);
}

/* A server may have a service's name for its port. */
static void test_server_on_service(void **state)
{
    struct ss_server server;
    (void)state;
    fakes[0].name = "here.test";
    fakes[0].addresses[0] = "127.0.0.1";
    assert_int_equal(ss_server_init(&server, SS_BASES(&TCPServer), "here.test:0", &EchoHandler), 0);
    assert_int_equal(ss_server_bind(&server), 0);
    assert_int_equal(server.server_address.u.in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    ss_server_close(&server);
    memset(fakes, 0, sizeof fakes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_answer_in_time),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_ten_dead_names),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_services),
        cmocka_unit_test(test_server_on_service),
    };
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared == MAP_FAILED ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
