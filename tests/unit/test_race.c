/* SPDX-License-Identifier: MIT */
/* ss_connect to a name with several addresses, and ss_connect_with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_names.h"
#include <arpa/inet.h>
#include <signal.h>
#include <sys/wait.h>

enum { HEAD_START = 250 }; /* ms */
enum { ATTEMPTS = 8 };     /* at once */
enum { SOON = PATIENCE / 2 };

static const struct ss_handler_class EchoHandler = {.handle = echo_lines};

static void set_addresses(const char *const *addresses)
{
    memset(fakes, 0, sizeof fakes);
    fakes[0].name = "several.test";
    for (int i = 0; addresses[i]; i++)
        fakes[0].addresses[i] = addresses[i];
}

#define ADDRESSES(...) set_addresses((const char *const[]){__VA_ARGS__, NULL})

/* ---- connect(2) that is told how it ends ---- */

static struct {
    const char *address; /* the beginning of its text */
    int error;
} told[10];
static char order[1000]; /* the addresses that were tried */

int connect(int fd, const struct sockaddr *to, socklen_t length)
{
    int (*real)(int, const struct sockaddr *, socklen_t) = NULL;
    void *found = dlsym(RTLD_NEXT, "connect");
    memcpy(&real, &found, sizeof real);
    struct ss_address address = {.length = length};
    char text[SS_ADDRESS_TEXT];
    memcpy(&address.u, to, length);
    ss_address_format(&address, text, sizeof text);
    for (size_t i = 0; i < COUNT(told) && told[i].address; i++)
        if (strncmp(text, told[i].address, strlen(told[i].address)) == 0) {
            *strrchr(text, ':') = 0;
            snprintf(order + strlen(order), sizeof order - strlen(order), "%s ", text);
            errno = told[i].error;
            return -1;
        }
    return real(fd, to, length);
}

static int connect_told(int type)
{
    struct ss_stream *s;
    order[0] = '\0';
    int rc = ss_connect(NULL, "several.test:9", type, PATIENCE, &s);
    assert_null(s);
    return rc;
}

/* Families take turns, each in the resolver's order. */
static void test_order(void **state)
{
    (void)state;
    told[0].address = "192.0.2.";
    told[1].address = "[2001:db8:";
    told[0].error = told[1].error = ECONNREFUSED;
    for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
        ADDRESSES("2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "192.0.2.2");
        assert_int_equal(connect_told(type), -ECONNREFUSED);
        assert_string_equal(order, "[2001:db8::1] 192.0.2.1 [2001:db8::2] 192.0.2.2 [2001:db8::3] ");
        ADDRESSES("192.0.2.4", "192.0.2.3", "192.0.2.5", "2001:db8::1");
        assert_int_equal(connect_told(type), -ECONNREFUSED);
        assert_string_equal(order, "192.0.2.4 [2001:db8::1] 192.0.2.3 192.0.2.5 ");
        ADDRESSES("192.0.2.4");
        assert_int_equal(connect_told(type), -ECONNREFUSED);
        assert_string_equal(order, "192.0.2.4 ");
    }
}

/* The last error, but what says nothing of the other side only if there is nothing else. */
static void test_most_useful_error(void **state)
{
    static const int rows[][4] = {
        {ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL, ECONNREFUSED},
        {ENETUNREACH, ECONNREFUSED, ETIMEDOUT, ETIMEDOUT},
        {ENETUNREACH, EADDRNOTAVAIL, ENETUNREACH, ENETUNREACH},
        {ENETUNREACH, EHOSTUNREACH, EAFNOSUPPORT, EHOSTUNREACH},
        {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EHOSTUNREACH},
        {EACCES, ENETUNREACH, ENETUNREACH, EACCES},
    };
    (void)state;
    ADDRESSES("192.0.2.1", "192.0.2.2", "192.0.2.3");
    told[0].address = "192.0.2.1";
    told[1].address = "192.0.2.2";
    told[2].address = "192.0.2.3";
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (int j = 0; j < 3; j++)
            told[j].error = rows[i][j];
        assert_int_equal(connect_told(SOCK_STREAM), -rows[i][3]);
    }
    memset(told, 0, sizeof told);
}

/* ---- an address where nobody answers: the queue of its listener is full, so a client's SYN waits ---- */

struct hole {
    int fd, fillers[4];
    unsigned port;
};

static void open_hole(struct hole *hole, const char *host)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t length = sizeof in;
    inet_pton(AF_INET, host, &in.sin_addr);
    hole->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(hole->fd, (struct sockaddr *)&in, length), 0);
    assert_int_equal(listen(hole->fd, 0), 0);
    getsockname(hole->fd, (struct sockaddr *)&in, &length);
    hole->port = ntohs(in.sin_port);
    for (int i = 0; i < 4; i++) {
        hole->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(hole->fillers[i], (struct sockaddr *)&in, length);
    }
    poll(NULL, 0, 20); /* until the fillers' packets are through */
}

