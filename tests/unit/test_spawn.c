/* SPDX-License-Identifier: MIT */
/* A second task beside a handler, under every composition: both directions at once, and how they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <stdatomic.h>

static const char *const classes[] = {"TCPServer",
                                      "ThreadingTCPServer",
                                      "ThreadPoolTCPServer",
                                      "ForkingTCPServer",
                                      "PreforkingTCPServer",
                                      "EventLoopTCPServer",
                                      "PreforkingEventLoopTCPServer",
                                      "PreforkingThreadingTCPServer"};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { AMOUNT = 4 << 20 };
#else
enum { AMOUNT = 60 << 20 };
#endif

/* ThreadSanitizer knows no threads in a process that was forked by one with several. */
static bool is_left_out(const char *name)
{
#ifdef __SANITIZE_THREAD__
    return strstr(name, "orking") && !strstr(name, "EventLoop");
#else
    (void)name;
    return false;
#endif
}

/* ---- 60 MB each way at once ---- */

static char upstream[SS_ADDRESS_TEXT];

static int echo(struct ss_handler *h)
{
    char data[32768];
    ssize_t n;
    int rc = 0;
    while (rc == 0 && (n = ss_read(h->rfile, data, sizeof data)) > 0)
        rc = ss_write(h->wfile, data, (size_t)n);
    return rc < 0 ? rc : (int)n;
}
static const struct ss_handler_class Echo = {.handle = echo};

static int pass_on(struct ss_stream *from, struct ss_stream *to)
{
    char data[32768];
    ssize_t n;
    int rc = 0;
    while (rc == 0 && (n = ss_read(from, data, sizeof data)) > 0)
        if ((rc = ss_write(to, data, (size_t)n)) == 0)
            rc = ss_flush(to);
    return rc < 0 ? rc : n < 0 ? (int)n : ss_write_eof(to);
}

static int pass_back(struct ss_handler *h, void *argument)
{
    return pass_on(argument, h->wfile);
}

static int forward(struct ss_handler *h)
{
    struct ss_stream *there, *back = NULL;
    int rc = ss_connect(h->server, upstream, SOCK_STREAM, PATIENCE, &there);
    if (rc == 0)
        rc = ss_dup(there, &back);
    if (rc == 0)
        rc = ss_spawn(h, pass_back, back);
    if (rc == 0)
        rc = pass_on(h->rfile, there);
    int joined = ss_join(h);
    if (back)
        ss_close(back);
    ss_close(there);
    return rc < 0 ? rc : joined;
}
static const struct ss_handler_class Forward = {.handle = forward};

static char byte_at(size_t i)
{
    return (char)(i * 2654435761U >> 13);
}

static void *send_all(void *argument)
{
    static char data[1 << 16];
    int fd = *(int *)argument;
    for (size_t sent = 0; sent < AMOUNT; sent += sizeof data) {
        for (size_t i = 0; i < sizeof data; i++)
            data[i] = byte_at(sent + i);
        for (size_t at = 0; at < sizeof data;) {
            ssize_t n = send(fd, data + at, sizeof data - at, MSG_NOSIGNAL);
            if (n <= 0)
                return "send";
            at += (size_t)n;
        }
    }
    shutdown(fd, SHUT_WR);
    return NULL;
}

static void receive_all(int fd)
{
    static char data[1 << 16];
    size_t got = 0;
    ssize_t n;
    while ((n = recv(fd, data, sizeof data, 0)) > 0)
        for (ssize_t i = 0; i < n; i++, got++)
            if (data[i] != byte_at(got))
                fail_msg("byte %zu is another one", got);
    assert_int_equal(n, 0);
    assert_int_equal(got, AMOUNT);
}

static void test_both_ways(void **state)
{
    (void)state;
    struct running behind, r;
    start(&behind, ss_bases("ThreadingTCPServer"), "127.0.0.1:0", &Echo);
    memcpy(upstream, behind.text, sizeof upstream);
    for (size_t i = 0; i < COUNT(classes); i++) {
        pthread_t sender;
        void *failed;
        if (is_left_out(classes[i]))
            continue;
        prepare(&r, ss_bases(classes[i]), "127.0.0.1:0", &Forward);
        r.server.workers = 1;
        launch(&r);
        int fd = client_of(&r.server);
        pthread_create(&sender, NULL, send_all, &fd);
        receive_all(fd);
        pthread_join(sender, &failed);
        assert_null(failed);
        close(fd);
        stop(&r);
    }
    stop(&behind);
}

