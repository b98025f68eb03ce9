/* SPDX-License-Identifier: MIT */
/* Late replies: posted by a foreign thread, by another process, by a process that a handler has forked; to a
   connection that waits, is parked, is busy, has gone. Under every composition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message_rig.h"

static const char modes[] = {'w', 'p', 'r'};

static int more_commands(struct ss_handler *h, char command, char *words)
{
    (void)h, (void)command, (void)words;
    return -EBADMSG;
}

struct posting {
    struct running *r;
    struct ss_ref ref;
    int rc;
};

static void *post_as_thread(void *argument)
{
    struct posting *p = argument;
    p->rc = post_text(p->r, p->ref, "from a thread");
    return NULL;
}

static void post_in_thread(struct running *r, struct ss_ref ref)
{
    struct posting posting = {r, ref, 1};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, post_as_thread, &posting), 0);
    pthread_join(thread, NULL);
    assert_int_equal(posting.rc, 0);
}

static void post_in_process(struct running *r, struct ss_ref ref)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(-post_text(r, ref, "from a process"));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- to one that waits, or is parked ---- */

static void check_reply(const struct model *m, char mode)
{
    struct running r;
    start_model(&r, m);
    int fd = client_in_mode(&r, mode);
    struct ss_ref ref = ref_of(fd);
    for (int i = 0; i < 3; i++) {
        let_rest();
        post_in_thread(&r, ref);
        expect(fd, "- 0 from a thread\n");
        let_rest();
        post_in_process(&r, ref);
        expect(fd, "- 0 from a process\n");
        ask(fd, "f from a child\n", "= 0\n- 0 from a child\n");
    }
    leave(fd);
    stop(&r);
    /* (One that comes before the connection has been parked resumes nobody.) */
    if (counts->odd || counts->errors || (mode == 'r') != (counts->resumed_for_message > 0))
        fail_msg("%s, %c: %d odd, %d errors, resumed %d times for messages", m->name, mode, counts->odd,
                 counts->errors, counts->resumed_for_message);
}

static void test_reply(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++)
        for (size_t k = 0; k < COUNT(modes); k++)
            check_reply(&models[i], modes[k]);
}

/* ---- from another connection's handler, in another process where there is one ---- */

static void test_between_handlers(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++)
        for (size_t k = 0; k < COUNT(modes) && clients_of(&models[i], 2) == 2; k++) {
            struct running r;
            char line[100];
            start_model(&r, &models[i]);
            int other = client_in_mode(&r, 'w'), fd = client_in_mode(&r, modes[k]);
            struct ss_ref ref = ref_of(fd);
            snprintf(line, sizeof line, "m %llu %u hello\n", (unsigned long long)ref.number, ref.place);
            for (int times = 0; times < 10; times++) {
                ask(other, line, "= 0\n");
                expect(fd, "- 0 hello\n");
            }
            leave(fd);
            leave(other);
            stop(&r);
        }
}

/* ---- to one that is busy elsewhere: it gets it when it waits the next time ---- */

static void test_busy(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++)
        for (size_t k = 0; k < COUNT(modes); k++) {
            struct running r;
            start_model(&r, &models[i]);
            int fd = client_in_mode(&r, modes[k]);
            struct ss_ref ref = ref_of(fd);
            ask(fd, "b\n", "= 0\n");
            post_in_thread(&r, ref);
            post_in_process(&r, ref);
            expect_nothing(fd);
            counts->go = true;
            expect(fd, "- 0 from a thread\n- 0 from a process\n");
            leave(fd);
            stop(&r);
        }
}

/* ---- to one that has gone, and to nobody ---- */

static void test_gone(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++)
        for (size_t k = 0; k < COUNT(modes); k++) {
            struct running r;
            int rc;
            start_model(&r, &models[i]);
            int fd = client_in_mode(&r, modes[k]);
            struct ss_ref first = ref_of(fd);
            say(fd, "e\n");
            expect_end(fd);
            leave(fd);
            for (int ms = 0; (rc = post_text(&r, first, "")) == 0 && ms < PATIENCE; ms++)
                poll(NULL, 0, 1); /* the end is told before the mailbox is closed */
            assert_int_equal(rc, -ESTALE);
            fd = client_in_mode(&r, modes[k]);
            struct ss_ref second = ref_of(fd);
            if (is_one_process(&models[i])) /* the place is the first one's */
                assert_int_equal(second.place, first.place);
            assert_int_equal(post_text(&r, first, "a stranger's"), -ESTALE);
            assert_int_equal(post_text(&r, second, "mine"), 0);
            expect(fd, "- 0 mine\n");
            leave(fd);
            stop(&r);
        }
}

static void test_garbage(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        start_model(&r, &models[i]);
        int fd = client_in_mode(&r, 'w');
        struct ss_ref ref = ref_of(fd), own = ref;
        const struct ss_ref garbage[] = {{0, 0},
                                         {0, ref.place},
                                         {ref.number, 0},
                                         {ref.number + 1, ref.place},
                                         {ref.number, ref.place + 1},
                                         {ref.number, SS_MAX_REFS},
                                         {ref.number, SS_MAX_REFS + 1},
                                         {UINT64_MAX, UINT32_MAX},
                                         {ref.number, UINT32_MAX},
                                         {ref.number, 1U << 31}};
        for (size_t k = 0; k < COUNT(garbage); k++)
            assert_int_equal(post_text(&r, garbage[k], "?"), -ESTALE);
        ask(fd, "m 0 0 x\nm 1234567 1 x\n", "= -116\n= -116\n");
        assert_int_equal(post_text(&r, own, "mine"), 0);
        expect(fd, "- 0 mine\n");
        leave(fd);
        stop(&r);
    }
}

/* Many come and go, and what was meant for one never comes to another. */
static void test_reuse(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        struct ss_ref gone[20];
        start_model(&r, &models[i]);
        for (size_t n = 0; n < COUNT(gone); n++) {
            int fd = client_in_mode(&r, modes[n % COUNT(modes)]);
            gone[n] = ref_of(fd);
            for (size_t k = 0; k < n; k++)
                assert_int_equal(post_text(&r, gone[k], "a stranger's"), -ESTALE);
            assert_int_equal(post_text(&r, gone[n], "mine"), 0);
            expect(fd, "- 0 mine\n");
            say(fd, "e\n");
            expect_end(fd);
            leave(fd);
            for (int ms = 0; post_text(&r, gone[n], "") == 0 && ms < PATIENCE; ms++)
                poll(NULL, 0, 1);
        }
        stop(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reply), cmocka_unit_test(test_between_handlers), cmocka_unit_test(test_busy),
        cmocka_unit_test(test_gone),  cmocka_unit_test(test_garbage),          cmocka_unit_test(test_reuse),
    };
    return cmocka_run_group_tests(tests, map_counts, NULL);
}
