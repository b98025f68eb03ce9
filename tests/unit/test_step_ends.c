/* SPDX-License-Identifier: MIT */
/* The end of a server in somebody else's loop: the drain takes steps, and so does closing it; and what cannot
   be stepped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aborts.h"
#include "step_rig.h"
#include <fcntl.h>

/* ---- the drain ---- */

/* Idle connections end at once, and a request in progress goes on. */
static void test_drain(void **state)
{
    (void)state;
    FOR_EACH_MODEL(m)
    {
        struct running r;
        bind_model(&r, m, NULL);
        int busy = client_of(&r.server), idle = client_of(&r.server);
        ask_by_steps(&r.server, busy, "b\n", "= 0\n");
        if (m->streams != 1)
            ask_by_steps(&r.server, idle, "w\n", "= 0\n");
        ss_shutdown(&r.server);
        if (m->streams != 1)
            expect_end_by_steps(&r.server, idle);
        for (int i = 0; i < 5; i++) {
            poll(NULL, 0, 1);
            assert_int_equal(ss_server_step(&r.server, 0), 1);
        }
        expect_nothing(busy);
        counts->go = true;
        close(idle);
        step_to_the_end(&r.server);
        expect_end(busy);
        close(busy);
        assert_int_equal(ss_serve_forever(&r.server), 0);
        ss_server_close(&r.server);
    }
}

/* At the end of its time, or when it is cut short, a handler's waits end. */
static void test_end_of_drain(void **state)
{
    (void)state;
    for (int canceled = 0; canceled < 2; canceled++) {
        FOR_EACH_MODEL(m)
        {
            struct running r;
            prepare_model(&r, m, NULL, &Obeying);
            r.server.shutdown_timeout = canceled ? -1 : 20;
            assert_int_equal(ss_server_bind(&r.server), 0);
            int busy = client_of(&r.server);
            ask_by_steps(&r.server, busy, "b\n", "= 0\n");
            ss_shutdown(&r.server);
            if (canceled) {
                assert_int_equal(ss_server_step(&r.server, 5), 1);
                ss_cancel(&r.server);
            }
            step_to_the_end(&r.server);
            expect_end(busy);
            close(busy);
            ss_server_close(&r.server);
        }
    }
}

/* The loop that is stepped has drained, and another one not yet. */
static void test_drain_of_another_loop(void **state)
{
    static const struct model model = {.name = "EventLoopTCPServer", .workers = 2};
    struct running r;
    (void)state;
    bind_model(&r, &model, NULL);
    settle(&r.server);
    int busy = client_of(&r.server);
    ask(busy, "b\n", "= 0\n"); /* without a step */
    ss_shutdown(&r.server);
    settle(&r.server);
    counts->go = true;
    step_to_the_end(&r.server);
    close(busy);
    ss_server_close(&r.server);
}

static int go_on_for_a_while(struct ss_server *self, void *argument)
{
    (void)self, (void)argument;
    while (!counts->go)
        poll(NULL, 0, 1);
    return 0;
}

/* A task of the server's own has not ended yet. */
static void test_drain_of_a_background_task(void **state)
{
    (void)state;
    FOR_EACH_MODEL(m)
    {
        struct running r;
        bind_model(&r, m, NULL);
        assert_int_equal(ss_background(&r.server, go_on_for_a_while, NULL), 0);
        settle(&r.server);
        ss_shutdown(&r.server);
        settle(&r.server);
        counts->go = true;
        step_to_the_end(&r.server);
        ss_server_close(&r.server);
    }
}

/* Who has connected before the shutdown is served, also if that comes before the first step. */
static void test_shutdown_first(void **state)
{
    (void)state;
    FOR_EACH_MODEL(m)
    {
        struct running r;
        if (is_under(m, "Preforking")) /* nobody is made to serve any more */
            continue;
        bind_model(&r, m, NULL);
        int fd = client_of(&r.server);
        say(fd, "n room\ne\n");
        ss_shutdown(&r.server);
        step_to_the_end(&r.server);
        expect(fd, "= 0\n");
        expect_end(fd);
        close(fd);
        ss_server_close(&r.server);
    }
}

static int fail_at_once(struct ss_server *self, struct ss_request *request)
{
    (void)self, (void)request;
    return -ENOTSOCK;
}

static const struct ss_class Failing = {.name = "Failing", .get_request = fail_at_once};

/* The server cannot go on: each further step says so, too. */
static void test_failure(void **state)
{
    static const char *const classes[] = {"TCPServer", "ThreadPoolTCPServer", "ForkingTCPServer",
                                          "EventLoopTCPServer"};
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        const struct model model = {.name = classes[i]};
        int rc;
        bind_model(&r, &model, &Failing);
        int fd = client_of(&r.server);
        while ((rc = step_or(&r.server, -1)) == 1)
            ;
        for (int again = 0; again < 3; again++)
            assert_int_equal(rc = ss_server_step(&r.server, -1), -ENOTSOCK);
        close(fd);
        ss_server_close(&r.server);
    }
}

/* ---- close ---- */

/* In the middle of everything: handlers unwind, nothing is left behind, nobody is left waiting. */
static void test_closed_midway(void **state)
{
    static const char *const lines[] = {"w\n", "p\n", "b\n"};
    (void)state;
    FOR_EACH_MODEL(m)
    {
        int before = count_descriptors(), fds[COUNT(lines)];
        struct running r;
        prepare_model(&r, m, NULL, &Obeying);
        r.server.shutdown_timeout = 20;
        assert_int_equal(ss_server_bind(&r.server), 0);
        int clients = clients_of(m, COUNT(lines));
        for (int i = 0; i < clients; i++) {
            fds[i] = client_of(&r.server);
            ask_by_steps(&r.server, fds[i], lines[i], "= 0\n");
        }
        ss_server_close(&r.server);
        for (int i = 0; i < clients; i++) {
            expect_end(fds[i]);
            close(fds[i]);
        }
        assert_int_equal(count_descriptors(), before);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
    }
}

