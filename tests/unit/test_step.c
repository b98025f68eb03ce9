/* SPDX-License-Identifier: MIT */
/* A server in somebody else's loop, under every composition: what is done in steps, and that its descriptor
   tells when one is due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "step_rig.h"
#include <sys/resource.h>
#include <sys/time.h>

/* A client that says nothing stops neither the program nor, where there is place for both, another client. */
static void test_clients(void **state)
{
    (void)state;
    FOR_EACH_MODEL(m)
    {
        struct running r;
        bind_model(&r, m, NULL);
        int first = client_of(&r.server), second = client_of(&r.server);
        ask_by_steps(&r.server, first, "w\n", "= 0\n");
        say(second, "w\n");
        if (m->streams == 1) {
            settle(&r.server);
            expect_nothing(second);
        } else {
            expect_by_steps(&r.server, second, "= 0\n");
        }
        ask_by_steps(&r.server, first, "e\n", "");
        expect_end_by_steps(&r.server, first);
        if (m->streams == 1)
            expect_by_steps(&r.server, second, "= 0\n");
        ask_by_steps(&r.server, second, "n room\n", "= 0\n");
        close(first);
        close(second);
        end_by_steps(&r);
    }
}

/* One after another, and so many at once that they do not fit into one step. */
static void test_many(void **state)
{
    enum { MANY = 150 };
    int fds[MANY];
    (void)state;
    FOR_EACH_MODEL(m)
    {
        struct running r;
        bind_model(&r, m, NULL);
        for (int i = 0; i < MANY; i++) {
            fds[i] = client_of(&r.server);
            say(fds[i], "n room\ne\n");
        }
        for (int i = 0; i < MANY; i++) {
            expect_by_steps(&r.server, fds[i], "= 0\n");
            expect_end_by_steps(&r.server, fds[i]);
            close(fds[i]);
        }
        end_by_steps(&r);
    }
}

/* The descriptor of a server that has nothing to do does not keep the program busy. */
static void test_idle(void **state)
{
    (void)state;
    FOR_EACH_MODEL(m)
    {
        struct running r;
        int steps = 0;
        bind_model(&r, m, NULL);
        int fd = client_of(&r.server);
        ask_by_steps(&r.server, fd, "w\n", "= 0\n");
        settle(&r.server);
        struct pollfd due = {.fd = ss_server_fileno(&r.server), .events = POLLIN};
        for (uint64_t end = ss_now() + 30; ss_now() < end;)
            if (poll(&due, 1, 1) > 0 && ++steps)
                assert_int_equal(ss_server_step(&r.server, 0), 1);
        assert_in_range(steps, 0, 10);
        assert_int_equal(ss_server_step(&r.server, 0), 1);
        close(fd);
        end_by_steps(&r);
    }
}

/* ---- time ---- */

static atomic_int often, other;

static int count_often(struct ss_server *self, void *argument)
{
    (void)self;
    atomic_fetch_add((atomic_int *)argument, 1);
    return 0;
}

static void await_calls(struct ss_server *server, const atomic_int *count, int wanted)
{
    while (*count < wanted)
        assert_int_equal(step_or(server, -1), 1);
}

/* Between two steps, when the next one would be due much later; with PreforkingMixIn that is noticed after a
   second, so of those only one is tried. */
static bool adds_late(const struct model *m)
{
    return !is_under(m, "Preforking") || strcmp(m->name, "PreforkingTCPServer") == 0;
}

static void test_every(void **state)
{
    (void)state;
    FOR_EACH_MODEL(m)
    {
        struct running r;
        uint64_t begun = ss_now();
        often = other = 0;
        bind_model(&r, m, NULL);
        assert_int_equal(ss_every(&r.server, 3600000, count_often, &other), 0);
        if (adds_late(m))
            settle(&r.server);
        assert_int_equal(ss_every(&r.server, 5, count_often, &often), 0);
        await_calls(&r.server, &often, 4);
        assert_true(ss_now() - begun >= 20);
        int fd = client_of(&r.server);
        if (m->streams != 1) {
            ask_by_steps(&r.server, fd, "w\n", "= 0\n");
            await_calls(&r.server, &often, often + 2);
        }
        close(fd);
        assert_int_equal(other, 0);
        end_by_steps(&r);
    }
}

static int read_a_line(struct ss_handler *h)
{
    char line[100];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    return n < 0 ? (int)n : SS_PARK;
}

/* A client that says nothing is given up, and so is one that is parked. */
static void test_limits(void **state)
{
    static const struct ss_handler_class reading = {.handle = read_a_line};
    (void)state;
    FOR_EACH_MODEL(m)
    {
        struct running r;
        prepare_model(&r, m, NULL, &reading);
        r.server.request_timeout = 30;
        assert_int_equal(ss_server_bind(&r.server), 0);
        for (int parked = 0; parked < 2; parked++) {
            int fd = client_of(&r.server);
            if (parked)
                say(fd, "a line\n");
            expect_end_by_steps(&r.server, fd);
            close(fd);
        }
        end_by_steps(&r);
    }
}