/* ---- how they end ---- */

static int sleep_on(struct ss_handler *h, void *argument)
{
    int rc = ss_sleep(h->server, PATIENCE);
    (void)argument;
    ss_printf(h->wfile, "task %s\n", rc < 0 ? strerrorname_np(-rc) : "woke");
    return 0;
}

static int fail_soon(struct ss_handler *h, void *argument)
{
    (void)ss_sleep(h->server, 5);
    (void)argument;
    return -EIO;
}

static int rest_a_while(struct ss_handler *h, void *argument)
{
    int ms = *(const int *)argument;
    char *text = ss_alloc(h, 1000);
    memset(text, ms, 1000);
    int rc = ss_sleep(h->server, ms);
    return rc < 0 ? rc : text[999] == ms ? 0 : -EILSEQ;
}

/* "return": the handler goes first. "fail": a task fails. "join": all end by themselves. "wait": until the
   server's end. */
static int obey(struct ss_handler *h)
{
    static const int pauses[] = {1, 5, 9};
    char line[100];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    int rc = n > 0 ? 0 : -EPIPE;
    if (rc == 0 && line[0] == 'r')
        return ss_spawn(h, sleep_on, NULL);
    if (rc == 0 && line[0] == 'p') {
        rc = ss_spawn(h, sleep_on, NULL);
        return rc < 0 ? rc : SS_PARK;
    }
    if (rc == 0 && line[0] == 'f') {
        rc = ss_spawn(h, fail_soon, NULL);
        if (rc == 0)
            rc = ss_spawn(h, sleep_on, NULL);
        if (rc == 0)
            rc = ss_sleep(h->server, PATIENCE);
        return ss_printf(h->wfile, "handler %s, join %s\n", strerrorname_np(-rc),
                         strerrorname_np(-ss_join(h)));
    }
    for (int i = 0; rc == 0 && line[0] == 'j' && i < 30; i++)
        rc = ss_spawn(h, rest_a_while, (void *)(uintptr_t)&pauses[i % 3]);
    if (rc == 0 && line[0] == 'j' && (rc = ss_join(h)) == 0 && (rc = ss_join(h)) == 0)
        return ss_printf(h->wfile, "joined\n");
    if (rc == 0 && line[0] == 'w' && (rc = ss_spawn(h, sleep_on, NULL)) == 0) {
        ss_printf(h->wfile, "waiting\n");
        (void)ss_flush(h->wfile);
        return ss_sleep(h->server, PATIENCE);
    }
    return rc;
}
static const struct ss_handler_class Obey = {.handle = obey};

static void ask(const struct running *r, const char *line, const char *answer)
{
    int fd = client_of(&r->server);
    say(fd, line);
    expect(fd, answer);
    close(fd);
}

static void test_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        if (is_left_out(classes[i]))
            continue;
        prepare(&r, ss_bases(classes[i]), "127.0.0.1:0", &Obey);
        r.server.workers = 1;
        launch(&r);
        for (int again = 0; again < 3; again++) {
            ask(&r, "return\n", "task ECANCELED\n");
            ask(&r, "park\n", "task ECANCELED\n");
            ask(&r, "fail\n", "task ECANCELED\nhandler ECANCELED, join EIO\n");
            ask(&r, "join\n", "joined\n");
        }
        stop(&r);
    }
}

static void test_drain(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        if (is_left_out(classes[i]))
            continue;
        prepare(&r, ss_bases(classes[i]), "127.0.0.1:0", &Obey);
        r.server.workers = 1;
        r.server.shutdown_timeout = 20;
        launch(&r);
        int fd = client_of(&r.server);
        say(fd, "wait\n");
        expect(fd, "waiting\n");
        stop(&r);
        expect(fd, "task ECANCELED\n");
        close(fd);
    }
}

/* ---- where it cannot be ---- */

static int count_tasks(struct ss_handler *h, void *argument)
{
    (void)h;
    *(int *)argument += 1;
    return 0;
}

