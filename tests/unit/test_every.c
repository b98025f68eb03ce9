/* SPDX-License-Identifier: MIT */
/* What a server does by the clock: functions that it calls again and again (ss_every), and service_actions,
   under every composition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message_rig.h"

enum { MS = 5, TIMES = 3, HOUR = 3600000 };

/* Seen by all processes. */
static struct calls {
    atomic_int often, few, odd;
    pid_t server;
} * calls;

static int map_calls(void **state)
{
    calls = mmap(NULL, sizeof *calls, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return calls == MAP_FAILED ? -1 : map_counts(state);
}

static int more_commands(struct ss_handler *h, char command, char *words)
{
    (void)h, (void)command, (void)words;
    return -EBADMSG;
}

static int often(struct ss_server *self, void *argument)
{
    calls->odd += getpid() != calls->server || argument != &calls || ss_draining(self);
    calls->often++;
    return 0;
}

/* It may have others called as well. */
static int few(struct ss_server *self, void *argument)
{
    calls->odd += argument || ss_every(self, HOUR, few, NULL) != 0;
    return ++calls->few == TIMES;
}

static void init(struct ss_server *self)
{
    assert_int_equal(ss_every(self, HOUR, often, NULL), 0);
    assert_int_equal(ss_every(self, MS, often, &calls), 0);
    assert_int_equal(ss_every(self, 1, few, NULL), 0);
}

static const struct ss_class Clocked = {.name = "Clocked", .init = init};

static bool reaches(const atomic_int *count, int wanted)
{
    uint64_t end = ss_now() + PATIENCE;
    while (*count < wanted && ss_now() < end)
        poll(NULL, 0, 1);
    return *count >= wanted;
}

static void start_clocked(struct running *r, const struct model *m)
{
    memset(calls, 0, sizeof *calls);
    calls->server = getpid();
    prepare_model(r, m, &Clocked, &Obeying);
}

static void check_and_stop(struct running *r)
{
    assert_true(reaches(&calls->often, calls->often + TIMES));
    stop(r);
    int last = calls->often;
    poll(NULL, 0, 3 * MS);
    assert_int_equal(calls->often, last);
    assert_int_equal(calls->odd, 0);
}

/* ---- tests ---- */

static void test_every(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        uint64_t begin = ss_now();
        start_clocked(&r, &models[i]);
        launch(&r);
        assert_true(reaches(&calls->often, 10));
        assert_true(ss_now() - begin >= 10 * (uint64_t)MS);
        assert_true(reaches(&calls->few, TIMES));
        check_and_stop(&r);
        assert_int_equal(calls->few, TIMES);
    }
}

/* Clients hold up nothing, but where the thread that serves runs their requests. */
static void test_every_beside_clients(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        start_clocked(&r, &models[i]);
        r.server.max_requests = 1;
        launch(&r);
        int fd = client_in_mode(&r, 'w'), waiting = client_of(&r.server);
        if (models[i].streams != 1)
            assert_true(reaches(&calls->often, calls->often + TIMES));
        leave(fd);
        close(waiting);
        check_and_stop(&r);
    }
}

static int late(struct ss_server *self, void *argument)
{
    (void)self, (void)argument;
    if (calls->few++ == 0)
        poll(NULL, 0, 20 * MS);
    return calls->few == 2;
}

/* Who is late does not catch up. */
static void test_late(void **state)
{
    struct running r;
    (void)state;
    memset(calls, 0, sizeof *calls);
    prepare_model(&r, &models[0], NULL, &Obeying);
    uint64_t begin = ss_now();
    assert_int_equal(ss_every(&r.server, 15 * MS, late, NULL), 0);
    launch(&r);
    assert_true(reaches(&calls->few, 2));
    assert_true(ss_now() - begin >= 45 * (uint64_t)MS);
    stop(&r);
}

static void test_arguments(void **state)
{
    struct ss_server server;
    (void)state;
    assert_int_equal(ss_server_init(&server, ss_bases("TCPServer"), "127.0.0.1:0", &Obeying), 0);
    assert_int_equal(ss_every(&server, 0, often, NULL), -EINVAL);
    assert_int_equal(ss_every(&server, -1, often, NULL), -EINVAL);
    assert_int_equal(ss_every(&server, 1, NULL, NULL), -EINVAL);
    assert_int_equal(ss_every(&server, 1, often, NULL), 0);
    ss_server_close(&server);
    assert_int_equal(ss_every(&server, 1, often, NULL), -EINVAL);
}

/* ---- service_actions ---- */

static struct ss_class Acting;

static void count_action(struct ss_server *self)
{
    atomic_int *count = ss_state(self, &Acting);
    *count += 1;
    ss_super(self, &Acting)->service_actions(self);
}

static struct ss_class Acting = {
    .name = "Acting", .state_size = sizeof(atomic_int), .service_actions = count_action};

/* Nobody comes, and it is called all the same. All compositions at once: each takes seconds. */
static void test_actions_of_an_idle_server(void **state)
{
    struct running r[MODELS];
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        prepare_model(&r[i], &models[i], &Acting, &Obeying);
        launch(&r[i]);
    }
    for (int i = 0; i < MODELS; i++) {
        const atomic_int *count = ss_state(&r[i].server, &Acting);
        assert_true(reaches(count, 4));
    }
    for (int i = 0; i < MODELS; i++)
        stop(&r[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every),
        cmocka_unit_test(test_every_beside_clients),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_actions_of_an_idle_server),
    };
    return cmocka_run_group_tests(tests, map_calls, NULL);
}