static void close_hole(struct hole *hole)
{
    for (int i = 0; i < 4; i++)
        close(hole->fillers[i]);
    close(hole->fd);
}

static void start_at(struct running *r, const char *host, unsigned port)
{
    char address[50];
    snprintf(address, sizeof address, "%s:%u", host, port);
    start(r, SS_BASES(&ThreadingMixIn, &TCPServer), address, &EchoHandler);
}

/* Is the stream connected with such a server? */
static void expect_echo(struct ss_stream *s)
{
    char line[10];
    assert_int_equal(ss_write(s, "x\n", 2), 0);
    assert_int_equal(ss_readline(s, line, sizeof line), 2);
    assert_int_equal(ss_close(s), 0);
}

static void test_head_start(void **state)
{
    struct hole hole;
    struct running r;
    struct ss_stream *s;
    char address[50];
    (void)state;
    int before = count_descriptors();
    open_hole(&hole, "127.0.0.1");
    start_at(&r, "[::1]", hole.port);
    snprintf(address, sizeof address, "several.test:%u", hole.port);
    ADDRESSES("127.0.0.1", "::1");
    int open = count_descriptors();
    uint64_t begin = ss_now();
    assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &s), 0);
    uint64_t took = ss_now() - begin;
    assert_true(took >= HEAD_START - 1 && took < SOON);
    expect_echo(s);
    stop(&r);
    /* the one that has lost is closed */
    close_hole(&hole);
    assert_true(count_descriptors() <= open);
    assert_int_equal(count_descriptors(), before);
}

/* What fails leaves no time unused. */
static void test_next_at_once(void **state)
{
    struct running r;
    struct ss_stream *s;
    char address[50];
    (void)state;
    start_at(&r, "127.0.0.1", 0);
    snprintf(address, sizeof address, "several.test:%u", ss_address_port(&r.server.server_address));
    ADDRESSES("127.0.0.2", "::1", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.1");
    uint64_t begin = ss_now(), fastest = UINT64_MAX;
    for (int i = 0; i < 5; i++, begin = ss_now()) {
        assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &s), 0);
        fastest = ss_now() - begin < fastest ? ss_now() - begin : fastest;
        expect_echo(s);
    }
    assert_true(fastest < HEAD_START);
    stop(&r);
}

/* One that needs more than its head start is not given up: it wins when the others fail. */
static void test_slow_one_wins(void **state)
{
    struct hole hole;
    struct ss_stream *s;
    char address[50];
    (void)state;
    open_hole(&hole, "127.0.0.1");
    snprintf(address, sizeof address, "several.test:%u", hole.port);
    ADDRESSES("127.0.0.1", "::1");
    pid_t pid = fork();
    if (pid == 0) { /* takes them out of the queue when the second address has been refused */
        poll(NULL, 0, 2 * HEAD_START);
        for (int i = 0; i < 4; i++)
            (void)accept(hole.fd, NULL, NULL);
        pause();
    }
    uint64_t begin = ss_now();
    assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &s), 0);
    assert_true(ss_now() - begin >= 2 * HEAD_START - 50);
    ss_close(s);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close_hole(&hole);
}

/* Of more than ATTEMPTS addresses the oldest attempt makes room. */
static void test_many_addresses(void **state)
{
    struct hole hole;
    struct running r;
    struct ss_stream *s;
    char address[50];
    (void)state;
    open_hole(&hole, "127.0.0.1");
    start_at(&r, "[::1]", hole.port);
    snprintf(address, sizeof address, "several.test:%u", hole.port);
    ADDRESSES("127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1",
              "127.0.0.1", "127.0.0.1", "127.0.0.2");
    told[0].address = "127.0.0.2";
    told[0].error = EACCES;
    uint64_t begin = ss_now();
    assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, (ATTEMPTS + 2) * HEAD_START, &s), -ETIMEDOUT);
    assert_true(strstr(order, "127.0.0.2"));
    assert_true(ss_now() - begin >= (ATTEMPTS + 1) * HEAD_START);
    memset(told, 0, sizeof told);
    stop(&r);
    close_hole(&hole);
}

