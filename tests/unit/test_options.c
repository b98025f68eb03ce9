/* SPDX-License-Identifier: MIT */
/* Options of sockets: as fields of a server, and of single streams; groups; who a client of a Unix socket is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdatomic.h>

static int option_of(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
    return value;
}

/* ---- connections inherit what the fields say ---- */

static int tell_options(struct ss_handler *h)
{
    int fd = h->request->fd;
    return ss_printf(h->wfile, "%d %d %d %d %d %d %d %d\n", option_of(fd, IPPROTO_TCP, TCP_NODELAY),
                     option_of(fd, SOL_SOCKET, SO_KEEPALIVE), option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE),
                     option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), option_of(fd, IPPROTO_TCP, TCP_KEEPCNT),
                     option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), option_of(fd, SOL_SOCKET, SO_RCVBUF),
                     option_of(fd, SOL_SOCKET, SO_SNDBUF));
}
static const struct ss_handler_class Options = {.handle = tell_options};

static void test_fields(void **state)
{
    static const char *const mixins[] = {"", "Threading", "ThreadPool", "Forking", "Preforking", "EventLoop"};
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct running r;
        char name[50];
        snprintf(name, sizeof name, "%sTCPServer", mixins[i]);
        prepare(&r, ss_bases(name), "127.0.0.1:0", &Options);
        r.server.workers = 2;
        r.server.disable_nagle_algorithm = false;
        r.server.keepalive = 30;
        r.server.keepalive_interval = 5;
        r.server.keepalive_probes = 3;
        r.server.user_timeout = 7000;
        r.server.receive_buffer = 20000; /* the kernel doubles them */
        r.server.send_buffer = 10000;
        launch(&r);
        int fd = client_of(&r.server);
        expect(fd, "0 1 30 5 3 7000 40000 20000\n");
        close(fd);
        stop(&r);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    struct running r;
    start(&r, ss_bases("EventLoopTCPServer"), "127.0.0.1:0", &Options);
    int fd = client_of(&r.server), idle, other = socket(AF_INET, SOCK_STREAM, 0);
    char text[200] = "";
    assert_true(recv(fd, text, sizeof text - 1, 0) > 0);
    idle = option_of(other, IPPROTO_TCP, TCP_KEEPIDLE);
    char expected[50];
    snprintf(expected, sizeof expected, "1 0 %d ", idle);
    assert_memory_equal(text, expected, strlen(expected));
    close(fd);
    close(other);
    stop(&r);
}

/* ---- and those that a handler or a client sets ---- */

static int set_options(struct ss_handler *h)
{
    struct ss_stream *s = h->wfile;
    int fd = h->request->fd;
    struct linger linger;
    socklen_t size = sizeof linger;
    assert_int_equal(ss_set_nodelay(s, false), 0);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 0);
    assert_int_equal(ss_set_nodelay(s, true), 0);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(ss_set_keepalive(s, 11, 12, 13), 0);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 11);
    assert_int_equal(ss_set_keepalive(s, 0, 0, 0), 0);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 13);
    assert_int_equal(ss_set_user_timeout(s, 123), 0);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 123);
    assert_int_equal(ss_set_buffers(s, 0, 6000), 0);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_SNDBUF), 12000);
    assert_int_equal(ss_set_broadcast(s, true), 0);
    assert_int_equal(ss_set_keepalive(s, 1 << 30, 0, 0), -EINVAL);
    assert_int_equal(ss_set_linger(s, 5), 0);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &size), 0);
    assert_true(linger.l_onoff && linger.l_linger == 5);
    assert_int_equal(ss_set_linger(s, -1), 0);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &size), 0);
    assert_false(linger.l_onoff);
    return ss_set_linger(s, 0);
}
static const struct ss_handler_class Setting = {.handle = set_options};

static void test_streams(void **state)
{
    (void)state;
    struct running r;
    char byte;
    start(&r, ss_bases("ThreadingTCPServer"), "127.0.0.1:0", &Setting);
    int fd = client_of(&r.server);
    assert_int_equal(recv(fd, &byte, 1, 0), -1); /* of no linger comes a reset */
    assert_int_equal(errno, ECONNRESET);
    close(fd);
    stop(&r);
}