/* Made, and never begun. */
static void test_without_a_step(void **state)
{
    (void)state;
    FOR_EACH_MODEL(m)
    {
        int before = count_descriptors();
        struct running r;
        bind_model(&r, m, NULL);
        int fd = ss_server_fileno(&r.server);
        assert_int_equal(ss_server_fileno(&r.server), fd);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0), 1);
        assert_int_equal(ss_serve_forever(&r.server), -EBUSY);
        assert_int_equal(ss_handle_request(&r.server), -EBUSY);
        ss_server_close(&r.server);
        assert_int_equal(count_descriptors(), before);
    }
}

/* ---- what is refused ---- */

static void test_not_bound(void **state)
{
    struct ss_server server, zero = {0};
    (void)state;
    assert_int_equal(ss_server_init(&server, ss_bases("TCPServer"), "127.0.0.1:0", &Obeying), 0);
    assert_int_equal(ss_server_fileno(&server), -EBADF);
    assert_int_equal(ss_server_step(&server, 0), -EBADF);
    ss_server_close(&server);
    assert_int_equal(ss_server_fileno(&server), -EBADF);
    assert_int_equal(ss_server_step(&server, 0), -EBADF);
    assert_int_equal(ss_server_step(&zero, 0), -EBADF);
}

static int step_within(struct ss_handler *h)
{
    struct ss_server *self = h->server;
    return ss_printf(h->wfile, "%d %d %d %d\n", ss_server_step(self, 0), ss_server_step(self, -1),
                     ss_serve_forever(self), ss_handle_request(self));
}

static void test_within_a_step(void **state)
{
    static const char *const classes[] = {"TCPServer", "EventLoopTCPServer"};
    static const struct ss_handler_class stepping = {.handle = step_within};
    char expected[100];
    (void)state;
    snprintf(expected, sizeof expected, "%d %d %d %d\n", -EBUSY, -EBUSY, -EBUSY, -EBUSY);
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        prepare(&r, ss_bases(classes[i]), "127.0.0.1:0", &stepping);
        assert_int_equal(ss_server_bind(&r.server), 0);
        int fd = client_of(&r.server);
        expect_by_steps(&r.server, fd, expected);
        close(fd);
        end_by_steps(&r);
    }
}

static int fileno_within(struct ss_handler *h)
{
    return ss_printf(h->wfile, "%d %d\n", ss_server_fileno(h->server), ss_server_step(h->server, 0));
}

/* In each process, and when it is over. */
static void test_while_it_serves(void **state)
{
    static const struct ss_handler_class stepping = {.handle = fileno_within};
    char expected[100];
    (void)state;
    snprintf(expected, sizeof expected, "%d %d\n", -EBUSY, -EBUSY);
    FOR_EACH_MODEL(m)
    {
        struct running r;
        prepare_model(&r, m, NULL, &stepping);
        assert_int_equal(ss_server_bind(&r.server), 0);
        assert_int_equal(pthread_create(&r.thread, NULL, serve_for_ever, &r), 0);
        int fd = client_of(&r.server);
        expect(fd, expected);
        close(fd);
        ss_shutdown(&r.server);
        pthread_join(r.thread, NULL);
        assert_int_equal(ss_server_step(&r.server, 0), 0);
        ss_server_close(&r.server);
    }
}

static void *step_elsewhere(void *argument)
{
    struct running *r = argument;
    r->rc = ss_server_step(&r->server, -1);
    return NULL;
}

static void *close_elsewhere(void *argument)
{
    ss_server_close(argument);
    return NULL;
}

static void test_another_thread(void **state)
{
    (void)state;
    FOR_EACH_MODEL(m)
    {
        struct running r;
        bind_model(&r, m, NULL);
        settle(&r.server);
        assert_int_equal(pthread_create(&r.thread, NULL, step_elsewhere, &r), 0);
        pthread_join(r.thread, NULL);
        assert_int_equal(r.rc, -EPERM);
        end_by_steps(&r);
    }
}

static void close_in_a_thread(const void *unused)
{
    struct running r;
    (void)unused;
    bind_model(&r, &models[0], NULL);
    (void)ss_server_step(&r.server, 0);
    pthread_create(&r.thread, NULL, close_elsewhere, &r.server);
    pthread_join(r.thread, NULL);
}

static int close_within(struct ss_handler *h)
{
    ss_server_close(h->server);
    return 0;
}

static void close_in_a_step(const void *unused)
{
    static const struct ss_handler_class closing = {.handle = close_within};
    struct running r;
    (void)unused;
    prepare(&r, ss_bases("TCPServer"), "127.0.0.1:0", &closing);
    (void)ss_server_bind(&r.server);
    (void)client_of(&r.server);
    for (;;)
        (void)ss_server_step(&r.server, -1);
}

static void test_mistakes(void **state)
{
    (void)state;
    check_aborts(close_in_a_thread, NULL, "ss_server_close: the thread that steps the server");
    check_aborts(close_in_a_step, NULL, "and not within a step");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_of_another_loop),
        cmocka_unit_test(test_drain_of_a_background_task),
        cmocka_unit_test(test_end_of_drain),
        cmocka_unit_test(test_shutdown_first),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_closed_midway),
        cmocka_unit_test(test_without_a_step),
        cmocka_unit_test(test_not_bound),
        cmocka_unit_test(test_within_a_step),
        cmocka_unit_test(test_while_it_serves),
        cmocka_unit_test(test_another_thread),
        cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests(tests, map_counts, NULL);
}