/* `ms` is the limit of the look-up and of all attempts together. */
static void test_one_limit(void **state)
{
    struct hole hole;
    struct ss_stream *s;
    char address[50];
    (void)state;
    open_hole(&hole, "127.0.0.1");
    snprintf(address, sizeof address, "several.test:%u", hole.port);
    ADDRESSES("127.0.0.1", "127.0.0.1", "127.0.0.1");
    static const int limits[] = {30, HEAD_START + 100};
    for (size_t i = 0; i < COUNT(limits); i++) {
        uint64_t begin = ss_now();
        assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, limits[i], &s), -ETIMEDOUT);
        assert_null(s);
        assert_true(ss_now() - begin + 1 >= (uint64_t)limits[i] && ss_now() - begin < SOON);
    }
    snprintf(address, sizeof address, "127.0.0.1:%u", hole.port);
    assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, 0, &s), -ETIMEDOUT);
    close_hole(&hole);
}

/* ---- in handlers ---- */

static char target[50];
static atomic_int connecting, ended;

static int connect_there(struct ss_handler *h)
{
    struct ss_stream *s;
    char line[20];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    h->request->busy = true;
    if (n <= 0)
        return (int)n;
    atomic_fetch_add(&connecting, 1);
    int rc = ss_connect(h->server, target, SOCK_STREAM, PATIENCE, &s);
    atomic_store(&ended, rc);
    if (rc < 0)
        return rc;
    ss_write(s, line, (size_t)n);
    if ((n = ss_readline(s, line, sizeof line)) > 0)
        ss_write(h->wfile, line, (size_t)n);
    return ss_close(s);
}

static const struct ss_handler_class Connecting = {.handle = connect_there};
static const char *const classes[] = {"TCPServer", "ThreadingTCPServer", "ThreadPoolTCPServer",
#ifndef __SANITIZE_THREAD__ /* it takes no new threads in a process that one with several threads has forked \
                             */
                                      "ForkingTCPServer",
#endif
                                      "EventLoopTCPServer"};

static void test_in_handlers(void **state)
{
    struct hole hole;
    struct running back, r;
    (void)state;
    open_hole(&hole, "127.0.0.1");
    start_at(&back, "[::1]", hole.port);
    snprintf(target, sizeof target, "several.test:%u", hole.port);
    ADDRESSES("127.0.0.1", "::1");
    for (size_t i = 0; i < COUNT(classes); i++) {
        start(&r, ss_bases(classes[i]), "127.0.0.1:0", &Connecting);
        int fd = client_of(&r.server);
        say(fd, "through\n");
        expect(fd, "through\n");
        expect_end(fd);
        close(fd);
        stop(&r);
    }
    stop(&back);
    close_hole(&hole);
}

static void test_cancel(void **state)
{
    struct hole hole;
    struct running r;
    (void)state;
    open_hole(&hole, "127.0.0.1");
    snprintf(target, sizeof target, "several.test:%u", hole.port);
    ADDRESSES("127.0.0.1", "127.0.0.1");
    for (size_t i = 0; i < COUNT(classes); i++) {
        if (strncmp(classes[i], "Forking", 7) == 0)
            continue; /* `ended` is another process's */
        connecting = ended = 0;
        int before = count_descriptors();
        start(&r, ss_bases(classes[i]), "127.0.0.1:0", &Connecting);
        int fd = client_of(&r.server);
        say(fd, "through\n");
        for (int n = 0; n < PATIENCE && !connecting; n++)
            poll(NULL, 0, 1);
        poll(NULL, 0, i % 2 ? HEAD_START + 20 : 20);
        uint64_t begin = ss_now();
        ss_cancel(&r.server);
        join(&r);
        assert_int_equal(ended, -ECANCELED);
        assert_true(ss_now() - begin < SOON);
        close(fd);
        assert_int_equal(count_descriptors(), before);
    }
    close_hole(&hole);
}

/* ---- localhost ---- */

static void test_localhost_is_both(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "[::1]"};
    (void)state;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct running r;
        struct ss_stream *s;
        char address[50];
        start_at(&r, hosts[i], 0);
        snprintf(address, sizeof address, "localhost:%u", ss_address_port(&r.server.server_address));
        assert_int_equal(ss_connect(NULL, address, SOCK_STREAM, PATIENCE, &s), 0);
        expect_echo(s);
        stop(&r);
    }
}

/* ---- options ---- */

static int tell_client(struct ss_handler *h)
{
    char text[SS_ADDRESS_TEXT];
    int rc = ss_address_format(&h->client_address, text, sizeof text);
    return rc < 0 ? rc : ss_printf(h->wfile, "%s\n", text);
}

/* From where does the connection come, as its server sees it? */
static int ask_origin(const char *address, const struct ss_connect_options *options, char *text, size_t size)
{
    struct ss_stream *s;
    int rc = ss_connect_with(NULL, address, SOCK_STREAM, PATIENCE, options, &s);
    if (rc < 0) {
        assert_null(s);
        return rc;
    }
    assert_true(ss_readline(s, text, size) > 0);
    return ss_close(s);
}

