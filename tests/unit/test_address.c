/* SPDX-License-Identifier: MIT */
/* Addresses as ss_server_bind reads them, and the sockets that they become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

static const struct ss_handler_class EchoHandler = {.handle = echo_lines};

/* Binds and closes; `text` (may be NULL) gets the address. */
static int try_bind(const struct ss_class *cls, const char *address, char *text)
{
    struct ss_server server;
    assert_int_equal(ss_server_init(&server, SS_BASES(cls), address, &EchoHandler), 0);
    int rc = ss_server_bind(&server);
    if (rc == 0 && text)
        assert_true(ss_address_format(&server.server_address, text, SS_ADDRESS_TEXT) > 0);
    assert_int_equal(server.socket >= 0, rc == 0);
    ss_server_close(&server);
    return rc;
}

static void test_bad_addresses(void **state)
{
    static const struct {
        const char *address;
        int error;
    } rows[] = {
        {"", -EINVAL},
        {"localhost", -EINVAL},
        {"8000", -EINVAL},
        {"127.0.0.1:", -EINVAL},
        {"127.0.0.1:65536", -EINVAL},
        {"127.0.0.1:-1", -EINVAL},
        {"127.0.0.1:+1", -EINVAL},
        {"127.0.0.1: 1", -EINVAL},
        {"127.0.0.1:no-such-service", -EPROTONOSUPPORT},
        {"localhost:1x", -EPROTONOSUPPORT},
        {"127.0.0.1:-http", -EINVAL},
        {"127.0.0.1:ht tp", -EINVAL},
        {"127.0.0.1:http/tcp", -EINVAL},
        {"127.0.0.1:a-name-that-is-longer-than-any-service-has", -EINVAL},
        {"127.0.0.1:99999999999999999999", -EINVAL},
        {"::1:80", -EINVAL},
        {"[::1]", -EINVAL},
        {"[::1:80", -EINVAL},
        {"[]:80", -EINVAL},
        {"[::1]80", -EINVAL},
        {"a:b:80", -EINVAL},
        {"fd:", -EINVAL},
        {"fd:x", -EINVAL},
        {"fd:-1", -EINVAL},
        {"fd:99999", -EBADF},
        {"unix:", -EINVAL},
        {"unix:@", -EINVAL},
        {"unix:/tmp/x", -EAFNOSUPPORT},
        {"no-such-host.invalid:0", -ENOENT},
        {"192.0.2.1:0", -EADDRNOTAVAIL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int rc = try_bind(&TCPServer, rows[i].address, NULL);
        /* without a network a name is not unknown: nobody can be asked */
        if (rc != rows[i].error && !(rows[i].error == -ENOENT && rc == -ENONET))
            fail_msg("\"%s\": %d instead of %d", rows[i].address, rc, rows[i].error);
    }
    assert_int_equal(try_bind(&UnixStreamServer, "127.0.0.1:0", NULL), -EAFNOSUPPORT);
    assert_int_equal(try_bind(&UnixStreamServer, "unix:/no/such/directory/s", NULL), -ENOENT);
    char path[200] = "unix:/tmp/";
    memset(path + strlen(path), 'x', 108);
    assert_int_equal(try_bind(&UnixStreamServer, path, NULL), -ENAMETOOLONG);
}

static void test_good_addresses(void **state)
{
    static const struct {
        const char *address, *prefix;
    } rows[] = {
        {"127.0.0.1:0", "127.0.0.1:"},
        {"127.0.0.2:0", "127.0.0.2:"},
        {"[::1]:0", "[::1]:"},
        {"[127.0.0.1]:0", "127.0.0.1:"},
        {":0", "[::]:"},
        {"0.0.0.0:0", "0.0.0.0:"},
        {"[::ffff:127.0.0.1]:0", "[::ffff:127.0.0.1]:"},
        {"127.1:0", "127.0.0.1:"},
    };
    char text[SS_ADDRESS_TEXT];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int datagram = 0; datagram < 2; datagram++) {
            assert_int_equal(try_bind(datagram ? &UDPServer : &TCPServer, rows[i].address, text), 0);
            assert_memory_equal(text, rows[i].prefix, strlen(rows[i].prefix));
            assert_true(strtol(text + strlen(rows[i].prefix), NULL, 10) > 0);
        }
    char abstract[40];
    unique("unix:@ss-unit-address-*", abstract, sizeof abstract);
    assert_int_equal(try_bind(&UnixStreamServer, abstract, text), 0);
    assert_string_equal(text, abstract);
}

