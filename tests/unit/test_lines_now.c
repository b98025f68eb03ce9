/* SPDX-License-Identifier: MIT */
/* ss_readline_now under every composition: half-typed lines keep nobody waiting and nobody busy, with ss_wait
   and with SS_PARK; long lines, ends without a newline, layers with half a record, connections without
   streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message_rig.h"

enum { SMALL_BUFFER = 64, RECORD = 4 };

static int more_commands(struct ss_handler *h, char command, char *words)
{
    (void)words;
    return command == 'z' ? answer(h, 0) : -EBADMSG;
}

/* ---- half-typed lines ---- */

static void check_half_typed(const struct model *m, char mode)
{
    struct running r;
    start_model(&r, m);
    int fd = client_in_mode(&r, mode);
    struct ss_ref ref = ref_of(fd);
    let_rest();
    int turns = counts->turns;
    say(fd, "n");
    expect_nothing(fd);
    assert_int_equal(post_text(&r, ref, "a message"), 0);
    expect(fd, "- 0 a message\n");
    say(fd, " ro");
    expect_nothing(fd);
    assert_int_equal(post_text(&r, ref, "another"), 0);
    expect(fd, "- 0 another\n");
    ask(fd, "om\nz\nn ot", "= 0\n= 0\n");
    expect_nothing(fd);
    ask(fd, "her\n", "= 0\n");
    let_rest();
    turns = counts->turns - turns;
    leave(fd);
    stop(&r);
    if (turns > 14 || counts->errors)
        fail_msg("%s, %c: the handler has run %d times, %d errors", m->name, mode, turns, counts->errors);
}

static void test_half_typed(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++)
        for (const char *mode = "wpr"; *mode; mode++)
            check_half_typed(&models[i], *mode);
}

/* A drain ends one who has typed half a line, at once: it is the handler who says that nothing is in
 * progress. */
static void test_half_typed_in_drain(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++)
        for (const char *mode = "wpr"; *mode; mode++) {
            struct running r;
            start_model(&r, &models[i]);
            int fd = client_in_mode(&r, *mode);
            say(fd, "n ro");
            expect_nothing(fd);
            uint64_t begin = ss_now();
            ss_shutdown(&r.server);
            expect_end(fd);
            leave(fd);
            join(&r);
            assert_true(ss_now() - begin < (uint64_t)r.server.shutdown_timeout / 2);
            assert_int_equal(counts->lingered, 0); /* he may stay, and would keep the server */
        }
}

/* ---- what is no line ---- */

/* Tells how long each piece is, and whether it is a line. */
static int tell_pieces(struct ss_handler *h)
{
    char line[100];
    ssize_t n;
    int rc = 1;
    h->timeout = -1;
    while (rc > 0) {
        while ((n = ss_readline_now(h->rfile, line, sizeof line)) > 0)
            ss_printf(h->wfile, "%d%s\n", (int)n, line[n - 1] == '\n' ? "" : "-");
        counts->turns++;
        if (n != -EAGAIN)
            return n == 0 ? ss_printf(h->wfile, "end\n") : (int)n;
        if (counts->filled)
            return SS_PARK;
        rc = ss_wait(h, SS_INPUT | SS_IDLE, -1);
    }
    return rc;
}
static const struct ss_handler_class Telling = {.handle = tell_pieces};

static void say_many(int fd, char byte, int count)
{
    char data[400];
    memset(data, byte, sizeof data);
    assert_int_equal(send(fd, data, (size_t)count, MSG_NOSIGNAL), count);
}

static void check_pieces(const struct model *m, bool parks, size_t buffer)
{
    struct running r;
    prepare_model(&r, m, NULL, &Telling);
    counts->filled = parks;
    r.server.buffer_size = buffer;
    launch(&r);
    int fd = client_of(&r.server);
    say(fd, "abc\n\nd\n");
    expect(fd, "4\n1\n2\n");
    say_many(fd, 'x', 40);
    expect_nothing(fd);
    say_many(fd, 'x', 200);
    expect(fd, buffer == SMALL_BUFFER ? "64-\n64-\n64-\n" : "99-\n99-\n");
    say(fd, "\n");
    expect(fd, buffer == SMALL_BUFFER ? "49\n" : "43\n");
    say(fd, "abc");
    expect_nothing(fd);
    shutdown(fd, SHUT_WR);
    expect(fd, "3-\nend\n");
    expect_end(fd);
    leave(fd);
    stop(&r);
    assert_true(counts->turns < 20);
}

static void test_pieces(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++)
        for (int parks = 0; parks < 2; parks++) {
            check_pieces(&models[i], parks, SMALL_BUFFER);
            check_pieces(&models[i], parks, 16384);
        }
}

static int ask_for_little(struct ss_handler *h)
{
    char line[3] = "??";
    int rc = (int)ss_readline_now(h->rfile, line, 0);
    ss_printf(h->wfile, "%d %s\n", rc, line);
    if (ss_wait(h, SS_INPUT, -1) != SS_INPUT)
        return -EPROTO;
    rc = (int)ss_readline_now(h->rfile, line, 1);
    ss_printf(h->wfile, "%d %s\n", rc, line);
    rc = (int)ss_readline_now(h->rfile, line, 2);
    ss_printf(h->wfile, "%d %s\n", rc, line);
    rc = (int)ss_readline_now(h->rfile, line, 3);
    return ss_printf(h->wfile, "%d %s\n", rc, line) < 0
               ? -EPIPE
               : answer(h, (int)ss_readline_now(NULL, line, sizeof line));
}
static const struct ss_handler_class AskingForLittle = {.handle = ask_for_little};

