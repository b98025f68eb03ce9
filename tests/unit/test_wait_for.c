/* SPDX-License-Identifier: MIT */
/* ss_wait under every composition: input, messages, room, time, each alone and together; what a drain does to
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message_rig.h"

enum { NEVER_DONE = 12345, SHORT_TIMEOUT = 40 }; /* ms: shutdown_timeout where it is to be reached */
enum { MUCH = 8 << 20, PERIOD = 251 };           /* bytes of output, more than sockets hold */

/* Writes until the client's socket takes no more, and waits until it does again. */
static int fill(struct ss_handler *h)
{
    static const char data[4096];
    ssize_t n;
    int filled = 0;
    ss_flush(h->wfile);
    while ((n = send(h->request->fd, data, sizeof data, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
        filled += (int)n;
    counts->waited = ss_wait(h, SS_ROOM, 20) << 8 | ss_wait(h, SS_INPUT | SS_ROOM | SS_MESSAGE, 0);
    counts->filled = filled;
    return answer(h, ss_wait(h, SS_ROOM, PATIENCE));
}

/* Bytes whose values say where they stand, and whether they are there. */
static void count_up(char *data, int size, int from)
{
    for (int i = 0; i < size; i++)
        data[i] = (char)((from + i) % PERIOD);
}

/* Writes much, and hears its client all the same, which reads nothing until then. */
static int write_much(struct ss_handler *h)
{
    char data[3 * PERIOD];
    int heard = 0, rc = 0;
    for (int done = 0; done < MUCH && rc >= 0;) {
        size_t left = (size_t)(MUCH - done);
        count_up(data, sizeof data, done);
        ssize_t n = ss_write_now(h->wfile, data, left < sizeof data ? left : sizeof data);
        if (n == -EAGAIN)
            rc = ss_wait(h, heard ? SS_ROOM : SS_INPUT | SS_ROOM, PATIENCE);
        else if (n < 0)
            rc = (int)n;
        done += n > 0 ? (int)n : 0;
        counts->waited = heard |= rc > 0 ? rc & SS_INPUT : 0;
    }
    return answer(h, rc < 0 ? rc : heard);
}

static int wait_noted(struct ss_handler *h, int what, int ms)
{
    int rc = ss_wait(h, what, ms);
    counts->waited = rc;
    return rc;
}

/* The same in ss_poll_idle, until it is not in vain; with `count` 0 for no descriptor. */
static int poll_noted(struct ss_handler *h, int count, int ms)
{
    struct pollfd input = {.fd = h->request->fd, .events = POLLIN};
    int rc = 0;
    counts->turns = 1;
    while (rc == 0)
        rc = ss_poll_idle(h->server, &input, (nfds_t)count, ms);
    counts->waited = rc;
    return rc < 0 ? rc : answer(h, rc);
}

/* Looks again and again, and never waits for what it looks for. */
static int look(struct ss_handler *h, int what)
{
    uint64_t end = ss_now() + PATIENCE;
    int rc;
    while ((rc = ss_wait(h, what, 0)) == 0 && ss_now() < end)
        ss_sleep(h->server, 1);
    return answer(h, rc);
}

static int more_commands(struct ss_handler *h, char command, char *words)
{
    const char *time = rest_of(words);
    int what = (int)strtol(words, NULL, 10), ms = (int)strtol(time, NULL, 10);
    switch (command) {
    case 'W':
        return answer(h, ss_wait(h, what, ms));
    case 'L':
        ss_printf(h->wfile, "before\n");
        return answer(h, ss_wait(h, what, ms));
    case 'I':
        return look(h, what);
    case 'F':
        return fill(h);
    case 'M':
        return write_much(h);
    case 'N':
        counts->turns = 1;
        return wait_noted(h, what, ms);
    case 'Y':
        return poll_noted(h, what, ms);
    case 'T': /* as an impatient one waits, again and again */
        counts->turns = 1;
        for (int rc = 0; rc >= 0;)
            rc = wait_noted(h, what, ms);
        return 0;
    default:
        return -EBADMSG;
    }
}

/* ---- time ---- */

static void test_time(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++)
        for (int has_box = 0; has_box < 2; has_box++) {
            struct running r;
            start_model(&r, &models[i]);
            int fd = client_in_mode(&r, 'w');
            if (has_box)
                (void)ref_of(fd);
            uint64_t begin = ss_now();
            ask(fd, "W 0 20\n", "= 0\n");
            ask(fd, "W 1 20\n", "= 0\n");
            ask(fd, "W 2 20\n", "= 0\n");
            ask(fd, "W 8 20\n", "= 0\n");
            ask(fd, "W 11 20\n", "= 0\n");
            assert_true(ss_now() - begin >= 5 * 20);
            ask(fd, "W 0 0\n", "= 0\n");
            ask(fd, "W 11 0\n", "= 0\n");
            ask(fd, "W 15 20000\n", "= 4\n");
            ask(fd, "W 4 -1\n", "= 4\n");
            ask(fd, "W 32 0\nW 63 0\nW -1 0\n", "= -22\n= -22\n= -22\n");
            leave(fd);
            stop(&r);
        }
}

/* ---- each thing alone, and several at once ---- */

static void test_input(void **state)
{
    static const char *const lines[] = {"W 1 20000\n", "W 3 -1\n", "W 9 20000\n", "W 11 -1\n"};
    (void)state;
    for (int i = 0; i < MODELS; i++)
        for (int has_box = 0; has_box < 2; has_box++) {
            struct running r;
            start_model(&r, &models[i]);
            int fd = client_in_mode(&r, 'w');
            if (has_box)
                (void)ref_of(fd);
            for (size_t k = 0; k < COUNT(lines); k++) {
                say(fd, lines[k]);
                let_rest();
                expect_nothing(fd);
                say(fd, "w");
                expect(fd, "= 1\n");
                ask(fd, "\n", "= 0\n");
            }
            say(fd, "W 1 20000\nw\n"); /* the stream has it already */
            expect(fd, "= 1\n= 0\n");
            say(fd, "W 5 20000\nw\n");
            expect(fd, "= 5\n= 0\n");
            say(fd, "I 3\n");
            let_rest();
            say(fd, "w\n");
            expect(fd, "= 1\n= 0\n");
            say(fd, "W 1 20000\n");
            let_rest();
            shutdown(fd, SHUT_WR); /* the end is input, too */
            expect(fd, "= 1\n");
            expect_end(fd);
            leave(fd);
            stop(&r);
        }
}

static void test_message(void **state)
{
    static const char *const lines[] = {"L 2 20000\n", "L 3 -1\n", "L 10 20000\n", "L 11 -1\n"};
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        start_model(&r, &models[i]);
        int fd = client_in_mode(&r, 'w');
        struct ss_ref ref = ref_of(fd);
        for (size_t k = 0; k < COUNT(lines); k++) {
            ask(fd, lines[k], "before\n");
            let_rest();
            assert_int_equal(post_text(&r, ref, "x"), 0);
            expect(fd, "= 2\n- 0 x\n");
        }
        ask(fd, "q\n", "= 0\n");
        assert_int_equal(post_text(&r, ref, "y"), 0);
        ask(fd, "W 2 0\n", "= 2\n");
        ask(fd, "W 7 20000\nw\n", "= 7\n= 0\n");
        ask(fd, "W 1 10\n", "= 0\n"); /* not asked for */
        ask(fd, "v\nW 2 10\n", "- 0 y\n= 0\n");
        leave(fd);
        stop(&r);
    }
}

static void read_bytes(int fd, int count)
{
    char data[4096];
    while (count > 0) {
        ssize_t n = recv(fd, data, count < (int)sizeof data ? (size_t)count : sizeof data, 0);
        assert_true(n > 0);
        count -= (int)n;
    }
}

static void test_room(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++)
        for (int has_box = 0; has_box < 2; has_box++) {
            struct running r;
            start_model(&r, &models[i]);
            int fd = client_in_mode(&r, 'w');
            if (has_box)
                (void)ref_of(fd);
            say(fd, "F\n");
            for (int ms = 0; !counts->filled && ms < PATIENCE; ms++)
                poll(NULL, 0, 1);
            assert_true(counts->filled > 0);
            assert_int_equal(counts->waited, 0);
            read_bytes(fd, counts->filled);
            expect(fd, "= 4\n");
            leave(fd);
            stop(&r);
        }
}

