/* SPDX-License-Identifier: MIT */
/* Parked connections that have a mailbox: they are ended for others all the same, their idle time goes on,
   and nobody is called in vain. Under every composition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message_rig.h"

enum { IDLE_TIME = 250 }; /* ms: a machine that is busy stops a test for longer than 60 */

/* Parks for a while only. */
static int park_for(struct ss_handler *h, int why);

static int more_commands(struct ss_handler *h, char command, char *words)
{
    (void)h, (void)command, (void)words;
    return -EBADMSG;
}

/* ---- others need the place ---- */

static void check_makes_room(const struct model *m, char mode)
{
    struct running r;
    int fds[3], clients = m->streams ? 1 : 3;
    struct ss_ref refs[3];
    prepare_model(&r, m, NULL, &Obeying);
    r.server.workers = m->workers ? 1 : 0; /* max_requests is for each process and loop */
    r.server.max_requests = (unsigned)clients;
    launch(&r);
    for (int i = 0; i < clients; i++) {
        fds[i] = client_in_mode(&r, mode);
        refs[i] = ref_of(fds[i]);
        ask(fds[i], "s room\n", "= 0\n");
    }
    let_rest();
    int fd = client_in_mode(&r, 'w'), gone = 0;
    for (int i = 0; i < clients; i++) {
        int rc = post_text(&r, refs[i], "still here");
        gone += rc == -ESTALE;
        if (rc == 0)
            expect(fds[i], "- 0 still here\n");
        else
            expect_end(fds[i]);
        leave(fds[i]);
    }
    leave(fd);
    stop(&r);
    if (gone != 1 || counts->good_byes < (mode == 'r'))
        fail_msg("%s, %c: %d were ended, %d good-byes", m->name, mode, gone, counts->good_byes);
}

static void test_makes_room(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++)
        for (const char *mode = "pr"; *mode; mode++)
            check_makes_room(&models[i], *mode);
}

/* ---- the idle time ---- */

static int park(struct ss_handler *h)
{
    struct ss_ref ref;
    int rc = ss_ref(h, &ref);
    counts->refs[0] = ref;
    counts->ref_count = 1;
    h->timeout = IDLE_TIME;
    if (counts->go)
        h->request->resume = park_for;
    return rc < 0 ? rc : SS_PARK;
}

static int park_for(struct ss_handler *h, int why)
{
    struct ss_message m;
    counts->turns++;
    counts->odd += why != 0 && why != SS_MESSAGE;
    if (why == 0)
        return ++counts->idles < 3 ? ss_printf(h->wfile, "idle\n") < 0 ? -EPIPE : park(h) : 0;
    counts->odd += ss_receive(h, &m) != 0;
    ss_printf(h->wfile, "%.*s\n", (int)m.size, m.data);
    return park(h);
}

/* Without resume it is called again for messages. */
static int handle_parking(struct ss_handler *h)
{
    struct ss_message m;
    char line[10];
    counts->turns++;
    if (ss_receive(h, &m) == 0)
        ss_printf(h->wfile, "%.*s\n", (int)m.size, m.data);
    else if (ss_readline(h->rfile, line, sizeof line) > 0)
        ss_printf(h->wfile, "parked\n");
    return park(h);
}
static const struct ss_handler_class Parking = {.handle = handle_parking};

static void check_idle_time(const struct model *m, bool resumes)
{
    struct running r;
    prepare_model(&r, m, NULL, &Parking);
    counts->go = resumes;
    launch(&r);
    int fd = client_of(&r.server);
    ask(fd, "x\n", "parked\n");
    uint64_t begin = ss_now();
    let_rest();
    assert_int_equal(post_text(&r, counts->refs[0], "hello"), 0);
    expect(fd, "hello\n");
    if (resumes)
        expect(fd, "idle\nidle\n");
    expect_end(fd);
    int took = (int)(ss_now() - begin);
    leave(fd);
    stop(&r);
    if (took < (resumes ? 3 : 1) * IDLE_TIME || took > PATIENCE / 4 || counts->odd || counts->turns > 8)
        fail_msg("%s: %d ms, %d odd, %d turns", m->name, took, counts->odd, counts->turns);
}

static void test_idle_time(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        check_idle_time(&models[i], false);
        check_idle_time(&models[i], true);
    }
}

/* ---- SS_END while it is parked, whatever it does with that ---- */

static int ignore_all(struct ss_handler *h, int why)
{
    (void)why;
    counts->turns++;
    h->timeout = -1;
    return SS_PARK;
}

static int park_deaf(struct ss_handler *h)
{
    char line[10];
    if (ss_readline(h->rfile, line, sizeof line) > 0) {
        ss_printf(h->wfile, "%d\n", ss_subscribe(h, "room", SS_END));
        h->request->resume = ignore_all;
    }
    h->timeout = -1;
    return SS_PARK;
}
static const struct ss_handler_class Deaf = {.handle = park_deaf};

/* What it leaves in its mailbox is the reason for the next call; when the mailbox is full that comes to its
 * end. */
static void test_deaf(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        prepare_model(&r, &models[i], NULL, &Deaf);
        r.server.mailbox_count = 3;
        launch(&r);
        int fd = client_of(&r.server);
        ask(fd, "x\n", "0\n");
        for (int k = 0; k < 3; k++)
            assert_int_equal(ss_publish(&r.server, "room", "x", 1), 1);
        assert_int_equal(ss_publish(&r.server, "room", "x", 1), 0);
        expect_end(fd);
        leave(fd);
        assert_true(becomes(&counts->errors, 1));
        assert_int_equal(counts->error, -ENOBUFS);
        stop(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_makes_room),
        cmocka_unit_test(test_idle_time),
        cmocka_unit_test(test_deaf),
    };
    return cmocka_run_group_tests(tests, map_counts, NULL);
}
