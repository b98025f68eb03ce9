/* SPDX-License-Identifier: MIT */
/* Networks; AccessMixIn and ProxyProtocolMixIn with an echo server, under each mix-in that runs requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/proxy_header.h"
#include "server_thread.h"
#include <arpa/inet.h>
#include <errno.h>

/* ---- networks ---- */

static struct ss_address address_of(const char *text)
{
    struct ss_address a = {.length = sizeof a.u.in, .u.in = {.sin_family = AF_INET}};
    if (strchr(text, ':')) {
        a.length = sizeof a.u.in6;
        a.u.in6.sin6_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, text, &a.u.in6.sin6_addr), 1);
    } else {
        assert_int_equal(inet_pton(AF_INET, text, &a.u.in.sin_addr), 1);
    }
    return a;
}

static void test_has(void **state)
{
    static const struct {
        const char *network, *address;
        bool has;
    } rows[] = {
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"192.0.2.0/25", "192.0.2.127", true},
        {"192.0.2.0/25", "192.0.2.128", false},
        {"0.0.0.0/0", "255.255.255.255", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "0.0.0.0", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"[::1]", "::1", true},
        {"[fe80::]/10", "febf::1", true},
        {"::ffff:10.0.0.0/104", "10.1.2.3", true},
        {"::ffff:10.0.0.0/104", "11.1.2.3", false},
        {"unix", "0.0.0.0", false},
        {"user:0", "::", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ss_network network;
        struct ss_address address = address_of(rows[i].address);
        assert_int_equal(ss_network_parse(rows[i].network, &network), 0);
        if (ss_network_has(&network, &address) != rows[i].has)
            print_error("%s, %s\n", rows[i].network, rows[i].address);
        assert_int_equal(ss_network_has(&network, &address), rows[i].has);
    }
}

static void test_no_networks(void **state)
{
    static const char *const texts[] = {"",           "1.2.3",      "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/-1",
                                        "1.2.3.4/24", "::/129",     "::1/127",  "[::1",       "[1.2.3.4",
                                        "localhost",  "1.2.3.4 ",   "/8",       "[]",         "[",
                                        "]",          "1.2.3.4/+8", "::1%lo"};
    struct ss_network network = {.bits = 77};
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_int_equal(ss_network_parse(texts[i], &network), -EINVAL);
    assert_int_equal(ss_network_parse("user:no-such-user-here", &network), -ENOENT);
    assert_int_equal(network.bits, 77);
    assert_int_equal(ss_network_parse("user:root", &network), 0);
    assert_int_equal(network.user, 0);
}

/* ---- servers ---- */

static int tell_client(struct ss_handler *h)
{
    char line[100], text[SS_ADDRESS_TEXT] = "nobody";
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    if (n <= 0)
        return (int)n;
    if (h->client_address.length)
        ss_address_format(&h->client_address, text, sizeof text);
    return ss_printf(h->wfile, "%s %s", strncmp(text, "127.0.0.1:", 10) == 0 ? "peer" : text, line) < 0
               ? -EPIPE
               : SS_PARK;
}
static const struct ss_handler_class Teller = {.handle = tell_client};

static const struct ss_class *const runners[][3] = {
    {NULL},
    {&ThreadingMixIn},
    {&ThreadPoolMixIn},
    {&ForkingMixIn},
    {&PreforkingMixIn},
    {&EventLoopMixIn},
    {&PreforkingMixIn, &EventLoopMixIn},
};

static void start_guarded(struct running *r, const struct ss_class *const *runner, const char *const *proxies,
                          const char *const *allow, const char *const *deny)
{
    const struct ss_class *bases[8] = {&AccessMixIn, &ProxyProtocolMixIn};
    size_t count = 2;
    while (*runner)
        bases[count++] = *runner++;
    bases[count] = &TCPServer;
    prepare(r, bases, "127.0.0.1:0", &Teller);
    r->server.workers = 2;
    r->server.proxies = proxies;
    r->server.allow = allow;
    r->server.deny = deny;
    launch(r);
}

