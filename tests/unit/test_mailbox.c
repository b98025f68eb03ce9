/* SPDX-License-Identifier: MIT */
/* What a receiver costs that does not receive: its bound and no more, and what its senders are told. Under
   every composition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message_rig.h"

enum { FEW = 5, SMALL = 100 }; /* messages and bytes of a mailbox */

static const char modes[] = {'w', 'p', 'r'};
static char long_text[2 * SMALL];

static int more_commands(struct ss_handler *h, char command, char *words)
{
    switch (command) {
    case 'y': /* no such policy, no such name */
        return answer(h, *words ? ss_subscribe(h, words, SS_END + 1) : ss_subscribe(h, NULL, SS_END));
    case 'h':
        return answer(h, ss_unsubscribe(h, NULL));
    default:
        return -EBADMSG;
    }
}

static void start_small(struct running *r, const struct model *m)
{
    memset(long_text, 'x', sizeof long_text);
    prepare_model(r, m, NULL, &Obeying);
    r->server.mailbox_count = FEW;
    r->server.mailbox_size = SMALL;
    launch(r);
}

/* Receives nothing until it is asked. */
static int mute_client(const struct running *r)
{
    int fd = client_of(&r->server);
    ask(fd, "q\n", "= 0\n");
    return fd;
}

/* ---- posters ---- */

static void test_full_of_messages(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        start_small(&r, &models[i]);
        int fd = mute_client(&r);
        struct ss_ref ref = ref_of(fd);
        for (int k = 0; k < FEW; k++)
            assert_int_equal(post_text(&r, ref, k % 2 ? "odd" : ""), 0);
        assert_int_equal(post_text(&r, ref, "more"), -EAGAIN);
        assert_int_equal(post_text(&r, ref, ""), -EAGAIN);
        ask(fd, "v\n", "- 0 \n");
        assert_int_equal(post_text(&r, ref, "more"), 0);
        assert_int_equal(post_text(&r, ref, "again"), -EAGAIN);
        ask(fd, "g\n", "= 0\n- 0 odd\n- 0 \n- 0 odd\n- 0 \n- 0 more\n");
        leave(fd);
        stop(&r);
    }
}

static void test_full_of_bytes(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        start_small(&r, &models[i]);
        int fd = mute_client(&r);
        struct ss_ref ref = ref_of(fd);
        assert_int_equal(ss_post(&r.server, ref, long_text, SMALL + 1), -EMSGSIZE);
        assert_int_equal(ss_publish(&r.server, "nobody", long_text, SMALL + 1), -EMSGSIZE);
        assert_int_equal(ss_post(&r.server, ref, long_text, SMALL - 1), 0);
        assert_int_equal(ss_post(&r.server, ref, long_text, 2), -EAGAIN);
        assert_int_equal(ss_post(&r.server, ref, long_text, 1), 0);
        assert_int_equal(ss_post(&r.server, ref, long_text, 1), -EAGAIN);
        assert_int_equal(ss_post(&r.server, ref, NULL, 0), 0);
        assert_int_equal(ss_post(&r.server, (struct ss_ref){0}, long_text, SMALL + 1), -EMSGSIZE);
        ask(fd, "v\nv\nv\nv\n", "- 0 xxxxxxxxxx");
        leave(fd);
        stop(&r);
    }
}

/* ---- channels that drop the oldest ---- */

static void publish_numbers(struct running *r, int from, int to, int got)
{
    for (int i = from; i <= to; i++) {
        char text[10];
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(ss_publish(&r->server, "room", text, strlen(text)), got);
    }
}

static void test_drop_oldest(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        start_small(&r, &models[i]);
        int fd = mute_client(&r);
        ask(fd, "s room\n", "= 0\n");
        publish_numbers(&r, 1, FEW + 3, 1);
        ask(fd, "v\nv\n", "room 3 4\nroom 0 5\n");
        publish_numbers(&r, 9, 11, 1);
        ask(fd, "g\n", "= 0\nroom 1 7\nroom 0 8\nroom 0 9\nroom 0 10\nroom 0 11\n");
        /* a long one makes room for itself */
        ask(fd, "q\n", "= 0\n");
        publish_numbers(&r, 1, 4, 1);
        assert_int_equal(ss_publish(&r.server, "room", long_text, SMALL - 2), 1);
        ask(fd, "v\nv\n", "room 2 3\nroom 0 4\n");
        leave(fd);
        stop(&r);
    }
}

