/* SPDX-License-Identifier: MIT */
/* request->resume: how a parked connection goes on, under every mix-in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "masked.h"
#include "server_thread.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

static const char *const classes[] = {
    "TCPServer",
    "ThreadingTCPServer",
    "ThreadPoolTCPServer",
    "ForkingTCPServer",
    "PreforkingTCPServer",
    "EventLoopTCPServer",
    "PreforkingEventLoopTCPServer",
    "UnixStreamServer",
    "ThreadingUnixStreamServer",
    "EventLoopUnixStreamServer",
    "ThreadPoolUnixStreamServer",
};

enum { SHORT = 60 }; /* ms: an idle time that tests wait for */

/* Seen by all processes. */
static struct counts {
    atomic_int handled, setups, finishes, freed, ended, good_byes, wrong;
} * counts;

static int set_up(void **state)
{
    (void)state;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 4096) {
        limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return counts == MAP_FAILED ? -1 : 0;
}

/* ---- a handler whose connections are resumed ---- */

struct state {
    int lines, idle;
};

static void free_state(void *data)
{
    counts->freed++;
    free(data);
}

static int setup(struct ss_handler *h)
{
    counts->setups++;
    return StreamRequestHandler.setup(h);
}

static void finish(struct ss_handler *h)
{
    counts->finishes++;
    StreamRequestHandler.finish(h);
}

static int go_on(struct ss_handler *h, int why);

static int park(struct ss_handler *h)
{
    if (h->server->context)
        h->timeout = *(int *)h->server->context;
    return SS_PARK;
}

/* Answers one line, and parks again. */
static int other(struct ss_handler *h, int why)
{
    char line[100];
    if (why != SS_INPUT)
        return ss_printf(h->wfile, "other %d\n", why);
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    ss_printf(h->wfile, "other %s", line);
    h->request->resume = go_on;
    return n <= 0 ? (int)n : park(h);
}

static int take_line(struct ss_handler *h, struct state *state)
{
    char line[100];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    if (n <= 0) {
        counts->ended++;
        return (int)n;
    }
    ss_printf(h->wfile, "%d %s", ++state->lines, line);
    if (line[0] == 'o')
        h->request->resume = other;
    if (line[0] == 'h')
        h->request->resume = NULL;
    if (line[0] == 's')
        ss_shutdown(h->server);
    if (line[0] == 'b') /* keeps its thread: a plain wait */
        usleep(1000000);
    return line[0] == 'q' ? 0 : park(h);
}

static int go_on(struct ss_handler *h, int why)
{
    struct state *state = h->request->data;
    const char *data;
    if (why == -ECANCELED) {
        counts->good_byes++;
        ss_printf(h->wfile, "good-bye after %d\n", state->lines);
        return SS_PARK;
    }
    if (why == SS_INPUT)
        return take_line(h, state);
    counts->wrong += why != 0 || ss_peek_now(h->rfile, &data, 1) != -EAGAIN;
    ss_printf(h->wfile, "idle %d\n", ++state->idle);
    return state->idle < 3 ? park(h) : 0;
}

static int begin_state(struct ss_handler *h)
{
    counts->handled++;
    if (!h->request->data && !(h->request->data = calloc(1, sizeof(struct state))))
        return -ENOMEM;
    h->request->free_data = free_state;
    h->request->resume = go_on;
    return 0;
}

static int handle(struct ss_handler *h)
{
    char line[100];
    int rc = begin_state(h);
    ssize_t n = rc < 0 ? rc : ss_readline(h->rfile, line, sizeof line);
    if (n <= 0)
        return (int)n;
    ss_printf(h->wfile, "hello %s", line);
    return park(h);
}
static const struct ss_handler_class Resuming = {.setup = setup, .handle = handle, .finish = finish};

static void prepare_over(struct running *r, const struct ss_class *layer, const char *name,
                         const struct ss_handler_class *handler)
{
    const struct ss_class *bases[SS_MAX_BASES + 1] = {layer}, *const *own = ss_bases(name);
    int count = layer != NULL;
    memset(counts, 0, sizeof *counts);
    while (*own)
        bases[count++] = *own++;
    prepare(r, bases, strstr(name, "Unix") ? "unix:@ss-unit-resume-*" : "127.0.0.1:0", handler);
    r->server.workers = strncmp(name, "Prefork", 7) == 0 ? 1 : 0;
}