static void test_from(void **state)
{
    static const struct ss_handler_class Origin = {.handle = tell_client};
    static const struct {
        struct ss_connect_options options;
        const char *origin;
        int rc;
    } rows[] = {
        {{.from = "127.0.0.5:0"}, "127.0.0.5:", 0},
        {{.from = "[::1]:0"}, "[::1]:", 0},
        {{.family = AF_INET}, "127.0.0.1:", 0},
        {{.family = AF_INET6}, "[::1]:", 0},
        {{.family = AF_INET, .from = ":0"}, "127.0.0.1:", 0},
        {{.interface = "lo"}, "[::1]:", 0},
        {{.interface = "lo", .from = "127.0.0.6:0"}, "127.0.0.6:", 0},
        {{.from = "192.0.2.77:0"}, NULL, -EADDRNOTAVAIL},
        {{.from = "localhost"}, NULL, -EINVAL},
        {{.from = "some.test:0"}, NULL, -EINVAL},
        {{.from = "127.0.0.1:http"}, NULL, -EINVAL},
        {{.from = "unix:/x"}, NULL, -EINVAL},
        {{.from = "fd:3"}, NULL, -EINVAL},
        {{.family = AF_INET6, .from = "127.0.0.1:0"}, NULL, -EAFNOSUPPORT},
        {{.interface = "no-such-device"}, NULL, -ENODEV},
        {{.interface = ""}, NULL, -ENODEV},
        {{.interface = "lo-but-longer-than-any"}, NULL, -ENODEV},
    };
    struct running r;
    char address[50], text[SS_ADDRESS_TEXT];
    (void)state;
    int before = count_descriptors();
    start(&r, SS_BASES(&ThreadingMixIn, &TCPServer), "localhost:0", &Origin);
    snprintf(address, sizeof address, "localhost:%u", ss_address_port(&r.server.server_address));
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(ask_origin(address, &rows[i].options, text, sizeof text), rows[i].rc);
        if (rows[i].rc == 0)
            assert_memory_equal(text, rows[i].origin, strlen(rows[i].origin));
    }
    stop(&r);
    assert_int_equal(count_descriptors(), before);
}

/* The same port twice: the first connection is remembered for a minute. */
static void test_from_port(void **state)
{
    static const struct ss_handler_class Origin = {.handle = tell_client};
    struct running r, other;
    char text[SS_ADDRESS_TEXT], from[20], expected[40];
    (void)state;
    start(&other, SS_BASES(&TCPServer), "127.0.0.1:0", &Origin); /* has a port that will be free */
    snprintf(from, sizeof from, ":%u", ss_address_port(&other.server.server_address));
    stop(&other);
    for (int i = 0; i < 2; i++) {
        start(&r, SS_BASES(&ThreadingMixIn, &TCPServer), "127.0.0.1:0", &Origin);
        struct ss_connect_options options = {.from = from};
        assert_int_equal(ask_origin(r.text, &options, text, sizeof text), 0);
        snprintf(expected, sizeof expected, "127.0.0.1%s\n", from);
        assert_string_equal(text, expected);
        stop(&r);
    }
}

static void test_from_datagram(void **state)
{
    static const struct ss_handler_class Origin = {.handle = tell_client};
    static const struct ss_connect_options options = {.from = "127.0.0.7:0"};
    struct running r;
    struct ss_stream *s;
    char text[SS_ADDRESS_TEXT];
    (void)state;
    start(&r, SS_BASES(&UDPServer), "127.0.0.1:0", &Origin);
    assert_int_equal(ss_connect_with(NULL, r.text, SOCK_DGRAM, PATIENCE, &options, &s), 0);
    assert_int_equal(ss_write(s, "x", 1), 0);
    assert_true(ss_readline(s, text, sizeof text) > 0);
    assert_memory_equal(text, "127.0.0.7:", 10);
    assert_int_equal(ss_close(s), 0);
    stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),         cmocka_unit_test(test_most_useful_error),
        cmocka_unit_test(test_head_start),    cmocka_unit_test(test_next_at_once),
        cmocka_unit_test(test_slow_one_wins), cmocka_unit_test(test_many_addresses),
        cmocka_unit_test(test_one_limit),     cmocka_unit_test(test_in_handlers),
        cmocka_unit_test(test_cancel),        cmocka_unit_test(test_localhost_is_both),
        cmocka_unit_test(test_from),          cmocka_unit_test(test_from_port),
        cmocka_unit_test(test_from_datagram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