static void test_never_drops_posted(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        start_small(&r, &models[i]);
        int fd = mute_client(&r);
        struct ss_ref ref = ref_of(fd);
        ask(fd, "s room\n", "= 0\n");
        publish_numbers(&r, 1, 1, 1);
        assert_int_equal(post_text(&r, ref, "a"), 0);
        publish_numbers(&r, 2, 2, 1);
        assert_int_equal(post_text(&r, ref, "b"), 0);
        assert_int_equal(post_text(&r, ref, "c"), 0);
        assert_int_equal(post_text(&r, ref, "d"), -EAGAIN); /* a poster is told, and makes no room */
        publish_numbers(&r, 3, 5, 1);
        ask(fd, "v\nv\nv\nv\nv\nv\n", "- 3 a\n- 0 b\n- 0 c\nroom 0 4\nroom 0 5\n= -11\n");
        for (int k = 0; k < FEW; k++)
            assert_int_equal(post_text(&r, ref, "p"), 0);
        publish_numbers(&r, 6, 7, 0);
        ask(fd, "g\n", "= 0\n- 2 p\n- 0 p\n- 0 p\n- 0 p\n- 0 p\n");
        leave(fd);
        stop(&r);
    }
}

/* ---- channels that end a slow subscriber ---- */

static void check_ended(const char *name, int fd)
{
    expect_end(fd);
    leave(fd);
    if (!becomes(&counts->errors, 1) || counts->error != -ENOBUFS)
        fail_msg("%s: %d errors, %d", name, counts->errors, counts->error);
}

/* One that is busy learns it at its next wait. */
static void test_end_busy(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++)
        for (size_t k = 0; k < COUNT(modes); k++) {
            struct running r;
            start_small(&r, &models[i]);
            int fd = client_in_mode(&r, modes[k]);
            ask(fd, "S room\nb\n", "= 0\n= 0\n");
            publish_numbers(&r, 1, FEW, 1);
            publish_numbers(&r, 6, 7, 0);
            counts->go = true;
            check_ended(models[i].name, fd);
            for (int ms = 0; ss_subscribers(&r.server, "room") && ms < PATIENCE; ms++)
                poll(NULL, 0, 1);
            publish_numbers(&r, 8, 8, 0);
            stop(&r);
        }
}

/* One that rests is overrun: sooner or later it is not fast enough. */
static void test_end_resting(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++)
        for (size_t k = 0; k < COUNT(modes); k++) {
            struct running r;
            int n = 0;
            prepare_model(&r, &models[i], NULL, &Obeying);
            r.server.mailbox_count = 1;
            launch(&r);
            int fd = client_in_mode(&r, modes[k]);
            ask(fd, "S room\n", "= 0\n");
            while (ss_subscribers(&r.server, "room") && n++ < 10000000)
                ss_publish(&r.server, "room", "", 0);
            leave(fd);
            assert_true(becomes(&counts->errors, 1));
            assert_int_equal(counts->error, -ENOBUFS);
            stop(&r);
        }
}

/* ---- the memory of all messages ---- */

static void fill_memory(struct running *r, struct ss_ref first, struct ss_ref second)
{
    int count = 0, rc;
    while ((rc = post_text(r, count % 2 ? first : second, "x")) == 0 && count < 1000)
        count++;
    assert_int_equal(rc, -ENOBUFS);
    assert_int_equal(count, 4096 / 64);
    assert_int_equal(ss_publish(&r->server, "room", "", 0), -ENOBUFS);
    assert_int_equal(post_text(r, (struct ss_ref){0}, "x"), -ESTALE);
}

static void test_memory_used_up(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        if (clients_of(&models[i], 2) < 2)
            continue;
        prepare_model(&r, &models[i], NULL, &Obeying);
        r.server.message_memory = 4096;
        launch(&r);
        for (int times = 0; times < 3; times++) {
            int fd = mute_client(&r), other = mute_client(&r);
            struct ss_ref first = ref_of(fd), second = ref_of(other);
            ask(fd, "s room\n", "= 0\n");
            fill_memory(&r, first, second);
            leave(fd); /* all that was for it is given back */
            while (post_text(&r, first, "x") != -ESTALE)
                poll(NULL, 0, 1);
            for (int k = 0; k < 4096 / 64 / 2; k++)
                assert_int_equal(post_text(&r, second, "x"), 0);
            assert_int_equal(post_text(&r, second, "x"), -ENOBUFS);
            ask(other, "v\nv\n", "- 0 x\n- 0 x\n"); /* the second one is still held */
            assert_int_equal(post_text(&r, second, "x"), 0);
            assert_int_equal(post_text(&r, second, "x"), -ENOBUFS);
            leave(other);
            while (post_text(&r, second, "x") != -ESTALE)
                poll(NULL, 0, 1);
        }
        stop(&r);
    }
}