static void test_format(void **state)
{
    struct ss_address a = {.length = sizeof a.u.in};
    char text[SS_ADDRESS_TEXT];
    (void)state;
    a.u.in = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(0x7f000001)};
    assert_int_equal(ss_address_format(&a, text, sizeof text), 12);
    assert_string_equal(text, "127.0.0.1:80");
    assert_int_equal(ss_address_port(&a), 80);
    assert_int_equal(ss_address_format(&a, text, 13), 12);
    assert_int_equal(ss_address_format(&a, text, 12), -ENOSPC);
    a.length = sizeof a.u.in6;
    a.u.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(8000), .sin6_scope_id = 1};
    inet_pton(AF_INET6, "fe80::1", &a.u.in6.sin6_addr);
    assert_true(ss_address_format(&a, text, sizeof text) > 0);
    assert_string_equal(text, "[fe80::1%lo]:8000");
    inet_pton(AF_INET6, "2001:db8::1", &a.u.in6.sin6_addr); /* a name would not be read there */
    assert_true(ss_address_format(&a, text, sizeof text) > 0);
    assert_string_equal(text, "[2001:db8::1%1]:8000");
    assert_int_equal(ss_address_port(&a), 8000);
    inet_pton(AF_INET6, "ff02::1", &a.u.in6.sin6_addr);
    assert_true(ss_address_format(&a, text, sizeof text) > 0);
    assert_string_equal(text, "[ff02::1%lo]:8000");
    a.u.in6.sin6_scope_id = INT32_MAX; /* an interface that has gone */
    assert_true(ss_address_format(&a, text, sizeof text) > 0);
    assert_string_equal(text, "[ff02::1%2147483647]:8000");
    a.length = 0;
    assert_true(ss_address_format(&a, text, sizeof text) >= 0);
    assert_int_equal(ss_address_port(&a), 0);
}

/* ---- who has it ---- */

static int bind_with(const char *mixin, const char *server_class, const char *address, unsigned workers)
{
    struct ss_server server;
    char name[60];
    snprintf(name, sizeof name, "%s%s", mixin, server_class);
    assert_int_equal(ss_server_init(&server, ss_bases(name), address, &EchoHandler), 0);
    server.workers = workers;
    int rc = ss_server_bind(&server);
    ss_server_close(&server);
    return rc;
}

/* SO_REUSEPORT for our own threads must not let a second server in. */
static void check_busy(const char *server_class, unsigned workers)
{
    struct running r;
    char name[60];
    snprintf(name, sizeof name, "EventLoop%s", server_class);
    prepare(&r, ss_bases(name), "127.0.0.1:0", &EchoHandler);
    r.server.workers = workers;
    launch(&r);
    int fd = client_of(&r.server);
    say(fd, "x\n");
    expect(fd, "x\n"); /* now it serves */
    assert_int_equal(bind_with("", server_class, r.text, 0), -EADDRINUSE);
    assert_int_equal(bind_with("EventLoop", server_class, r.text, 2), -EADDRINUSE);
    close(fd);
    stop(&r);
    assert_int_equal(bind_with("EventLoop", server_class, r.text, 2), 0); /* free again */
}

