/* SPDX-License-Identifier: MIT */
/* Datagrams: who answers, what was cut, and what cannot be answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdlib.h>

static const char *const mixins[] = {"", "Threading", "ThreadPool", "Forking", "Preforking", "EventLoop"};

static int tell(struct ss_handler *h)
{
    struct ss_datagram *d = h->request->datagram;
    char client[SS_ADDRESS_TEXT] = "", local[SS_ADDRESS_TEXT] = "";
    ss_address_format(&d->client_address, client, sizeof client);
    ss_address_format(&d->local_address, local, sizeof local);
    return ss_printf(h->wfile, "%zu %d %s", d->size, d->truncated, local);
}
static const struct ss_handler_class Telling = {.handle = tell};

/* Asks one address of the machine; the answer must come from there, or a connected socket refuses it. */
static void ask(const char *host, const char *local, unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval patience = {.tv_sec = PATIENCE / 1000};
    char expected[SS_ADDRESS_TEXT];
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    inet_pton(AF_INET, host, &to.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    say(fd, "who?");
    snprintf(expected, sizeof expected, "4 0 %s:%u", local, port);
    expect(fd, expected);
    close(fd);
}

static void test_reply_source(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct running r;
        char name[50];
        snprintf(name, sizeof name, "%sUDPServer", mixins[i]);
        start(&r, ss_bases(name), "0.0.0.0:0", &Telling);
        ask("127.0.0.1", "127.0.0.1", ss_address_port(&r.server.server_address));
        ask("127.0.0.2", "127.0.0.2", ss_address_port(&r.server.server_address));
        ask("127.1.2.3", "127.1.2.3", ss_address_port(&r.server.server_address));
        stop(&r);
        start(&r, ss_bases(name), ":0", &Telling);
        ask("127.0.0.1", "[::ffff:127.0.0.1]", ss_address_port(&r.server.server_address));
        ask("127.0.0.2", "[::ffff:127.0.0.2]", ss_address_port(&r.server.server_address));
        stop(&r);
    }
}

static void test_reply_source_ipv6(void **state)
{
    struct running r;
    char address[60], expected[80];
    struct ss_stream *s;
    char reply[100] = "";
    (void)state;
    start(&r, SS_BASES(&UDPServer), ":0", &Telling);
    snprintf(address, sizeof address, "[::1]:%u", ss_address_port(&r.server.server_address));
    snprintf(expected, sizeof expected, "1 0 %s", address);
    assert_int_equal(ss_connect(NULL, address, SOCK_DGRAM, PATIENCE, &s), 0);
    ss_write(s, "x", 1);
    assert_int_equal(ss_read(s, reply, sizeof reply), strlen(expected));
    assert_string_equal(reply, expected);
    ss_close(s);
    stop(&r);
}

/* ---- what a reply may be ---- */

static int reply_with(struct ss_handler *h)
{
    char text[20] = "";
    static char data[70000];
    ssize_t n = ss_read(h->rfile, text, sizeof text - 1);
    if (n < 0)
        return (int)n;
    return ss_write(h->wfile, data, strtoul(text, NULL, 10));
}

static atomic_int last_error;

static void remember(struct ss_server *self, struct ss_request *request, int error)
{
    (void)self, (void)request;
    last_error = error;
}
static const struct ss_class Remembering = {.name = "Remembering", .handle_error = remember};

/* No empty datagram for an empty reply; too large a one is an error of that request. */
static void test_reply_sizes(void **state)
{
    static const struct ss_handler_class handler = {.handle = reply_with};
    static char data[70000];
    struct running r;
    (void)state;
    start(&r, SS_BASES(&Remembering, &UDPServer), "127.0.0.1:0", &handler);
    int fd = client_of(&r.server);
    say(fd, "0");
    say(fd, "1");
    assert_int_equal(recv(fd, data, sizeof data, 0), 1); /* the first that comes */
    say(fd, "65507");
    assert_int_equal(recv(fd, data, sizeof data, 0), 65507);
    say(fd, "65508"); /* more than UDP can carry */
    say(fd, "2");
    assert_int_equal(recv(fd, data, sizeof data, 0), 2);
    assert_int_equal(last_error, -EMSGSIZE);
    last_error = 0;
    say(fd, "65536"); /* more than the buffer */
    say(fd, "3");
    assert_int_equal(recv(fd, data, sizeof data, 0), 3);
    assert_int_equal(last_error, -EMSGSIZE);
    close(fd);
    stop(&r);
}

/* An empty datagram is one, too. */
static void test_empty_request(void **state)
{
    struct running r;
    char reply[100];
    (void)state;
    start(&r, SS_BASES(&UDPServer), "127.0.0.1:0", &Telling);
    int fd = client_of(&r.server);
    assert_int_equal(send(fd, "", 0, 0), 0);
    assert_true(recv(fd, reply, sizeof reply, 0) > 0);
    assert_memory_equal(reply, "0 0 ", 4);
    close(fd);
    stop(&r);
}