static void begin(struct running *r, const char *name)
{
    prepare_over(r, NULL, name, &Resuming);
}

static int hello(struct running *r)
{
    int fd = client_of(&r->server);
    say(fd, "x\n");
    expect(fd, "hello x\n");
    return fd;
}

static void check(const char *name, int connections)
{
    if (counts->freed != connections || counts->setups != counts->finishes || counts->wrong)
        fail_msg("%s: freed %d times, %d setup, %d finish, %d wrong", name, counts->freed, counts->setups,
                 counts->finishes, counts->wrong);
}

static bool is_one_at_a_time(const char *name)
{
    return strcmp(name, "TCPServer") == 0 || strcmp(name, "UnixStreamServer") == 0 ||
           strcmp(name, "PreforkingTCPServer") == 0;
}

/* ---- input ---- */

static void test_input(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        begin(&r, classes[i]);
        launch(&r);
        int fd = hello(&r);
        say(fd, "a\n");
        expect(fd, "1 a\n");
        say(fd, "b\nc\nd"); /* the lines that have come at once are instances of their own */
        expect(fd, "2 b\n3 c\n");
        say(fd, "\n");
        expect(fd, "4 d\n");
        shutdown(fd, SHUT_WR);
        expect_end(fd);
        close(fd);
        stop(&r);
        check(classes[i], 1);
        assert_int_equal(counts->handled, 1);
        assert_int_equal(counts->ended, 1);
    }
}

/* Another function, which goes back to the first one; then none, so that `handle` is next; then the first one
   again. */
static void test_another(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        begin(&r, classes[i]);
        launch(&r);
        int fd = hello(&r);
        say(fd, "o\n");
        expect(fd, "1 o\n");
        say(fd, "z\n");
        expect(fd, "other z\n");
        say(fd, "h\n");
        expect(fd, "2 h\n");
        say(fd, "y\n");
        expect(fd, "hello y\n");
        say(fd, "q\n");
        expect(fd, "3 q\n");
        expect_end(fd);
        close(fd);
        stop(&r);
        check(classes[i], 1);
        assert_int_equal(counts->handled, 2);
    }
}

/* ---- the idle time ---- */

static void test_idle(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        int timeout = SHORT;
        begin(&r, classes[i]);
        r.server.context = &timeout;
        launch(&r);
        uint64_t start_time = ss_now();
        int fd = hello(&r);
        expect(fd, "idle 1\n");
        assert_true(ss_now() - start_time >= SHORT);
        say(fd, "a\n");
        expect(fd, "1 a\nidle 2\nidle 3\n");
        assert_true(ss_now() - start_time >= 3 * SHORT && ss_now() - start_time < PATIENCE / 2);
        expect_end(fd);
        close(fd);
        stop(&r);
        check(classes[i], 1);
    }
}

/* A layer that drops NULs: what comes may be nothing for those above. */
static ssize_t dropping_read_now(struct ss_stream *s, void *data, size_t size)
{
    const char *there;
    ssize_t n;
    while ((n = ss_peek_now(s->below, &there, 1)) > 0 && !*there)
        ss_skip(s->below, 1);
    return n <= 0 ? n : ss_read(s->below, data, size < 1 ? size : 1);
}

static ssize_t dropping_read(struct ss_stream *s, void *data, size_t size)
{
    char *byte = data;
    ssize_t n;
    do
        n = ss_read(s->below, data, size < 1 ? size : 1);
    while (n > 0 && !*byte);
    return n;
}

static const struct ss_stream_class dropping_stream = {
    .name = "dropping", .read = dropping_read, .read_now = dropping_read_now, .write = masked_write};

static const struct ss_class Dropping, Masking;

static int put_over(struct ss_server *self, const struct ss_class *layer, struct ss_handler *h,
                    const struct ss_stream_class *methods, struct ss_stream **stream)
{
    enum { SIZE = 1024 };
    struct ss_stream *below, *s = ss_alloc(h, sizeof *s + 2 * SIZE);
    int rc = s ? ss_super(self, layer)->open_stream(self, h, &below) : -ENOMEM;
    if (rc < 0)
        return rc;
    char *buffers = (char *)(s + 1);
    ss_stream_init(s, methods, NULL, buffers, SIZE, buffers + SIZE, SIZE);
    ss_stream_over(s, below);
    *stream = s;
    return 0;
}