static void test_parse(void **state)
{
    static const struct {
        const char *text;
        int rc;
        const char *again; /* NULL: the same */
    } rows[] = {
        {"127.0.0.1:80", 0, NULL},
        {"[::1]:0", 0, NULL},
        {"[::ffff:1.2.3.4]:9", 0, NULL},
        {"[fe80::1%lo]:80", 0, NULL},
        {"[fe80::1%1]:80", 0, "[fe80::1%lo]:80"},
        {":80", 0, "[::]:80"},
        {"0.0.0.0:80", 0, NULL},
        {"unix:/tmp/x", 0, NULL},
        {"unix:@name", 0, NULL},
        {"unix:", 0, NULL},
        {"localhost:80", -ENOENT, NULL},
        {"example.org:80", -ENOENT, NULL},
        {"127.0.0.1:http", -ENOENT, NULL},
        {"127.0.0.999:1", -ENOENT, NULL},
        {"[fe80::1%nosuch0]:80", -ENODEV, NULL},
        {"::1:80", -EINVAL, NULL},
        {"127.0.0.1", -EINVAL, NULL},
        {"127.0.0.1:65536", -EINVAL, NULL},
        {"[::1]", -EINVAL, NULL},
        {"fd:3", -EINVAL, NULL},
        {"", -EINVAL, NULL},
        {NULL, -EINVAL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ss_address address = {.length = 12345};
        char text[SS_ADDRESS_TEXT];
        assert_int_equal(ss_address_parse(rows[i].text, &address), rows[i].rc);
        if (rows[i].rc < 0) {
            assert_int_equal(address.length, 12345);
            continue;
        }
        assert_true(ss_address_format(&address, text, sizeof text) > 0);
        assert_string_equal(text, rows[i].again ? rows[i].again : rows[i].text);
    }
}

static void test_port_busy(void **state)
{
    (void)state;
    for (unsigned workers = 1; workers <= 2; workers++) {
        check_busy("TCPServer", workers);
        check_busy("UDPServer", workers);
    }
}

static void check_reachable(unsigned port, const char *host)
{
    char address[SS_ADDRESS_TEXT], line[10];
    struct ss_stream *s;
    snprintf(address, sizeof address, "%s:%u", host, port);
    assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &s), 0);
    assert_int_equal(ss_write(s, "x\n", 2), 0);
    assert_int_equal(ss_readline(s, line, sizeof line), 2);
    assert_int_equal(ss_close(s), 0);
}

static void test_dual_stack(void **state)
{
    struct running r;
    (void)state;
    start(&r, SS_BASES(&ThreadingMixIn, &TCPServer), ":0", &EchoHandler);
    unsigned port = ss_address_port(&r.server.server_address);
    check_reachable(port, "127.0.0.1");
    check_reachable(port, "[::1]");
    check_reachable(port, "localhost");
    stop(&r);
}

static void test_no_dual_stack(void **state)
{
    struct running r;
    struct ss_stream *s;
    char address[SS_ADDRESS_TEXT];
    (void)state;
    prepare(&r, SS_BASES(&ThreadingMixIn, &TCPServer), ":0", &EchoHandler);
    r.server.dual_stack = false;
    launch(&r);
    unsigned port = ss_address_port(&r.server.server_address);
    check_reachable(port, "[::1]");
    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &s), -ECONNREFUSED);
    stop(&r);
}

/* ---- localhost ---- */

static void check_unreachable(unsigned port, const char *host)
{
    char address[SS_ADDRESS_TEXT];
    struct ss_stream *s;
    snprintf(address, sizeof address, "%s:%u", host, port);
    assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &s), -ECONNREFUSED);
}

/* One server has both loopback addresses, also when each of its loops has a socket. */
static void test_localhost(void **state)
{
    static const char *const rows[][2] = {{"TCPServer", "localhost:0"},
                                          {"ThreadingTCPServer", "LocalHost.:0"},
                                          {"EventLoopTCPServer", "some.localhost:0"}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct running r;
        prepare(&r, ss_bases(rows[i][0]), rows[i][1], &EchoHandler);
        r.server.workers = 2;
        launch(&r);
        unsigned port = ss_address_port(&r.server.server_address);
        assert_memory_equal(r.text, "[::1]:", 6);
        for (int j = 0; j < 10; j++) {
            check_reachable(port, "127.0.0.1");
            check_reachable(port, "[::1]");
        }
        check_reachable(port, "localhost");
        stop(&r);
    }
}

static void test_localhost_of_one_family(void **state)
{
    static const struct {
        int family;
        bool dual_stack;
        const char *reachable, *other;
    } rows[] = {{AF_INET, true, "127.0.0.1", "[::1]"},
                {AF_INET6, true, "[::1]", "127.0.0.1"},
                {AF_UNSPEC, false, "[::1]", "127.0.0.1"}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct running r;
        prepare(&r, SS_BASES(&ThreadingMixIn, &TCPServer), "localhost:0", &EchoHandler);
        r.server.address_family = rows[i].family;
        r.server.dual_stack = rows[i].dual_stack;
        launch(&r);
        unsigned port = ss_address_port(&r.server.server_address);
        check_reachable(port, rows[i].reachable);
        check_reachable(port, "localhost");
        check_unreachable(port, rows[i].other);
        stop(&r);
    }
}

