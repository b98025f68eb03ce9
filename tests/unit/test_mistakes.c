/* SPDX-License-Identifier: MIT */
/* A caller's mistake is an error, or an assertion that names it: never a crash, an endless loop or a spin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aborts.h"
#include "server_thread.h"
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

static const char *const mixins[] = {"",           "Threading", "ThreadPool",         "Forking",
                                     "Preforking", "EventLoop", "PreforkingEventLoop"};
static const struct ss_handler_class EchoHandler = {.handle = echo_lines};

static const struct ss_class *const *bases_of(const char *mixin, const char *server)
{
    char name[100];
    snprintf(name, sizeof name, "%s%s", mixin, server);
    assert_non_null(ss_bases(name));
    return ss_bases(name);
}

/* ---- handle returns a number that means nothing ---- */

static struct {
    int returned;
    atomic_int calls, told, error;
} * shared; /* with children, too */

static int handle_and_count(struct ss_handler *h)
{
    atomic_fetch_add(&shared->calls, 1);
    int rc = ss_printf(h->wfile, "x\n");
    return rc < 0 ? rc : shared->returned;
}

static void tell(struct ss_server *self, struct ss_request *request, int error)
{
    (void)self, (void)request;
    atomic_fetch_add(&shared->told, 1);
    atomic_store(&shared->error, error);
}

static const struct ss_class Telling = {.name = "Telling", .handle_error = tell};

static void check_returned(const char *mixin, const char *server, int number)
{
    static const struct ss_handler_class Handler = {.handle = handle_and_count};
    const struct ss_class *bases[SS_MAX_BASES + 1] = {&Telling};
    const struct ss_class *const *own = bases_of(mixin, server);
    struct running r;
    for (int i = 0; own[i]; i++)
        bases[i + 1] = own[i];
    memset(shared, 0, sizeof *shared);
    shared->returned = number;
    prepare(&r, bases, "127.0.0.1:0", &Handler);
    r.server.workers = 2;
    launch(&r);
    int fd = client_of(&r.server);
    say(fd, "?");
    expect(fd, "x\n");
    if (r.server.socket_type == SOCK_STREAM)
        expect_end(fd);
    close(fd);
    stop(&r);
    if (atomic_load(&shared->calls) != 1 || atomic_load(&shared->told) != 1)
        fail_msg("%s%s, %d: called %d times, told %d", mixin, server, number, atomic_load(&shared->calls),
                 atomic_load(&shared->told));
    assert_int_equal(atomic_load(&shared->error), -EDOM);
}

static void test_handle_returns_a_number(void **state)
{
    static const int numbers[] = {SS_PARK + 1, SS_PARK + 2, 100, INT_MAX};
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++)
        for (size_t n = 0; n < COUNT(numbers); n++) {
            check_returned(mixins[i], "TCPServer", numbers[n]);
            check_returned(mixins[i], "UDPServer", numbers[n]);
        }
}

/* ---- NULL ---- */

static void test_null(void **state)
{
    struct ss_server server;
    (void)state;
    assert_int_equal(ss_server_init(&server, NULL, "127.0.0.1:0", &EchoHandler), -EINVAL);
    ss_server_close(&server);
    assert_int_equal(ss_server_init(&server, ss_bases("Nonsense"), "127.0.0.1:0", &EchoHandler), -EINVAL);
    assert_int_equal(ss_server_init(&server, SS_BASES(&TCPServer), NULL, &EchoHandler), -EINVAL);
    assert_int_equal(ss_server_init(&server, SS_BASES(&TCPServer), "127.0.0.1:0", NULL), -EINVAL);
    assert_int_equal(ss_run(NULL, "127.0.0.1:0", &EchoHandler), 1);
    assert_int_equal(ss_run(SS_BASES(&TCPServer), NULL, &EchoHandler), 1);
    assert_int_equal(ss_run(SS_BASES(&TCPServer), "127.0.0.1:0", NULL), 1);
}

/* A handler class without a single method is no mistake. */
static void test_empty_handler(void **state)
{
    static const struct ss_handler_class Empty = {.size = 0};
    struct running r;
    (void)state;
    start(&r, SS_BASES(&TCPServer), "127.0.0.1:0", &Empty);
    int fd = client_of(&r.server);
    expect_end(fd);
    close(fd);
    stop(&r);
}

/* ---- super() of a class that is not there ---- */

static const struct ss_class Stranger;

static int stranger_activate(struct ss_server *self)
{
    return ss_super(self, &Stranger)->server_activate(self);
}

static const struct ss_class Stranger = {
    .name = "Stranger", .base = &TCPServer, .server_activate = stranger_activate};
static const struct ss_class Copied = {
    .name = "Copied", .base = &TCPServer, .server_activate = stranger_activate};

struct made_of {
    const struct ss_class *const *bases;
    const struct ss_handler_class *handler;
};