static int say_nothing(struct ss_handler *h)
{
    char byte;
    return (int)ss_read(h->rfile, &byte, 1);
}
static const struct ss_handler_class Silent = {.handle = say_nothing};

static void test_other_sockets(void **state)
{
    (void)state;
    struct running r;
    struct ss_stream *s;
    start(&r, ss_bases("ThreadingUnixStreamServer"), "unix:@options-*", &Silent);
    assert_int_equal(ss_connect(NULL, r.address, SOCK_STREAM, 1000, &s), 0);
    assert_true(ss_set_nodelay(s, true) == -EOPNOTSUPP || ss_set_nodelay(s, true) == -ENOPROTOOPT);
    assert_int_equal(ss_set_buffers(s, 5000, 0), 0);
    ss_close(s);
    stop(&r);
}

/* ---- groups ---- */

static int tell_size(struct ss_handler *h)
{
    return ss_printf(h->wfile, "%zu", h->request->datagram->size);
}
static const struct ss_handler_class Sizes = {.handle = tell_size};

/* Sends to a group by the loopback interface. The answer comes from an address of this machine, or there is
   none: -1. */
static long ask_group(const char *group, unsigned port, int ms)
{
    bool v6 = strchr(group, ':');
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), lo = (int)if_nametoindex("lo");
    struct ip_mreqn by = {.imr_ifindex = lo};
    struct ss_address to = {.length = v6 ? sizeof to.u.in6 : sizeof to.u.in};
    if (v6) {
        to.u.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        inet_pton(AF_INET6, group, &to.u.in6.sin6_addr);
        to.u.in6.sin6_scope_id = (uint32_t)lo;
    } else {
        to.u.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        inet_pton(AF_INET, group, &to.u.in.sin_addr);
        assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by), 0);
    }
    struct timeval patience = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(sendto(fd, "abc", 3, 0, &to.u.any, to.length), 3);
    char answer[10] = "";
    ssize_t n = recv(fd, answer, sizeof answer - 1, 0);
    close(fd);
    return n < 0 ? -1 : strtol(answer, NULL, 10);
}

static const char *const groups4[] = {"239.255.77.1%lo", NULL};
static const char *const groups6[] = {"ff15::7701%lo", NULL};
static const char *const both[] = {"239.255.77.1%lo", "ff15::7701%lo", NULL};

static const struct {
    const char *address;
    const char *const *groups;
    const char *asked;
} memberships[] = {
    {"0.0.0.0:0", groups4, "239.255.77.1"},
    {"[::]:0", groups6, "ff15::7701"},
    {":0", both, "239.255.77.1"},
    {":0", both, "ff15::7701"},
    {"239.255.77.1:0", groups4, "239.255.77.1"},
};

/* Where the loopback interface has no route for groups of IPv6, as is usual, nobody gets what is sent to
   them: there test_multicast.py sees to it, in a network of its own. */
static bool loopback_has_groups_of_ipv6(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    socklen_t size = sizeof any;
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ipv6_mreq request = {.ipv6mr_interface = if_nametoindex("lo")};
    inet_pton(AF_INET6, "ff15::7701", &request.ipv6mr_multiaddr);
    bool there = bind(fd, (struct sockaddr *)&any, sizeof any) == 0 &&
                 setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request) == 0 &&
                 getsockname(fd, (struct sockaddr *)&any, &size) == 0;
    if (there) {
        struct pollfd input = {.fd = fd, .events = POLLIN};
        (void)ask_group("ff15::7701", ntohs(any.sin6_port), 1);
        there = poll(&input, 1, 200) == 1;
    }
    close(fd);
    return there;
}

static void test_groups(void **state)
{
    static const char *const mixins[] = {"", "Threading", "Forking", "Preforking", "EventLoop"};
    (void)state;
    bool has_v6 = loopback_has_groups_of_ipv6();
    for (size_t i = 0; i < COUNT(memberships) * COUNT(mixins); i++) {
        struct running r;
        if (!has_v6 && strchr(memberships[i / COUNT(mixins)].asked, ':'))
            continue;
        char name[50];
        snprintf(name, sizeof name, "%sUDPServer", mixins[i % COUNT(mixins)]);
        prepare(&r, ss_bases(name), memberships[i / COUNT(mixins)].address, &Sizes);
        r.server.multicast_groups = memberships[i / COUNT(mixins)].groups;
        launch(&r);
        const char *group = memberships[i / COUNT(mixins)].asked;
        assert_int_equal(ask_group(group, ss_address_port(&r.server.server_address), PATIENCE), 3);
        stop(&r);
    }
}