static int open_dropping(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    return put_over(self, &Dropping, h, &dropping_stream, stream);
}
static const struct ss_class Dropping = {.name = "Dropping", .open_stream = open_dropping};

static int open_masked(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    return put_over(self, &Masking, h, &masked_stream, stream);
}
static const struct ss_class Masking = {.name = "Masking", .open_stream = open_masked};

static void expect_masked(int fd, const char *text)
{
    char data[100];
    snprintf(data, sizeof data, "%s", text);
    mask(data, strlen(text));
    expect(fd, data);
}

/* Nobody is called for what is nothing, and the idle time goes on meanwhile. */
static void test_nothing_new(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        int timeout = 4 * SHORT;
        prepare_over(&r, &Dropping, classes[i], &Resuming);
        r.server.context = &timeout;
        launch(&r);
        int fd = client_of(&r.server);
        say(fd, "x\n");
        expect_masked(fd, "hello x\n");
        struct pollfd answered = {.fd = fd, .events = POLLIN};
        int sent = 0;
        do
            assert_int_equal(send(fd, "", 1, MSG_NOSIGNAL), 1);
        while (++sent < PATIENCE / SHORT && poll(&answered, 1, SHORT / 2) == 0);
        assert_true(sent > 1 && sent < PATIENCE / SHORT);
        expect_masked(fd, "idle 1\n");
        shutdown(fd, SHUT_RDWR);
        close(fd);
        stop(&r);
        check(classes[i], 1);
    }
}

/* ---- the end of the server ---- */

static void check_good_bye(const char *name, const struct ss_class *layer)
{
    struct running r;
    int fds[3], clients = is_one_at_a_time(name) ? 1 : 3;
    void (*expect_text)(int, const char *) = layer ? expect_masked : expect;
    prepare_over(&r, layer, name, &Resuming);
    launch(&r);
    for (int i = 0; i < clients; i++) {
        char line[] = "x\n";
        if (layer)
            mask(line, 2);
        fds[i] = client_of(&r.server);
        say(fds[i], line);
        expect_text(fds[i], "hello x\n");
    }
    uint64_t start_time = ss_now();
    stop(&r);
    assert_true(ss_now() - start_time < (uint64_t)r.server.shutdown_timeout);
    for (int i = 0; i < clients; i++) {
        expect_text(fds[i], "good-bye after 0\n");
        expect_end(fds[i]);
        close(fds[i]);
    }
    check(name, clients);
    assert_int_equal(counts->good_byes, clients);
}

static void test_good_bye(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        check_good_bye(classes[i], NULL);
        check_good_bye(classes[i], &Masking);
    }
}

/* The drain has begun when the handler parks. */
static void test_too_late(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        begin(&r, classes[i]);
        launch(&r);
        int fd = hello(&r);
        say(fd, "s\n");
        expect(fd, "1 s\ngood-bye after 1\n");
        expect_end(fd);
        close(fd);
        join(&r);
        check(classes[i], 1);
    }
}

/* What a client has sent when its connection is about to end is taken, though nobody reads it: otherwise the
   connection would be reset, and the good-bye may be lost with it. */
static void test_unread(void **state)
{
    struct running r;
    char byte;
    (void)state;
    begin(&r, "ThreadPoolTCPServer");
    r.server.workers = 1;
    launch(&r);
    int fd = hello(&r), busy = hello(&r);
    say(busy, "b\n");
    struct pollfd wait = {.fd = busy, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 100), 0); /* the only thread has begun with that */
    ss_shutdown(&r.server);
    assert_int_equal(poll(&wait, 1, 100), 0); /* the other connection is to end */
    say(fd, "x\n");
    expect(fd, "good-bye after 0\n");
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
    expect(busy, "1 b\ngood-bye after 1\n");
    close(busy);
    join(&r);
}

/* A thousand idle connections end at once, each with its good-bye. */
static void check_many(const char *name)
{
    enum { MANY = 1000 };
    static int fds[MANY];
    struct running r;
    begin(&r, name);
    r.server.max_requests = r.server.max_requests_per_client = 2 * MANY;
    launch(&r);
    for (int i = 0; i < MANY; i++)
        fds[i] = hello(&r);
    uint64_t start_time = ss_now();
    stop(&r);
    print_message("# %s: drained in %d ms\n", name, (int)(ss_now() - start_time));
    assert_true(ss_now() - start_time < (uint64_t)r.server.shutdown_timeout);
    for (int i = 0; i < MANY; i++) {
        expect(fds[i], "good-bye after 0\n");
        expect_end(fds[i]);
        close(fds[i]);
    }
    check(name, MANY);
}