static void bind_with(const void *argument)
{
    const struct made_of *made_of = argument;
    struct ss_server server;
    if (ss_server_init(&server, made_of->bases, "127.0.0.1:0", made_of->handler) == 0)
        (void)ss_server_bind(&server);
}

static void check_named(const struct ss_class *cls, const struct ss_handler_class *handler,
                        const char *mistake)
{
    check_aborts(bind_with, &(struct made_of){SS_BASES(cls), handler}, mistake);
}

static void test_super_of_a_stranger(void **state)
{
    (void)state;
    check_named(&Copied, &EchoHandler, "ss_super: Stranger is not among the bases");
}

/* ---- classes that inherit in a circle ---- */

static const struct ss_class Hen, Egg = {.name = "Egg", .base = &Hen}, Hen = {.name = "Hen", .base = &Egg};
static const struct ss_class Chick = {.name = "Chick", .base = &Egg},
                             Narcissus = {.name = "Narcissus", .base = &Narcissus};

static void test_circle_of_classes(void **state)
{
    (void)state;
    check_named(&Egg, &EchoHandler, "Egg is based on itself");
    check_named(&Chick, &EchoHandler, "Egg is based on itself");
    check_named(&Narcissus, &EchoHandler, "ss_server_init: Narcissus is based on itself");
    const struct made_of among_others = {SS_BASES(&ThreadingMixIn, &TCPServer, &Chick, &UDPServer),
                                         &EchoHandler};
    check_aborts(bind_with, &among_others, "Egg is based on itself");
    const struct made_of twice = {SS_BASES(&Hen, &Egg), &EchoHandler};
    check_aborts(bind_with, &twice, "Hen is based on itself");
}

/* Larger than what a server can be made of. */
static void test_large_circle(void **state)
{
    static struct ss_class ring[3 * SS_MAX_BASES];
    static char names[COUNT(ring)][10];
    (void)state;
    for (size_t i = 0; i < COUNT(ring); i++) {
        struct ss_class cls = {.name = names[i], .base = &ring[(i + 1) % COUNT(ring)]};
        snprintf(names[i], sizeof names[i], "Link%zu", i);
        memcpy(&ring[i], &cls, sizeof cls);
    }
    check_named(&ring[5], &EchoHandler, "ss_server_init: Link5 is based on itself");
    static const struct ss_class Nameless = {.base = &Nameless};
    check_named(&Nameless, &EchoHandler, "ss_server_init: a class without a name is based on itself");
}

static const struct ss_handler_class One,
    Two = {.base = &One}, One = {.base = &Two}, Outside = {.base = &One}, Self = {.base = &Self}, Three,
    Four = {.base = &Three}, Five = {.base = &Four}, Three = {.base = &Five};

static void test_circle_of_handler_classes(void **state)
{
    static const struct ss_handler_class *const circles[] = {&One,   &Two,  &Outside, &Self,
                                                             &Three, &Four, &Five};
    (void)state;
    for (size_t i = 0; i < COUNT(circles); i++)
        check_named(&TCPServer, circles[i],
                    "ss_server_init: the handler class given to TCPServer is based on itself");
}

/* ---- streams that are over each other ---- */

static void put_over_itself(const void *argument)
{
    static const struct ss_stream_class plain = {.name = "plain"};
    static struct ss_stream a, b;
    (void)argument;
    ss_stream_init(&a, &plain, NULL, NULL, 0, NULL, 0);
    ss_stream_init(&b, &plain, NULL, NULL, 0, NULL, 0);
    ss_stream_over(&b, &a);
    ss_stream_over(&a, &b);
}

static void test_circle_of_streams(void **state)
{
    (void)state;
    check_aborts(put_over_itself, NULL, "ss_stream_over: the stream \"plain\" would be over itself");
}

/* ---- bases that make no server ---- */

static void run_with(const void *bases)
{
    _exit(ss_run(bases, "127.0.0.1:0", &EchoHandler) + 100);
}

/* What ss_run says of such bases. */
static void check_told(const struct ss_class *const *bases, const char *mistake)
{
    char text[1000] = "";
    int told[2], status;
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(told[1], STDERR_FILENO);
        run_with(bases);
    }
    close(told[1]);
    assert_true(read(told[0], text, sizeof text - 1) > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 101);
    if (!strstr(text, mistake))
        fail_msg("%s instead of %s", text, mistake);
    close(told[0]);
}

static void test_no_server(void **state)
{
    static const struct ss_class OnMixIn = {.name = "OnMixIn", .base = &ThreadingMixIn};
    (void)state;
    check_told(SS_BASES(&ThreadingMixIn), "ThreadingMixIn is the last of the bases, and no server class");
    check_told(SS_BASES(&TCPServer, &OnMixIn), "OnMixIn is the last of the bases, and no server class");
    check_told(SS_BASES(&EventLoopMixIn, &PreforkingMixIn, &TCPServer), "PreforkingMixIn before others");
    check_told((const struct ss_class *const[]){NULL}, "one server class");
}