static atomic_int counted;

static int count(struct ss_handler *h)
{
    (void)h;
    counted++;
    return 0;
}
static const struct ss_handler_class Counting = {.handle = count};

enum { SENT = 10 };

static void send_to_group(const char *group, unsigned port)
{
    for (int i = 0; i < SENT; i++)
        (void)ask_group(group, port, 1);
}

/* Returns when all loops are there. */
static void wait_for_first(const struct ss_server *server)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((in_port_t)ss_address_port(&server->server_address))};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to), 1);
    while (counted == 0)
        poll(NULL, 0, 1);
    close(fd);
}

/* Of several loops one handles it, whether they have a socket each or share one, and whoever has joined. */
static void test_groups_of_several_loops(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct running r;
        prepare(&r, ss_bases("EventLoopUDPServer"), i % 2 ? ":0" : "0.0.0.0:0", &Counting);
        r.server.workers = 3;
        r.server.allow_reuse_port = true;
        r.server.multicast_groups = i < 2 ? groups4 : NULL;
        counted = 0;
        launch(&r);
        wait_for_first(&r.server);
        if (i >= 2)
            assert_int_equal(ss_join_group(&r.server, "239.255.77.1%lo"), 0);
        send_to_group("239.255.77.1", ss_address_port(&r.server.server_address));
        stop(&r);
        assert_int_equal(counted, 1 + SENT);
    }
}

/* Two programs on one machine that are in a group both get its datagrams; one that has not joined gets none.
 */
static void test_groups_of_two_programs(void **state)
{
    (void)state;
    struct running r[3];
    char address[30] = "0.0.0.0:0";
    counted = 0;
    for (int i = 0; i < 3; i++) {
        prepare(&r[i], ss_bases("UDPServer"), address, &Counting);
        r[i].server.allow_reuse_address = true;
        r[i].server.multicast_groups = i < 2 ? groups4 : NULL;
        launch(&r[i]);
        snprintf(address, sizeof address, "0.0.0.0:%u", ss_address_port(&r[0].server.server_address));
    }
    send_to_group("239.255.77.1", ss_address_port(&r[0].server.server_address));
    for (int i = 0; i < 3; i++)
        stop(&r[i]);
    assert_int_equal(counted, 2 * SENT);
}

static void test_join_and_leave(void **state)
{
    (void)state;
    struct running r;
    start(&r, ss_bases("EventLoopUDPServer"), ":0", &Sizes);
    unsigned port = ss_address_port(&r.server.server_address);
    assert_int_equal(ask_group("239.255.77.2", port, 50), -1);
    assert_int_equal(ss_join_group(&r.server, "239.255.77.2%lo"), 0);
    assert_int_equal(ask_group("239.255.77.2", port, PATIENCE), 3);
    assert_int_equal(ss_join_group(&r.server, "239.255.77.2%lo"), -EADDRINUSE);
    assert_int_equal(ss_leave_group(&r.server, "239.255.77.2%lo"), 0);
    assert_int_equal(ss_leave_group(&r.server, "239.255.77.2%lo"), -EADDRNOTAVAIL);
    assert_int_equal(ask_group("239.255.77.2", port, 50), -1);
    static const char *const wrong[] = {"", "10.0.0.1", "fe80::1", "239.255.77", "%lo", "name", "[ff15::1]"};
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_int_equal(ss_join_group(&r.server, wrong[i]), -EINVAL);
    assert_int_equal(ss_join_group(&r.server, "239.255.77.2%nowhere0"), -ENODEV);
    stop(&r);
    start(&r, ss_bases("UDPServer"), "127.0.0.1:0", &Sizes);
    assert_int_equal(ss_join_group(&r.server, "ff15::1%lo"), -EAFNOSUPPORT);
    stop(&r);
}