/* ---- names and numbers of subscriptions ---- */

static void test_names(void **state)
{
    struct running r;
    char name[SS_MAX_CHANNEL_NAME + 2], line[300];
    (void)state;
    start_model(&r, &models[1]);
    int fd = client_in_mode(&r, 'w');
    memset(name, 'n', sizeof name - 1);
    name[SS_MAX_CHANNEL_NAME + 1] = '\0';
    assert_int_equal(ss_publish(&r.server, name, "x", 1), -ENAMETOOLONG);
    assert_int_equal(ss_subscribers(&r.server, name), -ENAMETOOLONG);
    snprintf(line, sizeof line, "s %s\nu %s\nO %s x\n", name, name, name);
    ask(fd, line, "= -36\n= -36\n= -36\n");
    name[SS_MAX_CHANNEL_NAME] = '\0';
    snprintf(line, sizeof line, "s %s\nn %s\n", name, name);
    ask(fd, line, "= 0\n= 1\n");
    assert_int_equal(ss_publish(&r.server, name, "x", 1), 1);
    snprintf(line, sizeof line, "%s 0 x\n", name);
    expect(fd, line);
    name[SS_MAX_CHANNEL_NAME - 1] = '\0'; /* another one */
    assert_int_equal(ss_publish(&r.server, name, "x", 1), 0);
    assert_int_equal(ss_publish(&r.server, "", "x", 1), -EINVAL);
    assert_int_equal(ss_publish(&r.server, NULL, "x", 1), -EINVAL);
    assert_int_equal(ss_subscribers(&r.server, ""), -EINVAL);
    ask(fd, "s\nu\nO\ny\nh\ny room\nn room\n", "= -22\n= -22\n= -22\n= -22\n= -22\n= -22\n= 0\n");
    leave(fd);
    stop(&r);
}

static void test_many_subscriptions(void **state)
{
    struct running r;
    char line[20];
    (void)state;
    start_model(&r, &models[1]);
    for (int times = 0; times < 2; times++) {
        int fd = client_in_mode(&r, 'w');
        for (int i = 0; i < SS_MAX_SUBSCRIPTIONS; i++) {
            snprintf(line, sizeof line, "s %d\n", i);
            ask(fd, line, "= 0\n");
        }
        ask(fd, "s more\ns 0\nu 5\ns more\ns 5\nn more\nn 5\n",
            "= -105\n= -114\n= 0\n= 0\n= -105\n= 1\n= 0\n");
        for (int i = 0; i < SS_MAX_SUBSCRIPTIONS; i++) {
            snprintf(line, sizeof line, "%d", i);
            assert_int_equal(ss_publish(&r.server, line, "x", 1), i != 5);
        }
        leave(fd);
        while (ss_subscribers(&r.server, "more"))
            poll(NULL, 0, 1);
    }
    stop(&r);
}

/* ---- before and after ---- */

static void check_closed(struct ss_server *server)
{
    const struct ss_ref ref = {.number = 1, .place = 1};
    assert_int_equal(ss_post(server, ref, "x", 1), -EBADF);
    assert_int_equal(ss_publish(server, "room", "x", 1), -EBADF);
    assert_int_equal(ss_subscribers(server, "room"), -EBADF);
}

static void test_not_open(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        prepare_model(&r, &models[i], NULL, &Obeying);
        check_closed(&r.server);
        launch(&r);
        int fd = client_in_mode(&r, 'w');
        struct ss_ref ref = ref_of(fd);
        ss_shutdown(&r.server);
        expect_end(fd);
        leave(fd);
        pthread_join(r.thread, NULL);
        assert_int_equal(post_text(&r, ref, "x"), -ESTALE);
        assert_int_equal(ss_publish(&r.server, "room", "x", 1), 0);
        ss_server_close(&r.server);
        check_closed(&r.server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_of_messages),   cmocka_unit_test(test_full_of_bytes),
        cmocka_unit_test(test_drop_oldest),        cmocka_unit_test(test_never_drops_posted),
        cmocka_unit_test(test_end_busy),           cmocka_unit_test(test_end_resting),
        cmocka_unit_test(test_memory_used_up),     cmocka_unit_test(test_names),
        cmocka_unit_test(test_many_subscriptions), cmocka_unit_test(test_not_open),
    };
    return cmocka_run_group_tests(tests, map_counts, NULL);
}