static void test_many(void **state)
{
    (void)state;
    check_many("EventLoopTCPServer");
    check_many("ThreadPoolTCPServer");
    check_many("ThreadingTCPServer");
}

/* A client that does not read keeps the drain for a second at most. */
static int flood(struct ss_handler *h, int why)
{
    static const char data[1 << 16];
    int rc = why == -ECANCELED ? 0 : -EPROTO;
    for (int i = 0; i < 1000 && rc == 0; i++)
        rc = ss_write(h->wfile, data, sizeof data);
    counts->wrong += rc != -ETIMEDOUT;
    return rc;
}

static int park_to_flood(struct ss_handler *h)
{
    char line[100];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    ss_printf(h->wfile, "hello %s", line);
    h->request->told = true;
    h->request->resume = flood;
    return n <= 0 ? (int)n : SS_PARK;
}

static void test_reads_nothing(void **state)
{
    static const struct ss_handler_class Flooding = {.handle = park_to_flood};
    static const char *const names[] = {"TCPServer", "ThreadingTCPServer", "ThreadPoolTCPServer",
                                        "ForkingTCPServer", "EventLoopTCPServer"};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct running r;
        prepare_over(&r, NULL, names[i], &Flooding);
        launch(&r);
        int fd = hello(&r);
        uint64_t start_time = ss_now();
        stop(&r);
        assert_true(ss_now() - start_time < (uint64_t)10000 / 2);
        close(fd);
        assert_int_equal(counts->wrong, 0);
    }
}

/* ---- others need the place ---- */

static void test_makes_room(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        int idle[2] = {-1, -1}, clients = is_one_at_a_time(classes[i]) ? 1 : 2;
        begin(&r, classes[i]);
        r.server.max_requests = (unsigned)clients;
        r.server.max_requests_per_client = UINT32_MAX;
        launch(&r);
        for (int k = 0; k < clients; k++)
            idle[k] = hello(&r);
        int fd = hello(&r);
        struct pollfd ended[2] = {{.fd = idle[0], .events = POLLIN},
                                  {.fd = idle[clients - 1], .events = POLLIN}};
        assert_true(poll(ended, 2, PATIENCE) > 0);
        int which = clients > 1 && !ended[0].revents; /* an answer may come before its connection is parked */
        expect(idle[which], "good-bye after 0\n");
        expect_end(idle[which]);
        for (int k = 0; k < clients; k++)
            close(idle[k]);
        close(fd);
        stop(&r);
        check(classes[i], clients + 1);
    }
}

/* ---- without streams ---- */

static int go_on_bare(struct ss_handler *h, int why)
{
    char data[100];
    if (why < 0)
        return send(h->request->fd, "bye\n", 4, MSG_NOSIGNAL) == 4 ? 0 : -EPIPE;
    if (why == 0)
        return send(h->request->fd, "idle\n", 5, MSG_NOSIGNAL) == 5 ? SS_PARK : -EPIPE;
    ssize_t n = recv(h->request->fd, data, sizeof data, 0);
    if (n > 0)
        n = send(h->request->fd, data, (size_t)n, MSG_NOSIGNAL);
    h->timeout = SHORT;
    return n > 0 ? SS_PARK : 0;
}

static int handle_bare(struct ss_handler *h)
{
    h->request->resume = go_on_bare;
    return SS_PARK;
}

static void test_bare(void **state)
{
    static const struct ss_handler_class Bare = {.base = &BaseRequestHandler, .handle = handle_bare};
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct running r;
        prepare_over(&r, NULL, classes[i], &Bare);
        launch(&r);
        int fd = client_of(&r.server);
        say(fd, "a");
        expect(fd, "aidle\n");
        say(fd, "b");
        expect(fd, "b");
        stop(&r);
        expect(fd, "bye\n");
        expect_end(fd);
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_input),         cmocka_unit_test(test_another),
        cmocka_unit_test(test_idle),          cmocka_unit_test(test_nothing_new),
        cmocka_unit_test(test_good_bye),      cmocka_unit_test(test_too_late),
        cmocka_unit_test(test_unread),        cmocka_unit_test(test_many),
        cmocka_unit_test(test_reads_nothing), cmocka_unit_test(test_makes_room),
        cmocka_unit_test(test_bare),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
