/* SPDX-License-Identifier: MIT */
/* Input and messages at the same moment, for connections that wait in all ways: nothing is lost, nothing
   comes twice, nobody sleeps on. Under every composition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message_rig.h"

enum { CLIENTS = 12, ROUNDS = 150, POSTERS = 2 };

static int more_commands(struct ss_handler *h, char command, char *words)
{
    (void)words;
    return command == 'z' ? answer(h, 0) : -EBADMSG;
}

struct poster {
    struct running *r;
    int clients, failed;
    pthread_t thread;
};

/* A few at a time, and a pause in which all fall asleep. */
static void *post_to_all(void *argument)
{
    struct poster *p = argument;
    for (int i = 0; i < ROUNDS; i++) {
        for (int k = 0; k < p->clients; k++)
            p->failed += post_text(p->r, counts->refs[k], "x") != 0;
        if (i % 8 == 7)
            poll(NULL, 0, 1);
    }
    return NULL;
}

static void type_to_all(const int *fds, int clients)
{
    for (int i = 0; i < ROUNDS; i++) {
        for (int k = 0; k < clients; k++)
            if (i % 2)
                say(fds[k], "z\nz");
            else
                say(fds[k], "\n");
        if (i % 8 == 5)
            poll(NULL, 0, 1);
    }
}

/* Counts lines: answers begin with =, messages with -. */
static void count_lines(const struct model *m, int fd, int number)
{
    char data[4096], last = '\n';
    int answers = 0, messages = 0;
    while (answers < ROUNDS || messages < POSTERS * ROUNDS) {
        ssize_t n = recv(fd, data, sizeof data, 0);
        if (n <= 0)
            fail_msg("%s: client %d of mode %c has got %d answers, %d messages", m->name, number,
                     "wprt"[number % 4], answers, messages);
        for (ssize_t i = 0; i < n; last = data[i++]) {
            answers += last == '\n' && data[i] == '=';
            messages += last == '\n' && data[i] == '-';
        }
    }
    expect_nothing(fd);
    assert_int_equal(answers, ROUNDS);
    assert_int_equal(messages, POSTERS * ROUNDS);
}

static void check_storm(const struct model *m)
{
    struct running r;
    struct poster posters[POSTERS];
    int fds[CLIENTS], clients = clients_of(m, CLIENTS);
    prepare_model(&r, m, NULL, &Obeying);
    r.server.mailbox_count = POSTERS * ROUNDS;
    launch(&r);
    clients_in_modes(&r, fds, clients, "wprt");
    for (int k = 0; k < clients; k++) {
        (void)ref_of(fds[k]);
        say(fds[k], "z"); /* the first half of a line */
    }
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.r = &r, .clients = clients};
        assert_int_equal(pthread_create(&posters[i].thread, NULL, post_to_all, &posters[i]), 0);
    }
    type_to_all(fds, clients);
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(posters[i].thread, NULL);
        assert_int_equal(posters[i].failed, 0);
    }
    for (int k = 0; k < clients; k++) {
        count_lines(m, fds[k], k);
        leave(fds[k]);
    }
    stop(&r);
    assert_int_equal(counts->errors, 0);
}

static void test_storm(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++)
        check_storm(&models[i]);
}

/* ---- one by one ---- */

/* Each message comes when the reply to the one before has left, and so just when its receiver is about to
 * wait. */
static void test_about_to_wait(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        int fds[4] = {0}, clients = clients_of(&models[i], 4);
        start_model(&r, &models[i]);
        clients_in_modes(&r, fds, clients, "prwt");
        for (int k = 0; k < clients; k++)
            (void)ref_of(fds[k]);
        for (int n = 0; n < 4 * ROUNDS; n++) {
            int k = n / 8 % clients; /* a few times the same one, so that the others sleep */
            assert_int_equal(post_text(&r, counts->refs[k], "x"), 0);
            expect(fds[k], "- 0 x\n");
        }
        for (int k = 0; k < clients; k++)
            leave(fds[k]);
        stop(&r);
    }
}

/* Of threads that wait one leads: when that one ends, another one does. */
static void test_leader_goes(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++)
        for (int last_first = 0; last_first < 2; last_first++) {
            struct running r;
            int fds[CLIENTS], clients = clients_of(&models[i], CLIENTS);
            start_model(&r, &models[i]);
            for (int k = 0; k < clients; k++) {
                fds[k] = client_in_mode(&r, 'w');
                (void)ref_of(fds[k]);
            }
            let_rest();
            for (int k = 0; k < clients; k++) {
                int one = last_first ? clients - 1 - k : k, next = last_first ? one - 1 : one + 1;
                say(fds[one], "e\n");
                expect_end(fds[one]);
                leave(fds[one]);
                if (next < 0 || next == clients)
                    break;
                let_rest();
                assert_int_equal(post_text(&r, counts->refs[next], "x"), 0);
                expect(fds[next], "- 0 x\n");
                ask(fds[next], "z\n", "= 0\n");
            }
            stop(&r);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_storm),
        cmocka_unit_test(test_about_to_wait),
        cmocka_unit_test(test_leader_goes),
    };
    return cmocka_run_group_tests(tests, map_counts, NULL);
}