/* ss_server_step itself waits, if it is told to. */
static void test_step_waits(void **state)
{
    (void)state;
    FOR_EACH_MODEL(m)
    {
        struct running r;
        often = 0;
        bind_model(&r, m, NULL);
        assert_int_equal(ss_every(&r.server, 5, count_often, &often), 0);
        while (often < 2)
            assert_int_equal(ss_server_step(&r.server, -1), 1);
        uint64_t begun = ss_now();
        while (ss_now() - begun < 20)
            assert_int_equal(ss_server_step(&r.server, 20), 1);
        end_by_steps(&r);
    }
}

static void note_alarm(int signal)
{
    other += signal == SIGALRM;
}

static void test_signal_ends_wait(void **state)
{
    struct running r;
    struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    (void)state;
    other = 0;
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = note_alarm}, NULL);
    bind_model(&r, &models[0], NULL);
    settle(&r.server);
    setitimer(ITIMER_REAL, &soon, NULL);
    assert_int_equal(ss_server_step(&r.server, -1), 1);
    assert_int_equal(other, 1);
    end_by_steps(&r);
}

/* ---- messages ---- */

static void test_messages(void **state)
{
    static const char modes[] = "wpr";
    (void)state;
    FOR_EACH_MODEL(m)
    {
        struct running r;
        bind_model(&r, m, NULL);
        for (const char *mode = modes; *mode; mode++) {
            char line[] = {*mode, '\n', '\0'};
            int fd = client_of(&r.server), before = counts->ref_count;
            ask_by_steps(&r.server, fd, line, "= 0\n");
            ask_by_steps(&r.server, fd, "s room\n", "= 0\n");
            ask_by_steps(&r.server, fd, "i\n", "= 0\n");
            settle(&r.server);
            assert_int_equal(ss_publish(&r.server, "room", "to all", 6), 1);
            expect_by_steps(&r.server, fd, "room 0 to all\n");
            assert_int_equal(post_text(&r, counts->refs[before % MAX_REFS], "to one"), 0);
            expect_by_steps(&r.server, fd, "- 0 to one\n");
            ask_by_steps(&r.server, fd, "e\n", "");
            expect_end_by_steps(&r.server, fd);
            close(fd);
        }
        end_by_steps(&r);
    }
}

static void count_message(struct ss_server *self, const struct ss_message *message)
{
    (void)self;
    often += message->size == 5;
}

static const struct ss_class Counting = {.name = "Counting", .handle_message = count_message};

static void test_message_for_server(void **state)
{
    (void)state;
    FOR_EACH_MODEL(m)
    {
        struct running r;
        struct ss_ref ref;
        if (is_under(m, "Preforking")) /* each process has its own */
            continue;
        often = 0;
        bind_model(&r, m, &Counting);
        assert_int_equal(ss_server_ref(&r.server, &ref), -EAGAIN);
        settle(&r.server);
        assert_int_equal(ss_server_ref(&r.server, &ref), 0);
        for (int i = 0; i < 100; i++)
            assert_int_equal(post_text(&r, ref, "hello"), 0);
        await_calls(&r.server, &often, 100);
        end_by_steps(&r);
    }
}

/* ---- when something is short ---- */

static void test_max_requests(void **state)
{
    (void)state;
    FOR_EACH_MODEL(m)
    {
        struct running r;
        prepare_model(&r, m, NULL, &Obeying);
        r.server.max_requests = 1;
        if (is_under(m, "Preforking") || (is_under(m, "EventLoop") && m->workers))
            r.server.workers = 1;
        assert_int_equal(ss_server_bind(&r.server), 0);
        int first = client_of(&r.server), second = client_of(&r.server);
        ask_by_steps(&r.server, first, "w\n", "= 0\n");
        say(second, "w\n");
        settle(&r.server);
        expect_nothing(second);
        say(first, "e\n");
        expect_by_steps(&r.server, second, "= 0\n");
        close(first);
        close(second);
        end_by_steps(&r);
    }
}

/* No descriptor is left for a client; there is one when an earlier one has gone. */
static void test_descriptors(void **state)
{
    enum { CLIENTS = 6, LEFT = 3 };
    static const char *const classes[] = {"TCPServer", "ThreadingTCPServer", "EventLoopTCPServer"};
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        struct rlimit before, few;
        int fds[CLIENTS], served = 0;
        prepare(&r, ss_bases(classes[i]), "127.0.0.1:0", &Obeying);
        assert_int_equal(ss_server_bind(&r.server), 0);
        settle(&r.server);
        for (int c = 0; c < CLIENTS; c++)
            fds[c] = client_of(&r.server);
        getrlimit(RLIMIT_NOFILE, &before);
        few = before;
        few.rlim_cur = (rlim_t)fds[CLIENTS - 1] + 1 + LEFT;
        setrlimit(RLIMIT_NOFILE, &few);
        for (; served < CLIENTS; served++) {
            ask_by_steps(&r.server, fds[served], "n room\ne\n", "= 0\n");
            close(fds[served]);
        }
        setrlimit(RLIMIT_NOFILE, &before);
        end_by_steps(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_every),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_step_waits),
        cmocka_unit_test(test_signal_ends_wait),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_message_for_server),
        cmocka_unit_test(test_max_requests),
        cmocka_unit_test(test_descriptors),
    };
    return cmocka_run_group_tests(tests, map_counts, NULL);
}