static void expect_much(int fd)
{
    char data[100 * PERIOD], wanted[100 * PERIOD];
    for (int got = 0; got < MUCH;) {
        ssize_t n = recv(fd, data, sizeof data < MUCH - (size_t)got ? sizeof data : MUCH - (size_t)got, 0);
        assert_true(n > 0);
        count_up(wanted, (int)n, got);
        assert_memory_equal(data, wanted, (size_t)n);
        got += (int)n;
    }
}

static void test_write_now(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        start_model(&r, &models[i]);
        counts->waited = 0;
        int fd = client_in_mode(&r, 'w');
        say(fd, "M\n");
        let_rest();
        say(fd, "w\n");
        assert_true(becomes(&counts->waited, SS_INPUT));
        expect_much(fd);
        expect(fd, "= 1\n= 0\n");
        leave(fd);
        stop(&r);
    }
}

/* Output leaves before the wait begins. */
static void test_flush(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        start_model(&r, &models[i]);
        int fd = client_in_mode(&r, 'w');
        ask(fd, "L 1 20000\n", "before\n");
        say(fd, "w\n");
        expect(fd, "= 1\n= 0\n");
        struct ss_ref ref = ref_of(fd);
        ask(fd, "L 2 20000\n", "before\n");
        assert_int_equal(post_text(&r, ref, "x"), 0);
        expect(fd, "= 2\n- 0 x\n");
        ask(fd, "L 0 10\n", "before\n= 0\n");
        leave(fd);
        stop(&r);
    }
}