/* A client without a name cannot be answered; that is no error. */
static void test_unnamed_client(void **state)
{
    struct running r;
    char reply[100];
    (void)state;
    last_error = 0;
    start(&r, SS_BASES(&Remembering, &UnixDatagramServer), "unix:@ss-unit-unnamed-*", &Telling);
    int nameless = socket(AF_UNIX, SOCK_DGRAM, 0);
    const struct ss_address *to = &r.server.server_address;
    assert_int_equal(sendto(nameless, "abc", 3, 0, &to->u.any, to->length), 3);
    int fd = client_of(&r.server);
    say(fd, "abc");
    assert_true(recv(fd, reply, sizeof reply, 0) > 0);
    close(fd);
    close(nameless);
    stop(&r);
    assert_int_equal(last_error, 0);
}

/* ---- errors of the socket, which somebody takes, or nobody ---- */

static atomic_bool takes_errors;
static atomic_int wakes;

static int ask_for_errors(struct ss_server *self)
{
    int on = 1;
    setsockopt(self->socket, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    return ss_super(self, &Remembering)->server_activate(self);
}

static void take_errors(struct ss_server *self)
{
    char data[500];
    wakes++;
    while (takes_errors && recv(ss_fileno(self), data, sizeof data, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0)
        ;
}
static const struct ss_class Erring = {
    .name = "Erring", .server_activate = ask_for_errors, .service_actions = take_errors};

static int reply_later(struct ss_handler *h)
{
    char data[100];
    ssize_t n = ss_read(h->rfile, data, sizeof data);
    ss_sleep(h->server, 30);
    return ss_write(h->wfile, data, (size_t)n);
}

/* A client that goes before its answer leaves an error behind. Others are served, and the server does not
   look for them without end. */
static void test_client_that_has_gone(void **state)
{
    static const struct ss_handler_class handler = {.handle = reply_later};
    (void)state;
    for (size_t i = 0; i < 2 * COUNT(mixins); i++) {
        struct running r;
        char name[50];
        snprintf(name, sizeof name, "%sMixIn", mixins[i / 2]);
        const struct ss_class *mixin = ss_mixin(name);
        const struct ss_class *bases[] = {&Erring, &Remembering, mixin ? mixin : &UDPServer, &UDPServer,
                                          NULL};
        takes_errors = i % 2;
        prepare(&r, bases, "127.0.0.1:0", &handler);
        r.server.workers = 2;
        launch(&r);
        for (int j = 0; j < 3; j++) {
            int fd = client_of(&r.server);
            say(fd, "bye");
            close(fd);
            fd = client_of(&r.server);
            say(fd, "hello");
            expect(fd, "hello");
            close(fd);
        }
        wakes = 0;
        poll(NULL, 0, 100);
        assert_true(wakes < 1000);
        stop(&r);
    }
}

/* A socket at an address that others of this test may have as well; with port 0, at one that nobody has. */
static int connected_socket(struct sockaddr_in *own, const struct sockaddr_in *peer)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0), shared = own->sin_port != 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &shared, sizeof shared);
    assert_int_equal(bind(fd, (struct sockaddr *)own, sizeof *own), 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    getsockname(fd, (struct sockaddr *)own, &(socklen_t){sizeof *own});
    assert_int_equal(connect(fd, (const struct sockaddr *)peer, sizeof *peer), 0);
    return fd;
}

static int shared_client(struct sockaddr_in *own, const struct sockaddr_in *server)
{
    struct timeval patience = {.tv_sec = PATIENCE / 1000};
    int fd = connected_socket(own, server);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    say(fd, "who?");
    return fd;
}

/* The same of a socket that was connected by whoever has opened it. */
static void test_connected_socket(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct sockaddr_in ours = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
                           theirs = ours;
        struct running r;
        char name[50], address[20], expected[80];
        /* The keeper hears nobody but itself: no other program gets the client's port while no client has it.
         */
        int keeper = connected_socket(&theirs, &theirs), server = connected_socket(&ours, &theirs);
        snprintf(name, sizeof name, "%sUDPServer", mixins[i]);
        snprintf(address, sizeof address, "fd:%d", server);
        start(&r, ss_bases(name), address, &Telling);
        close(shared_client(&theirs, &ours));
        poll(NULL, 0, 30);
        int fd = shared_client(&theirs, &ours);
        snprintf(expected, sizeof expected, "4 0 127.0.0.1:%u", ntohs(ours.sin_port));
        expect(fd, expected);
        close(fd);
        close(keeper);
        stop(&r);
    }
}

/* ---- several replies, and datagrams to others ---- */

static int reply_thrice(struct ss_handler *h)
{
    ss_printf(h->wfile, "one");
    int rc = ss_flush(h->wfile);
    ss_flush(h->wfile); /* nothing is no datagram */
    ss_printf(h->wfile, "t");
    ss_printf(h->wfile, "wo");
    ss_flush(h->wfile);
    ss_printf(h->wfile, "three");
    return rc;
}