/* An answer comes from the address that was asked, or the client would not take it. */
static void check_datagram(unsigned port, const char *host)
{
    char address[SS_ADDRESS_TEXT], line[10];
    struct ss_stream *s;
    snprintf(address, sizeof address, "%s:%u", host, port);
    assert_int_equal(ss_connect(NULL, address, SOCK_DGRAM, PATIENCE, &s), 0);
    assert_int_equal(ss_write(s, "x\n", 2), 0);
    assert_int_equal(ss_readline(s, line, sizeof line), 2);
    assert_int_equal(ss_close(s), 0);
}

static void test_localhost_datagrams(void **state)
{
    static const char *const classes[] = {"UDPServer", "EventLoopUDPServer"};
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        prepare(&r, ss_bases(classes[i]), "localhost:0", &EchoHandler);
        r.server.workers = 2;
        launch(&r);
        unsigned port = ss_address_port(&r.server.server_address);
        for (int j = 0; j < 10; j++) {
            check_datagram(port, "127.0.0.1");
            check_datagram(port, "127.0.0.2");
            check_datagram(port, "[::1]");
        }
        stop(&r);
    }
}

/* The other server would get some of the clients. */
static void test_localhost_half_taken(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "[::1]"};
    (void)state;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct running r;
        char text[SS_ADDRESS_TEXT], one[40], both[40];
        assert_int_equal(try_bind(&TCPServer, "localhost:0", text), 0); /* the port is free at both */
        snprintf(one, sizeof one, "%s%.6s", hosts[i], strrchr(text, ':'));
        snprintf(both, sizeof both, "localhost%.6s", strrchr(text, ':'));
        start(&r, SS_BASES(&TCPServer), one, &EchoHandler);
        assert_int_equal(try_bind(&TCPServer, both, NULL), -EADDRINUSE);
        stop(&r);
        assert_int_equal(try_bind(&TCPServer, both, NULL), 0);
    }
}

/* ---- fd: ---- */

static int listening(int family, int type)
{
    struct sockaddr_storage any = {.ss_family = (sa_family_t)family};
    int fd = socket(family, type, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, family == AF_UNIX ? sizeof(sa_family_t) : sizeof any),
                     0);
    return fd;
}

static void test_inherited(void **state)
{
    struct running r;
    char address[20];
    int fd = listening(AF_INET, SOCK_STREAM);
    (void)state;
    snprintf(address, sizeof address, "fd:%d", fd);
    start(&r, SS_BASES(&ThreadingMixIn, &TCPServer), address, &EchoHandler);
    assert_int_equal(r.server.socket, fd);
    assert_int_equal(r.server.address_family, AF_INET);
    check_reachable(ss_address_port(&r.server.server_address), "127.0.0.1");
    stop(&r);
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* it is the server's to close */
}

static void test_inherited_wrong(void **state)
{
    char address[20];
    int tcp = listening(AF_INET, SOCK_STREAM), udp = listening(AF_INET, SOCK_DGRAM);
    int un = listening(AF_UNIX, SOCK_STREAM), file = memfd_create("file", 0);
    (void)state;
    snprintf(address, sizeof address, "fd:%d", udp);
    assert_int_equal(try_bind(&TCPServer, address, NULL), -EPROTOTYPE);
    snprintf(address, sizeof address, "fd:%d", tcp);
    assert_int_equal(try_bind(&UDPServer, address, NULL), -EPROTOTYPE);
    assert_int_equal(try_bind(&UnixStreamServer, address, NULL), -EAFNOSUPPORT);
    snprintf(address, sizeof address, "fd:%d", un);
    assert_int_equal(try_bind(&TCPServer, address, NULL), -EAFNOSUPPORT);
    snprintf(address, sizeof address, "fd:%d", file);
    assert_int_equal(try_bind(&TCPServer, address, NULL), -ENOTSOCK);
    assert_int_equal(close(tcp) + close(udp) + close(un) + close(file), 0); /* all still ours */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_addresses),
        cmocka_unit_test(test_good_addresses),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_port_busy),
        cmocka_unit_test(test_dual_stack),
        cmocka_unit_test(test_no_dual_stack),
        cmocka_unit_test(test_inherited),
        cmocka_unit_test(test_inherited_wrong),
        cmocka_unit_test(test_localhost),
        cmocka_unit_test(test_localhost_of_one_family),
        cmocka_unit_test(test_localhost_datagrams),
        cmocka_unit_test(test_localhost_half_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