/* Mix-ins that are named twice, or by two names, are one; what is based on them comes first. */
static void test_order_of_mixins(void **state)
{
    static const struct ss_class Forks = {.name = "Forks", .base = &PreforkingMixIn};
    static const struct ss_class Threads = {.name = "Threads", .base = &ThreadingMixIn};
    static const struct ss_class Plain = {.name = "Plain"};
    const struct {
        const struct ss_class *const *bases;
        int expected;
    } cases[] = {
        {SS_BASES(&PreforkingMixIn, &ThreadingMixIn, &TCPServer), 0},
        {SS_BASES(&Plain, &PreforkingMixIn, &TCPServer), 0},
        {SS_BASES(&Forks, &Threads, &TCPServer), 0},
        {SS_BASES(&ThreadingMixIn, &ThreadPoolMixIn, &TCPServer), 0},
        {SS_BASES(&PreforkingMixIn, &PreforkingMixIn, &EventLoopMixIn, &TCPServer), 0},
        {SS_BASES(&EventLoopMixIn, &PreforkingMixIn, &TCPServer), -EINVAL},
        {SS_BASES(&ThreadPoolMixIn, &PreforkingMixIn, &TCPServer), -EINVAL},
        {SS_BASES(&Threads, &Plain, &Forks, &TCPServer), -EINVAL},
        {SS_BASES(&PreforkingMixIn, &ForkingMixIn, &PreforkingMixIn, &TCPServer), -EINVAL},
        {SS_BASES(&PreforkingMixIn), -EINVAL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ss_server server;
        if (ss_server_init(&server, cases[i].bases, "127.0.0.1:0", &EchoHandler) != cases[i].expected)
            fail_msg("case %zu", i);
        ss_server_close(&server);
    }
}

/* ---- out of order ---- */

static void test_after_close(void **state)
{
    struct ss_server server, zero = {0};
    (void)state;
    assert_int_equal(ss_server_init(&server, SS_BASES(&TCPServer), "127.0.0.1:0", &EchoHandler), 0);
    assert_false(ss_draining(&server));
    ss_server_close(&server);
    for (struct ss_server *s = &server; s; s = s == &server ? &zero : NULL) {
        ss_shutdown(s);
        ss_cancel(s);
        assert_true(ss_draining(s));
        assert_int_equal(ss_serve_forever(s), -EBADF);
        assert_int_equal(ss_handle_request(s), -EBADF);
        assert_int_equal(ss_server_bind(s), -EBADF);
        ss_server_close(s);
    }
}

static void prepare_mixin(struct running *r, const char *mixin, const char *server, unsigned workers)
{
    prepare(r, bases_of(mixin, server), "127.0.0.1:0", &EchoHandler);
    r->server.workers = workers;
}

static void test_not_bound(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        for (unsigned workers = 1; workers <= 2; workers++) {
            struct running r;
            prepare_mixin(&r, mixins[i], workers == 1 ? "TCPServer" : "UDPServer", workers);
            assert_int_equal(ss_serve_forever(&r.server), -EBADF);
            assert_int_equal(ss_handle_request(&r.server), -EBADF);
            ss_server_close(&r.server);
        }
    }
}

static void test_bound_twice(void **state)
{
    struct ss_server server;
    (void)state;
    int before = count_descriptors();
    assert_int_equal(ss_server_init(&server, SS_BASES(&TCPServer), "127.0.0.1:0", &EchoHandler), 0);
    assert_int_equal(ss_server_bind(&server), 0);
    int socket = server.socket;
    assert_int_equal(ss_server_bind(&server), -EINVAL);
    assert_int_equal(server.socket, socket);
    ss_server_close(&server);
    assert_int_equal(count_descriptors(), before);
}

/* A server that was told to stop has stopped, whoever asks again. */
static void test_served_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        for (unsigned workers = 1; workers <= 2; workers++) {
            struct running r;
            prepare_mixin(&r, mixins[i], workers == 1 ? "TCPServer" : "UDPServer", workers);
            launch(&r);
            ss_shutdown(&r.server);
            pthread_join(r.thread, NULL);
            assert_int_equal(r.rc, 0);
            for (int again = 0; again < 2; again++)
                assert_int_equal(ss_serve_forever(&r.server), 0);
            assert_int_equal(ss_handle_request(&r.server), -EBADF);
            ss_server_close(&r.server);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handle_returns_a_number),
        cmocka_unit_test(test_null),
        cmocka_unit_test(test_empty_handler),
        cmocka_unit_test(test_super_of_a_stranger),
        cmocka_unit_test(test_circle_of_classes),
        cmocka_unit_test(test_large_circle),
        cmocka_unit_test(test_circle_of_handler_classes),
        cmocka_unit_test(test_circle_of_streams),
        cmocka_unit_test(test_no_server),
        cmocka_unit_test(test_order_of_mixins),
        cmocka_unit_test(test_after_close),
        cmocka_unit_test(test_not_bound),
        cmocka_unit_test(test_bound_twice),
        cmocka_unit_test(test_served_twice),
    };
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