static void test_how_it_is_sent(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        int level, ttl, loop;
    } families[] = {{"127.0.0.1:0", IPPROTO_IP, IP_MULTICAST_TTL, IP_MULTICAST_LOOP},
                    {"[::1]:0", IPPROTO_IPV6, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_LOOP},
                    {":0", IPPROTO_IP, IP_MULTICAST_TTL, IP_MULTICAST_LOOP}};
    for (size_t i = 0; i < COUNT(families); i++) {
        struct running r;
        struct ss_stream *s;
        prepare(&r, ss_bases("UDPServer"), families[i].address, &Sizes);
        r.server.multicast_ttl = 5;
        r.server.multicast_loop = false;
        r.server.multicast_interface = "lo";
        r.server.allow_broadcast = true;
        launch(&r);
        assert_int_equal(option_of(r.server.socket, families[i].level, families[i].ttl), 5);
        assert_int_equal(option_of(r.server.socket, families[i].level, families[i].loop), 0);
        assert_int_equal(option_of(r.server.socket, SOL_SOCKET, SO_BROADCAST), 1);
        char port[50];
        snprintf(port, sizeof port, "%s:%u", i == 1 ? "[::1]" : "127.0.0.1",
                 ss_address_port(&r.server.server_address));
        assert_int_equal(ss_connect(NULL, port, SOCK_DGRAM, 1000, &s), 0);
        assert_int_equal(ss_set_multicast(s, "lo", 3, false), 0);
        assert_int_equal(option_of(s->fd, i == 1 ? IPPROTO_IPV6 : IPPROTO_IP,
                                   i == 1 ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL),
                         3);
        assert_int_equal(ss_set_multicast(s, "nowhere0", 3, false), -ENODEV);
        assert_int_equal(ss_set_broadcast(s, true), 0);
        ss_close(s);
        stop(&r);
    }
}

static void test_wrong_fields(void **state)
{
    (void)state;
    static const char *const wrong[] = {"239.255.77.1%nowhere0", NULL};
    struct running r;
    prepare(&r, ss_bases("UDPServer"), "127.0.0.1:0", &Sizes);
    r.server.multicast_groups = wrong;
    assert_int_equal(ss_server_bind(&r.server), -ENODEV);
    ss_server_close(&r.server);
    prepare(&r, ss_bases("TCPServer"), "127.0.0.1:0", &Options);
    r.server.keepalive = 1 << 30;
    assert_int_equal(ss_server_bind(&r.server), -EINVAL);
    ss_server_close(&r.server);
}

/* ---- who a client of a Unix socket is ---- */

static int tell_credentials(struct ss_handler *h)
{
    struct ss_credentials who;
    int rc = ss_client_credentials(h->request, &who);
    if (rc < 0)
        return ss_printf(h->wfile, "%d %d", rc == -EOPNOTSUPP, h->client_address.u.any.sa_family);
    return ss_printf(h->wfile, "%d %u %u %d", (int)who.pid, (unsigned)who.uid, (unsigned)who.gid,
                     h->client_address.u.any.sa_family);
}
static const struct ss_handler_class Credentials = {.handle = tell_credentials};

static void test_credentials(void **state)
{
    (void)state;
    char expected[100];
    struct running r;
    start(&r, ss_bases("EventLoopUnixStreamServer"), "unix:@credentials-*", &Credentials);
    int fd = client_of(&r.server);
    snprintf(expected, sizeof expected, "%d %u %u %d", (int)getpid(), (unsigned)geteuid(),
             (unsigned)getegid(), AF_UNIX);
    expect(fd, expected);
    close(fd);
    stop(&r);
    snprintf(expected, sizeof expected, "1 %d", AF_INET);
    static const char *const names[] = {"TCPServer", "UDPServer"};
    for (size_t i = 0; i < COUNT(names); i++) {
        start(&r, ss_bases(names[i]), "127.0.0.1:0", &Credentials);
        fd = client_of(&r.server);
        if (r.server.socket_type == SOCK_DGRAM)
            say(fd, "x");
        expect(fd, expected);
        close(fd);
        stop(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_other_sockets),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_groups_of_several_loops),
        cmocka_unit_test(test_groups_of_two_programs),
        cmocka_unit_test(test_join_and_leave),
        cmocka_unit_test(test_how_it_is_sent),
        cmocka_unit_test(test_wrong_fields),
        cmocka_unit_test(test_credentials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