/* ---- the drain ---- */

static void begin_wait(struct running *r, const struct model *m, bool has_box, const char *line, int timeout,
                       int *fd)
{
    prepare_model(r, m, NULL, &Obeying);
    r->server.shutdown_timeout = timeout;
    launch(r);
    *fd = client_in_mode(r, 'w');
    if (has_box)
        (void)ref_of(*fd);
    counts->turns = 0;
    counts->waited = NEVER_DONE;
    say(*fd, line);
    assert_true(becomes(&counts->turns, 1));
    let_rest();
}

static void check_idle(const struct model *m, bool has_box, const char *line)
{
    struct running r;
    int fd;
    begin_wait(&r, m, has_box, line, 10 * PATIENCE, &fd);
    ss_shutdown(&r.server);
    expect_end(fd);
    uint64_t begin = ss_now();
    join(&r);
    close(fd);
    assert_true(ss_now() - begin < PATIENCE / 4);
    if (counts->waited != -ECANCELED)
        fail_msg("%s, %d: %s has returned %d", m->name, has_box, line, counts->waited);
}

static void check_busy(const struct model *m, bool has_box, const char *line, bool cancel)
{
    struct running r;
    int fd;
    begin_wait(&r, m, has_box, line, cancel ? 10 * PATIENCE : SHORT_TIMEOUT, &fd);
    uint64_t begin = ss_now();
    ss_shutdown(&r.server);
    if (cancel) {
        expect_nothing(fd);
        ss_cancel(&r.server);
    }
    join(&r);
    uint64_t took = ss_now() - begin;
    expect_end(fd);
    leave(fd);
    if (counts->waited != -ECANCELED || took < (cancel ? 0 : SHORT_TIMEOUT) || took > PATIENCE / 4)
        fail_msg("%s, %d: %s has returned %d after %d ms", m->name, has_box, line, counts->waited, (int)took);
}

static void test_drain_idle(void **state)
{
    static const char *const lines[] = {"N 9 -1\n", "N 8 20000\n", "N 10 -1\n", "N 11 -1\n",
                                        "T 11 1\n", "T 10 0\n",    "Y 0 -1\n",  "Y 1 20000\n",
                                        "Y 1 -1\n", "Y 0 1\n",     "Y 0 0\n",   "Y 1 0\n"};
    (void)state;
    for (int i = 0; i < MODELS; i++)
        for (int has_box = 0; has_box < 2; has_box++)
            for (size_t k = 0; k < COUNT(lines); k++)
                check_idle(&models[i], has_box, lines[k]);
}

static void test_drain_busy(void **state)
{
    static const char *const lines[] = {"N 1 -1\n", "N 2 -1\n", "N 3 20000\n",
                                        "T 3 1\n",  "T 4 0\n",  "T 2 0\n"};
    (void)state;
    for (int i = 0; i < MODELS; i++)
        for (size_t k = 0; k < COUNT(lines); k++) {
            check_busy(&models[i], k % 2, lines[k], false);
            check_busy(&models[i], (k + 1) % 2, lines[k], is_under(&models[i], "TCP"));
        }
}

/* A message that comes during the drain still comes to one that is busy. */
static void test_message_in_drain(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        start_model(&r, &models[i]);
        int fd = client_in_mode(&r, 'w');
        struct ss_ref ref = ref_of(fd);
        say(fd, "W 2 20000\n");
        let_rest();
        ss_shutdown(&r.server);
        expect_nothing(fd);
        assert_int_equal(post_text(&r, ref, "late"), 0);
        expect(fd, "= 2\n- 0 late\n");
        expect_end(fd); /* then it is idle */
        leave(fd);
        join(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time),       cmocka_unit_test(test_input),
        cmocka_unit_test(test_message),    cmocka_unit_test(test_room),
        cmocka_unit_test(test_flush),      cmocka_unit_test(test_drain_idle),
        cmocka_unit_test(test_drain_busy), cmocka_unit_test(test_message_in_drain),
        cmocka_unit_test(test_write_now),
    };
    return cmocka_run_group_tests(tests, map_counts, NULL);
}
