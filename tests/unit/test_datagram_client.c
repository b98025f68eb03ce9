/* SPDX-License-Identifier: MIT */
/* Clients of datagrams: errors that concern one datagram, and questions that are asked again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <stdatomic.h>

/* ---- the network's errors ---- */

/* A socket at an address of this machine that nobody else has. */
static int bound_socket(struct sockaddr_in *own)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)own, sizeof *own), 0);
    getsockname(fd, (struct sockaddr *)own, &(socklen_t){sizeof *own});
    return fd;
}

static struct ss_stream *stream_to(const struct sockaddr_in *to, int ms)
{
    struct ss_stream *s;
    char address[40];
    snprintf(address, sizeof address, "127.0.0.1:%u", ntohs(to->sin_port));
    assert_int_equal(ss_connect(NULL, address, SOCK_DGRAM, ms, &s), 0);
    return s;
}

static void send_back(int fd, struct ss_stream *s, const char *text)
{
    struct sockaddr_in to;
    getsockname(s->fd, (struct sockaddr *)&to, &(socklen_t){sizeof to});
    assert_true(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, sizeof to) > 0);
}

static void wait_until(int fd, short events)
{
    struct pollfd one = {.fd = fd, .events = events};
    assert_int_equal(poll(&one, 1, PATIENCE), 1);
}

/* What has come is read, whatever became of an earlier datagram; then the error is told, once. */
static void test_refused(void **state)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char data[20] = "";
    (void)state;
    int fd = bound_socket(&own);
    struct ss_stream *s = stream_to(&own, 50);
    send_back(fd, s, "one");
    send_back(fd, s, "two");
    close(fd);
    assert_int_equal(ss_printf(s, "x"), 0);
    assert_int_equal(ss_flush(s), 0);
    wait_until(s->fd, 0); /* the error */
    assert_int_equal(ss_read(s, data, sizeof data), 3);
    assert_memory_equal(data, "one", 3);
    assert_int_equal(ss_read(s, data, sizeof data), 3);
    assert_memory_equal(data, "two", 3);
    assert_int_equal(ss_read(s, data, sizeof data), -ECONNREFUSED);
    assert_int_equal(ss_read(s, data, sizeof data), -ETIMEDOUT);
    assert_int_equal(ss_close(s), 0);
}

/* A datagram is sent, also when an earlier one has come to nobody. */
static void test_server_that_comes(void **state)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char data[20] = "";
    (void)state;
    close(bound_socket(&own));
    struct ss_stream *s = stream_to(&own, PATIENCE);
    assert_int_equal(ss_printf(s, "nobody hears"), 0);
    assert_int_equal(ss_flush(s), 0);
    wait_until(s->fd, 0);
    int fd = bound_socket(&own);
    assert_int_equal(ss_printf(s, "hello"), 0);
    assert_int_equal(ss_flush(s), 0);
    wait_until(fd, POLLIN);
    assert_int_equal(recv(fd, data, sizeof data, 0), 5);
    send_back(fd, s, "answer");
    assert_int_equal(ss_read(s, data, sizeof data), 6);
    close(fd);
    assert_int_equal(ss_close(s), 0);
}

/* One that is too large does not keep the next one from leaving. */
static void test_too_large(void **state)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static char data[70000];
    (void)state;
    int fd = bound_socket(&own);
    struct ss_stream *s = stream_to(&own, PATIENCE);
    int rc = ss_write(s, data, sizeof data);
    assert_int_equal(rc < 0 ? rc : ss_flush(s), -EMSGSIZE);
    assert_int_equal(ss_printf(s, "hello"), 0);
    assert_int_equal(ss_flush(s), 0);
    assert_int_equal(recv(fd, data, sizeof data, 0), 5);
    close(fd);
    assert_int_equal(ss_close(s), 0);
}

/* ---- a question, and its answer ---- */

static const char *const mixins[] = {"", "Threading", "ThreadPool", "Forking", "Preforking", "EventLoop"};

/* Answers only what is asked the third time, after two datagrams that are none of its answers. */
static atomic_int asked;

static int answer_the_third(struct ss_handler *h)
{
    char data[100];
    ssize_t n = ss_read(h->rfile, data, sizeof data);
    if (n < 0 || ++asked < 3)
        return n < 0 ? (int)n : 0;
    ss_printf(h->wfile, "late");
    ss_flush(h->wfile);
    return ss_write(h->wfile, data, (size_t)n);
}
static const struct ss_handler_class Third = {.handle = answer_the_third};

static bool is_same(const void *data, size_t size, void *question)
{
    return size == strlen(question) && memcmp(data, question, size) == 0;
}

static int prepared;

static void count_up(void *question)
{
    ((char *)question)[0] = (char)('a' + prepared++);
}