/* What is sent, and what comes; NULL: the end. */
static void converse(struct running *r, const char *head, const char *answer)
{
    char text[100] = "";
    int fd = client_of(&r->server);
    assert_true(send(fd, head, strlen(head), MSG_NOSIGNAL) >= 0);
    if (answer) {
        expect(fd, answer);
        assert_int_equal(send(fd, "again\n", 6, MSG_NOSIGNAL), 6);
        const char *space = strchr(answer, ' ');
        snprintf(text, sizeof text, "%.*s again\n", (int)(space - answer), answer);
        expect(fd, text);
    } else {
        assert_true(recv(fd, text, sizeof text, 0) <= 0);
    }
    close(fd);
}

static void test_proxied(void **state)
{
    static const char *const proxies[] = {"10.0.0.0/8", "127.0.0.1", NULL}, *const deny[] = {"192.0.2.9",
                                                                                             NULL};
    (void)state;
    for (size_t i = 0; i < COUNT(runners); i++) {
        struct running r;
        start_guarded(&r, runners[i], proxies, NULL, deny);
        converse(&r, "PROXY TCP4 192.0.2.7 10.0.0.1 5000 80\r\nx\n", "192.0.2.7:5000 x\n");
        converse(&r, "PROXY TCP6 2001:db8::7 ::1 5000 80\r\nx\n", "[2001:db8::7]:5000 x\n");
        converse(&r, "PROXY UNKNOWN\r\nx\n", "peer x\n");
        converse(&r, "PROXY TCP4 192.0.2.9 10.0.0.1 5000 80\r\nx\n", NULL);
        stop(&r);
    }
}

static void test_without_trust(void **state)
{
    static const char *const proxies[] = {"10.0.0.0/8", NULL};
    (void)state;
    for (size_t i = 0; i < COUNT(runners); i++) {
        struct running r;
        start_guarded(&r, runners[i], proxies, NULL, NULL);
        converse(&r, "PROXY x\n", "peer PROXY x\n");
        stop(&r);
    }
}

static void test_allowed(void **state)
{
    static const char *const here[] = {"::1", "127.0.0.0/8", NULL}, *const there[] = {"10.0.0.0/8", NULL};
    (void)state;
    for (size_t i = 0; i < COUNT(runners); i++) {
        struct running r;
        start_guarded(&r, runners[i], NULL, here, there);
        converse(&r, "x\n", "peer x\n");
        stop(&r);
        start_guarded(&r, runners[i], NULL, there, NULL);
        converse(&r, "x\n", NULL);
        stop(&r);
        start_guarded(&r, runners[i], NULL, here, here);
        converse(&r, "x\n", NULL);
        stop(&r);
    }
}

static void test_bad_lists(void **state)
{
    static const char *const bad[] = {"10.0.0.0/8", "10.0.0.1/8", NULL};
    const char *many[SS_MAX_NETWORKS + 2] = {NULL};
    (void)state;
    for (size_t i = 0; i <= SS_MAX_NETWORKS; i++)
        many[i] = "::1";
    for (int field = 0; field < 3; field++) {
        struct ss_server server;
        const char *const *list = field == 2 ? many : bad;
        assert_int_equal(ss_server_init(&server, SS_BASES(&AccessMixIn, &ProxyProtocolMixIn, &TCPServer),
                                        "127.0.0.1:0", &Teller),
                         0);
        *(field == 0 ? &server.allow : field == 1 ? &server.deny : &server.proxies) = list;
        assert_int_equal(ss_server_bind(&server), field == 2 ? -ENOBUFS : -EINVAL);
        ss_server_close(&server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_has),     cmocka_unit_test(test_no_networks),
        cmocka_unit_test(test_proxied), cmocka_unit_test(test_without_trust),
        cmocka_unit_test(test_allowed), cmocka_unit_test(test_bad_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
