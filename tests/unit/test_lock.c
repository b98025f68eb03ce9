/* SPDX-License-Identifier: MIT */
/* The lock of memory that processes share, under every mix-in: one at a time, and what becomes of it when its
   holder is killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tally.h"

static const char *const mixins[] = {"",
                                     "Threading",
                                     "ThreadPool",
                                     "Forking",
                                     "Preforking",
                                     "EventLoop",
                                     "PreforkingForking",
#ifndef __SANITIZE_THREAD__ /* which ends a child that makes threads when its parent has some */
                                     "PreforkingThreading",
                                     "PreforkingThreadPool",
#endif
                                     "PreforkingEventLoop"};

enum { CLIENTS = 12, TIMES = 500, KILLERS = 6, DEATHS = 20 };

static void *count_up(void *argument)
{
    const struct running *r = argument;
    int fd = client_of(&r->server);
    for (int i = 0; i < TIMES; i++) {
        say(fd, "+\n");
        expect(fd, "ok\n");
    }
    shutdown(fd, SHUT_RDWR);
    close(fd);
    return NULL;
}

/* No increase is lost, and each thread, process and loop sees those of all others. */
static void test_count(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        pthread_t threads[CLIENTS];
        struct running r;
        const struct tally *tally = start_under(&r, mixins[i]);
        for (int k = 0; k < CLIENTS; k++)
            assert_int_equal(pthread_create(&threads[k], NULL, count_up, &r), 0);
        for (int k = 0; k < CLIENTS; k++)
            pthread_join(threads[k], NULL);
        assert_int_equal(tally->count, CLIENTS * TIMES);
        stop(&r);
    }
}

/* A process that a handler has forked has the memory and the lock, too; it is killed while it holds that. */
static void test_forked_by_handler_and_killed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct running r;
        const struct tally *tally = start_under(&r, mixins[i]);
        ask(&r, "k\n", "ok\n");
        ask(&r, "+\n", "dead\n");
        ask(&r, "+\n", "ok\n");
        ask(&r, "k\nk\n+\n+\n", "ok\nok\ndead\nok\n");
        assert_int_equal(tally->count, 4);
        stop(&r);
    }
}

/* The server's own process is killed while it holds the lock, and others wait for that. */
static void test_killed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        if (!strstr(mixins[i], "orking"))
            continue;
        struct running r;
        struct tally *tally = start_under(&r, mixins[i]);
        assert_int_equal(ss_lock(&r.server, &Tallying), 0);
        int dying = client_of(&r.server), waiting = client_of(&r.server);
        say(dying, "d\n");
        say(waiting, "+\n");
        assert_int_equal(ss_unlock(&r.server, &Tallying), 0);
        expect_end(dying);
        close(dying);
        /* the process that has died may have had this client, too, or this client was the first */
        char answer[10] = "";
        ssize_t n = recv(waiting, answer, sizeof answer, 0);
        assert_true(n <= 0 || !strcmp(answer, "ok\n") || !strcmp(answer, "dead\n"));
        bool told = n > 0 && !strcmp(answer, "dead\n");
        close(waiting);
        if (!told)
            ask(&r, "+\n", "dead\n");
        ask(&r, "+\n", "ok\n");
        for (int ms = 0; atomic_load(&tally->killed) == 0 && ms < PATIENCE; ms++)
            usleep(1000);
        assert_int_equal(atomic_load(&tally->killed), 1);
        stop(&r);
    }
}

/* NULL: all was as it should be. */
static void *count_and_kill(void *argument)
{
    const struct running *r = argument;
    for (int i = 0; i < DEATHS; i++) {
        int fd = client_of(&r->server), answers = 0;
        char byte;
        say(fd, "+\n+\n");
        while (answers < 2 && recv(fd, &byte, 1, 0) == 1)
            answers += byte == '\n';
        say(fd, "d\n");
        bool ended = recv(fd, &byte, 1, 0) <= 0;
        close(fd);
        if (answers < 2 || !ended)
            return argument;
    }
    return NULL;
}

/* Holders are killed again and again while others count: nothing is lost, and each death is told once. */
static void check_killed_again_and_again(const char *mixin)
{
    pthread_t threads[KILLERS];
    struct running r;
    struct tally *tally = start_under(&r, mixin);
    for (int i = 0; i < KILLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_and_kill, &r), 0);
    for (int i = 0; i < KILLERS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    for (int ms = 0; atomic_load(&tally->killed) < KILLERS * DEATHS && ms < PATIENCE; ms++)
        usleep(1000);
    (void)take(&r.server, tally); /* the last one died with it, or a death was told for nothing */
    assert_int_equal(tally->deaths, KILLERS * DEATHS);
    assert_int_equal(tally->count, 2 * KILLERS * DEATHS);
    give_back(&r.server, tally);
    stop(&r);
}

/* With a process for each request none is killed amid another one's. */
static void test_killed_again_and_again(void **state)
{
    (void)state;
    check_killed_again_and_again("Forking");
    check_killed_again_and_again("PreforkingForking");
}

/* Why nobody waits with the lock: in an event loop the next one who wants it is in the same thread. */
static int wait_with_lock(struct ss_handler *h)
{
    char line[20];
    int rc = ss_lock(h->server, &Tallying);
    if (rc == 0) {
        ss_printf(h->wfile, "locked\n");
        (void)ss_readline(h->rfile, line, sizeof line);
        rc = ss_unlock(h->server, &Tallying);
    }
    return ss_printf(h->wfile, "%d\n", rc);
}

static void test_wait_with_lock(void **state)
{
    static const struct ss_handler_class Waiting = {.handle = wait_with_lock};
    char deadlock[20];
    struct running r;
    (void)state;
    prepare(&r, SS_BASES(&Tallying, &EventLoopMixIn, &TCPServer), "127.0.0.1:0", &Waiting);
    launch(&r);
    int first = client_of(&r.server);
    expect(first, "locked\n");
    int second = client_of(&r.server);
    snprintf(deadlock, sizeof deadlock, "%d\n", -EDEADLK);
    expect(second, deadlock);
    say(first, "go on\n");
    expect(first, "0\n");
    close(first);
    close(second);
    stop(&r);
}

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct running r;
        (void)start_under(&r, mixins[i]);
        ask(&r, "e\n", "ok\n");
        stop(&r);
        assert_null(ss_shared(&r.server, &Tallying));
        assert_int_equal(ss_lock(&r.server, &Tallying), -EINVAL);
        assert_int_equal(ss_unlock(&r.server, &Tallying), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count),          cmocka_unit_test(test_forked_by_handler_and_killed),
        cmocka_unit_test(test_killed),         cmocka_unit_test(test_killed_again_and_again),
        cmocka_unit_test(test_wait_with_lock), cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