static void test_little(void **state)
{
    struct running r;
    (void)state;
    prepare_model(&r, &models[0], NULL, &AskingForLittle);
    launch(&r);
    int fd = client_of(&r.server);
    ask(fd, "abcd\n", "0 ??\n0 \n1 a\n2 bc\n= -9\n");
    leave(fd);
    stop(&r);
}

/* ---- a layer whose records are four bytes, each turned round ---- */

static ssize_t record_read(struct ss_stream *s, void *data, size_t size)
{
    const char *record;
    ssize_t n = size < RECORD ? -EPROTO : ss_peek(s->below, &record, RECORD);
    if (n < RECORD)
        return n <= 0 ? n : -EPROTO;
    for (int i = 0; i < RECORD; i++)
        ((char *)data)[i] = record[RECORD - 1 - i];
    ss_skip(s->below, RECORD);
    return RECORD;
}

static ssize_t record_read_now(struct ss_stream *s, void *data, size_t size)
{
    const char *record;
    ssize_t n = ss_peek_now(s->below, &record, 1);
    return n <= 0 ? n : n < RECORD ? -EAGAIN : record_read(s, data, size);
}

/* Output is as it was. */
static int plain_write(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    (void)more;
    return ss_writev(s->below, vector, count);
}

static const struct ss_stream_class record_stream = {
    .name = "records", .read = record_read, .read_now = record_read_now, .write = plain_write};

static const struct ss_class Records;

static int open_records(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    enum { SIZE = 256 };
    struct ss_stream *below, *s = ss_alloc(h, sizeof *s + 2 * SIZE);
    int rc = s ? ss_super(self, &Records)->open_stream(self, h, &below) : -ENOMEM;
    if (rc < 0)
        return rc;
    char *buffers = (char *)(s + 1);
    ss_stream_init(s, &record_stream, NULL, buffers, SIZE, buffers + SIZE, SIZE);
    ss_stream_over(s, below);
    *stream = s;
    return 0;
}

static const struct ss_class Records = {.name = "Records", .open_stream = open_records};

static void check_records(const struct model *m, char mode)
{
    char first[] = {'\n', 'z', '\n', mode, '\0'};
    struct running r;
    prepare_model(&r, m, &Records, &Obeying);
    launch(&r);
    int fd = client_of(&r.server);
    ask(fd, first, "= 0\n= 0\n");
    say(fd, "\ni\nz"); /* z, i */
    expect(fd, "= 0\n= 0\n");
    struct ss_ref ref = counts->refs[0];
    let_rest();
    int turns = counts->turns;
    say(fd, "m"); /* a quarter of a record */
    expect_nothing(fd);
    assert_int_equal(post_text(&r, ref, "1"), 0);
    expect(fd, "- 0 1\n");
    say(fd, "or n"); /* half a line, then half a record again */
    say(fd, "z");
    expect_nothing(fd);
    assert_int_equal(post_text(&r, ref, "2"), 0);
    expect(fd, "- 0 2\n");
    leave(fd);
    stop(&r);
    if (counts->turns - turns > 10)
        fail_msg("%s, %c: the handler has run %d times", m->name, mode, counts->turns - turns);
}

static void test_records(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++)
        for (const char *mode = "wpr"; *mode; mode++)
            check_records(&models[i], *mode);
}

/* ---- without streams ---- */

static int tell_bare(struct ss_handler *h)
{
    struct ss_message m;
    char data[100];
    struct ss_ref ref;
    int rc = ss_ref(h, &ref), n;
    counts->refs[0] = ref;
    counts->ref_count = 1;
    while (rc >= 0 && (rc = ss_wait(h, SS_INPUT | SS_MESSAGE | SS_IDLE, -1)) > 0) {
        counts->turns++;
        if (rc & SS_INPUT && (n = (int)recv(h->request->fd, data, sizeof data, 0)) <= 0)
            return 0;
        if (rc & SS_INPUT)
            (void)!send(h->request->fd, data, (size_t)n, MSG_NOSIGNAL);
        if (rc & SS_MESSAGE && ss_receive(h, &m) == 0)
            (void)!send(h->request->fd, m.data, m.size, MSG_NOSIGNAL);
    }
    return rc;
}
static const struct ss_handler_class Bare = {.base = &BaseRequestHandler, .handle = tell_bare};

static void test_bare(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct running r;
        prepare_model(&r, &models[i], NULL, &Bare);
        launch(&r);
        int fd = client_of(&r.server);
        ask(fd, "input", "input");
        assert_int_equal(post_text(&r, counts->refs[0], "message"), 0);
        expect(fd, "message");
        let_rest();
        assert_int_equal(post_text(&r, counts->refs[0], "again"), 0);
        expect(fd, "again");
        ask(fd, "more", "more");
        ss_shutdown(&r.server);
        expect_end(fd);
        leave(fd);
        join(&r);
        assert_true(counts->turns <= 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_typed), cmocka_unit_test(test_half_typed_in_drain),
        cmocka_unit_test(test_pieces),     cmocka_unit_test(test_little),
        cmocka_unit_test(test_records),    cmocka_unit_test(test_bare),
    };
    return cmocka_run_group_tests(tests, map_counts, NULL);
}