static int spawn_twice(struct ss_handler *h)
{
    int one = 0, other = 0;
    struct ss_stream *copy;
    if (ss_spawn(h, count_tasks, &one) < 0 || ss_spawn(h, count_tasks, &other) < 0 || ss_join(h) < 0)
        return ss_printf(h->wfile, "failed");
    return ss_printf(h->wfile, "%d %d %s", one, other, strerrorname_np(-ss_dup(h->wfile, &copy)));
}
static const struct ss_handler_class Twice = {.handle = spawn_twice};

static void test_datagrams(void **state)
{
    (void)state;
    static const char *const names[] = {"UDPServer", "ThreadingUDPServer", "ForkingUDPServer",
                                        "EventLoopUDPServer"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct running r;
        if (is_left_out(names[i]))
            continue;
        start(&r, ss_bases(names[i]), "127.0.0.1:0", &Twice);
        int fd = client_of(&r.server);
        say(fd, "x");
        expect(fd, "1 1 EOPNOTSUPP");
        close(fd);
        stop(&r);
    }
}

/* ---- tasks of the server's own ---- */

static atomic_int turns, last;

static int tick(struct ss_server *self, void *argument)
{
    int rc = 0;
    assert_ptr_equal(argument, &turns);
    while ((rc = ss_sleep(self, 1)) == 0)
        turns++;
    last = rc;
    return rc;
}

static int go_wrong(struct ss_server *self, void *argument)
{
    (void)argument;
    int rc = ss_sleep(self, 5);
    return rc < 0 ? rc : -EIO;
}

static void test_background(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        if (is_left_out(classes[i]))
            continue;
        turns = last = 0;
        prepare(&r, ss_bases(classes[i]), "127.0.0.1:0", &Obey);
        r.server.workers = 1;
        assert_int_equal(ss_background(&r.server, tick, &turns), 0);
        assert_int_equal(ss_background(&r.server, tick, &turns), 0);
        launch(&r);
        ask(&r, "join\n", "joined\n");
        for (int waits = 0; turns < 6 && waits < PATIENCE; waits++)
            poll(NULL, 0, 1);
        assert_true(turns >= 6);
        stop(&r);
        assert_int_equal(last, -ECANCELED);
    }
}

static void test_background_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct ss_server server;
        if (is_left_out(classes[i]))
            continue;
        assert_int_equal(ss_server_init(&server, ss_bases(classes[i]), "127.0.0.1:0", &Obey), 0);
        server.workers = 1;
        assert_int_equal(ss_background(&server, NULL, NULL), -EINVAL);
        assert_int_equal(ss_background(&server, go_wrong, NULL), 0);
        assert_int_equal(ss_server_bind(&server), 0);
        assert_int_equal(ss_serve_forever(&server), -EIO);
        ss_server_close(&server);
    }
}

/* ---- threads of the program's own ---- */

static atomic_bool over;

static void *wait_elsewhere(void *argument)
{
    struct ss_server *self = argument;
    while (!over)
        (void)ss_sleep(self, 1);
    return NULL;
}

/* Their waits are none of the server's business: ForkingMixIn, which looks after its children while it waits,
   did so in whichever thread. */
static void test_foreign_threads(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        pthread_t others[3];
        if (is_left_out(classes[i]))
            continue;
        over = false;
        prepare(&r, ss_bases(classes[i]), "127.0.0.1:0", &Obey);
        r.server.workers = 1;
        launch(&r);
        ask(&r, "return\n", "task ECANCELED\n"); /* it serves */
        for (size_t k = 0; k < COUNT(others); k++)
            pthread_create(&others[k], NULL, wait_elsewhere, &r.server);
        for (int k = 0; k < 40; k++)
            ask(&r, "return\n", "task ECANCELED\n");
        over = true;
        for (size_t k = 0; k < COUNT(others); k++)
            pthread_join(others[k], NULL);
        stop(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),       cmocka_unit_test(test_ends),
        cmocka_unit_test(test_drain),           cmocka_unit_test(test_datagrams),
        cmocka_unit_test(test_background),      cmocka_unit_test(test_background_fails),
        cmocka_unit_test(test_foreign_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
