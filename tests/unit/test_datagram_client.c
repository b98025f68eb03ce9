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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_server_that_comes),
        cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