static void test_exchange(void **state)
{
    struct running r;
    char question[] = "x-question", answer[20] = "";
    (void)state;
    asked = prepared = 0;
    start(&r, SS_BASES(&UDPServer), "127.0.0.1:0", &Third);
    struct ss_stream *s;
    assert_int_equal(ss_connect(NULL, r.text, SOCK_DGRAM, PATIENCE, &s), 0);
    struct ss_exchange_options how = {.tries = 1000,
                                      .ms = 20,
                                      .total_ms = PATIENCE,
                                      .match = is_same,
                                      .prepare = count_up,
                                      .argument = question};
    assert_int_equal(ss_exchange(s, question, strlen(question), answer, sizeof answer, &how),
                     strlen(question));
    assert_memory_equal(answer + 1, "-question", 9);
    assert_true(prepared >= 3);
    /* the time limits are what they were */
    ss_set_timeout(s, 20);
    assert_int_equal(s->deadline, 0);
    assert_int_equal(ss_close(s), 0);
    stop(&r);
}

/* A handler asks another server, which is slow to answer, and other requests go on. */
static char asked_address[SS_ADDRESS_TEXT];

static int relay(struct ss_handler *h)
{
    struct ss_stream *s = NULL;
    char question[20] = "", answer[20];
    struct ss_exchange_options how = {.tries = 1000, .ms = 20, .match = is_same, .argument = question};
    ssize_t n = ss_read(h->rfile, question, sizeof question - 1);
    int rc = n < 0 ? (int)n : ss_connect(h->server, asked_address, SOCK_DGRAM, PATIENCE, &s);
    if (rc < 0)
        return rc;
    if ((n = ss_exchange(s, question, (size_t)n, answer, sizeof answer, &how)) > 0)
        ss_write(h->wfile, answer, (size_t)n);
    ss_close(s);
    return n < 0 ? (int)n : 0;
}

static void test_exchange_in_handlers(void **state)
{
    static const struct ss_handler_class Relay = {.handle = relay};
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct running asker, third;
        char name[50];
        asked = 0;
        start(&third, SS_BASES(&UDPServer), "127.0.0.1:0", &Third);
        strcpy(asked_address, third.text);
        snprintf(name, sizeof name, "%sUDPServer", mixins[i]);
        start(&asker, ss_bases(name), "127.0.0.1:0", &Relay);
        int one = client_of(&asker.server), two = client_of(&asker.server);
        say(one, "one");
        say(two, "two");
        expect(one, "one");
        expect(two, "two");
        close(one);
        close(two);
        stop(&asker);
        stop(&third);
    }
}

/* Nobody answers: all tries, or the time for them, are used up; and what each time limit is. */
static void test_exchange_in_vain(void **state)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char data[20];
    (void)state;
    int fd = bound_socket(&own), count = 0;
    struct ss_stream *s = stream_to(&own, 1);
    send_back(fd, s, "of earlier");
    wait_until(s->fd, POLLIN);
    struct ss_exchange_options how = {.tries = 3, .ms = 8};
    uint64_t began = ss_now();
    assert_int_equal(ss_exchange(s, "x", 1, data, sizeof data, &how), -ETIMEDOUT);
    assert_true(ss_now() - began >= 6 + 12 + 24);
    while (recv(fd, data, sizeof data, MSG_DONTWAIT) == 1)
        count++;
    assert_int_equal(count, 3);
    how = (struct ss_exchange_options){.tries = 1000, .total_ms = 30};
    assert_int_equal(ss_exchange(s, "x", 1, data, sizeof data, &how), -ETIMEDOUT);
    ss_set_deadline(s, 30);
    assert_int_equal(ss_exchange(s, "x", 1, data, sizeof data, NULL), -ETIMEDOUT);
    ss_set_deadline(s, -1);
    close(fd);
    assert_int_equal(ss_exchange(s, "x", 1, data, sizeof data, NULL), -ECONNREFUSED);
    assert_int_equal(ss_exchange(s, "x", 0, data, sizeof data, NULL), -EINVAL);
    assert_int_equal(ss_close(s), 0);
}

/* Longer than there is room for; and a stream that has no datagrams. */
static void test_exchange_that_cannot_be(void **state)
{
    static const struct ss_handler_class Echo = {.handle = echo_lines};
    static const struct ss_class *const classes[] = {&UDPServer, &UnixDatagramServer, &TCPServer};
    static char large[70000];
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct ss_test_server test;
        struct ss_stream *s;
        char answer[5];
        int type = i < 2 ? SOCK_DGRAM : SOCK_STREAM;
        assert_int_equal(ss_test_start(&test, SS_BASES(classes[i]), &Echo), 0);
        assert_int_equal(ss_connect(NULL, test.address, type, PATIENCE, &s), 0);
        assert_int_equal(ss_exchange(s, "12345", 5, answer, sizeof answer, NULL), i < 2 ? 5 : -EOPNOTSUPP);
        assert_int_equal(ss_exchange(s, "123456", 6, answer, sizeof answer, NULL),
                         i < 2 ? -EMSGSIZE : -EOPNOTSUPP);
        if (i == 0)
            assert_int_equal(ss_exchange(s, large, sizeof large, answer, sizeof answer, NULL), -EMSGSIZE);
        assert_int_equal(ss_close(s), 0);
        assert_int_equal(ss_test_stop(&test), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_server_that_comes),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_exchange),
        cmocka_unit_test(test_exchange_in_handlers),
        cmocka_unit_test(test_exchange_in_vain),
        cmocka_unit_test(test_exchange_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