static void test_several_replies(void **state)
{
    static const struct ss_handler_class handler = {.handle = reply_thrice};
    static const char *const servers[][2] = {
        {"UDPServer", "127.0.0.1:0"}, {"UDPServer", "0.0.0.0:0"}, {"UnixDatagramServer", "unix:@udp-*"}};
    (void)state;
    for (size_t i = 0; i < COUNT(mixins) * COUNT(servers); i++) {
        const char *const *server = servers[i % COUNT(servers)];
        struct running r;
        char name[50];
        snprintf(name, sizeof name, "%s%s", mixins[i / COUNT(servers)], server[0]);
        start(&r, ss_bases(name), server[1], &handler);
        int fd = client_of(&r.server);
        say(fd, "?");
        expect(fd, "one");
        expect(fd, "two");
        expect(fd, "three");
        close(fd);
        stop(&r);
    }
}

static struct ss_datagram first; /* who has asked first */

static int pass_on(struct ss_handler *h)
{
    const struct ss_datagram *d = h->request->datagram;
    if (!first.client_address.length)
        first = *d;
    return ss_send_to(h->server, &first.local_address, &first.client_address, d->data, d->size);
}

static int again_and_again(struct ss_server *self, void *argument)
{
    (void)argument;
    return first.client_address.length ? ss_send_to(self, NULL, &first.client_address, "by itself", 9) + 1
                                       : 0;
}

/* One gets what the others say, and what the server says by itself; from the address that he has asked. */
static void test_send_to_others(void **state)
{
    static const struct ss_handler_class handler = {.handle = pass_on};
    static const char *const servers[][2] = {{"UDPServer", "127.0.0.1:0"},
                                             {"UDPServer", "0.0.0.0:0"},
                                             {"UDPServer", ":0"},
                                             {"UnixDatagramServer", "unix:@udp-*"},
                                             {"EventLoopUDPServer", "0.0.0.0:0"}};
    (void)state;
    for (size_t i = 0; i < COUNT(servers); i++) {
        struct running r;
        memset(&first, 0, sizeof first);
        start(&r, ss_bases(servers[i][0]), servers[i][1], &handler);
        int one = client_of(&r.server), other = client_of(&r.server);
        say(one, "I am here.");
        expect(one, "I am here.");
        say(other, "Hello!");
        expect(one, "Hello!");
        close(other);
        stop(&r);
        close(one);
    }
}

static void test_send_by_the_clock(void **state)
{
    static const struct ss_handler_class handler = {.handle = pass_on};
    struct running r;
    (void)state;
    memset(&first, 0, sizeof first);
    prepare(&r, ss_bases("EventLoopUDPServer"), "127.0.0.1:0", &handler);
    assert_int_equal(ss_every(&r.server, 1, again_and_again, NULL), 0);
    launch(&r);
    int fd = client_of(&r.server);
    say(fd, "?");
    expect(fd, "?");
    expect(fd, "by itself");
    close(fd);
    stop(&r);
}

static void test_send_to_nobody(void **state)
{
    struct running r;
    struct ss_address there, none = {.length = 0};
    static char large[70000];
    (void)state;
    start(&r, ss_bases("TCPServer"), "127.0.0.1:0", &Telling);
    there = r.server.server_address;
    assert_int_equal(ss_send_to(&r.server, NULL, &there, "x", 1), -EINVAL);
    stop(&r);
    start(&r, ss_bases("UDPServer"), "127.0.0.1:0", &Telling);
    assert_int_equal(ss_send_to(&r.server, NULL, NULL, "x", 1), -EINVAL);
    assert_int_equal(ss_send_to(&r.server, NULL, &none, "x", 1), -EINVAL);
    assert_int_equal(ss_send_to(&r.server, NULL, &there, large, sizeof large), -EMSGSIZE);
    assert_int_equal(ss_send_to(&r.server, NULL, &there, "x", 1),
                     0); /* what the network says of it comes later */
    stop(&r);
    assert_int_equal(ss_send_to(&r.server, NULL, &there, "x", 1), -EINVAL);
    prepare(&r, ss_bases("UDPServer"), "127.0.0.1:0", &Telling);
    assert_int_equal(ss_send_to(&r.server, NULL, &there, "x", 1), -EBADF);
    ss_server_close(&r.server);
    start(&r, ss_bases("UnixDatagramServer"), "unix:@udp-*", &Telling);
    there = r.server.server_address;
    there.u.un.sun_path[1] = '!';
    assert_int_equal(ss_send_to(&r.server, NULL, &there, "x", 1), -ECONNREFUSED);
    stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reply_source),     cmocka_unit_test(test_reply_source_ipv6),
        cmocka_unit_test(test_reply_sizes),      cmocka_unit_test(test_empty_request),
        cmocka_unit_test(test_unnamed_client),   cmocka_unit_test(test_client_that_has_gone),
        cmocka_unit_test(test_connected_socket), cmocka_unit_test(test_several_replies),
        cmocka_unit_test(test_send_to_others),   cmocka_unit_test(test_send_by_the_clock),
        cmocka_unit_test(test_send_to_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
