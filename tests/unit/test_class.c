/* SPDX-License-Identifier: MIT */
/* How classes inherit: methods, class variables, state, handlers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"

static const struct ss_handler_class EchoHandler = {.handle = echo_lines};
static char trace[200];

static void note(const char *text)
{
    strncat(trace, text, sizeof trace - strlen(trace) - 1);
}

/* ---- a diamond: Left and Right mix-ins, Derived on Middle on TCPServer ---- */

static const struct ss_class Left, Right, Middle, Derived, Silent;

#define CLASS(NAME, BASE)                                            \
    static void init_##NAME(struct ss_server *self)                  \
    {                                                                \
        note(#NAME " ");                                             \
        self->request_queue_size = (int)sizeof #NAME;                \
    }                                                                \
    static void actions_##NAME(struct ss_server *self)               \
    {                                                                \
        note(#NAME " ");                                             \
        ss_super(self, &(NAME))->service_actions(self);              \
    }                                                                \
    static const struct ss_class NAME = {.name = #NAME,              \
                                         .base = (BASE),             \
                                         .state_size = sizeof #NAME, \
                                         .init = init_##NAME,        \
                                         .service_actions = actions_##NAME}

CLASS(Left, NULL);
CLASS(Right, NULL);
CLASS(Middle, &TCPServer);
CLASS(Derived, &Middle);
static const struct ss_class Silent = {.name = "Silent"}; /* overrides nothing */

static void test_order(void **state)
{
    struct ss_server server;
    (void)state;
    trace[0] = '\0';
    assert_int_equal(
        ss_server_init(&server, SS_BASES(&Left, &Silent, &Right, &Derived), "127.0.0.1:0", &EchoHandler), 0);
    assert_string_equal(trace, "Middle Derived Right Left "); /* bases first */
    assert_int_equal(server.request_queue_size, sizeof "Left");
    assert_int_equal(server.socket_type, SOCK_STREAM);
    trace[0] = '\0';
    ss_class_of(&server)->service_actions(&server);
    assert_string_equal(trace, "Left Right Derived Middle "); /* left to right */
    trace[0] = '\0';
    ss_super(&server, &Right)->service_actions(&server);
    assert_string_equal(trace, "Derived Middle ");
    ss_server_close(&server);
}

static void init_three(struct ss_server *self)
{
    self->max_requests = 3;
}

static void init_four(struct ss_server *self)
{
    self->max_requests += self->max_requests == 3 ? 1 : 100;
}

/* Defaults, the library's or others, never overwrite what a class made from it has set, on whichever side
   that stands. */
static void test_variables(void **state)
{
    static const struct ss_class Hundred = {.name = "Hundred", .defaults = init_four};
    static const struct ss_class *const mixins[] = {&Silent,       &ThreadingMixIn,  &ThreadPoolMixIn,
                                                    &ForkingMixIn, &PreforkingMixIn, &EventLoopMixIn,
                                                    &Hundred};
    static const struct ss_class Server = {.name = "Server", .base = &TCPServer, .init = init_three};
    static const struct ss_class Datagrams = {.name = "D", .base = &UnixDatagramServer, .init = init_three};
    static const struct ss_class Three = {.name = "Three", .init = init_three};
    static const struct ss_class Four = {.name = "Four", .init = init_four};
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        const struct ss_class Derived2 = {.name = "M", .base = mixins[i], .init = init_three};
        const struct ss_class *const bases[][5] = {
            {mixins[i], &Server},        {mixins[i], &Three, &TCPServer},
            {mixins[i], &Datagrams},     {&Three, mixins[i], &UDPServer},
            {&Derived2, &TCPServer},     {&Four, mixins[i], &Server},
            {mixins[i], &Four, &Server}, {&Four, &Derived2, &UDPServer}};
        for (size_t b = 0; b < COUNT(bases); b++) {
            struct ss_server server;
            assert_int_equal(ss_server_init(&server, bases[b], "127.0.0.1:0", &EchoHandler), 0);
            if (server.max_requests != (b < 5 ? 3 : 4))
                fail_msg("%s, %zu: %u", mixins[i]->name, b, server.max_requests);
            assert_int_equal(server.address_family, b == 2 ? AF_UNIX : AF_UNSPEC);
            ss_server_close(&server);
        }
    }
}

/* A class that two bases share comes once, behind both. */
static void test_diamond(void **state)
{
    static const struct ss_class Other = {.name = "Other", .base = &Middle, .service_actions = actions_Left};
    struct ss_server server;
    (void)state;
    assert_int_equal(ss_server_init(&server, SS_BASES(&Derived, &Middle), "127.0.0.1:0", &EchoHandler), 0);
    trace[0] = '\0';
    ss_class_of(&server)->service_actions(&server);
    assert_string_equal(trace, "Derived Middle ");
    ss_server_close(&server);
    assert_int_equal(
        ss_server_init(&server, SS_BASES(&Silent, &Derived, &Other), "127.0.0.1:0", &EchoHandler), 0);
    assert_ptr_equal(ss_super(&server, &Derived)->service_actions, Other.service_actions);
    assert_ptr_equal(ss_super(&server, &Other)->service_actions, Middle.service_actions);
    ss_server_close(&server);
}

/* No slot is NULL, whatever is asked. */
static void test_complete(void **state)
{
    static const struct ss_class *const all[] = {&TCPServer, &UDPServer, &UnixStreamServer,
                                                 &UnixDatagramServer};
    struct ss_server server;
    (void)state;
    for (size_t i = 0; i < COUNT(all); i++) {
        assert_int_equal(ss_server_init(&server, SS_BASES(&Silent, all[i]), "127.0.0.1:0", &EchoHandler), 0);
        const struct ss_class *views[] = {ss_class_of(&server), ss_super(&server, &Silent),
                                          ss_super(&server, all[i]), ss_super(&server, &BaseServer)};
        for (size_t v = 0; v < COUNT(views); v++) {
            assert_non_null(views[v]->serve_forever);
            assert_non_null(views[v]->get_request);
            assert_non_null(views[v]->close_request);
            assert_non_null(views[v]->poll);
        }
        ss_server_close(&server);
    }
}

static void test_state(void **state)
{
    struct ss_server server;
    (void)state;
    assert_int_equal(ss_server_init(&server, SS_BASES(&Left, &Right, &Derived), "127.0.0.1:0", &EchoHandler),
                     0);
    char *left = ss_state(&server, &Left), *right = ss_state(&server, &Right),
         *middle = ss_state(&server, &Middle);
    assert_non_null(left);
    assert_non_null(right);
    assert_non_null(middle);
    assert_null(ss_state(&server, &ThreadingMixIn));
    for (size_t i = 0; i < sizeof "Left"; i++)
        assert_int_equal(left[i], 0);
    strcpy(left, "Left");
    strcpy(right, "Right");
    strcpy(middle, "Middle");
    assert_string_equal(ss_state(&server, &Left), "Left");
    assert_string_equal(ss_state(&server, &Right), "Right");
    ss_server_close(&server);
}

static void test_bad_bases(void **state)
{
    struct ss_server server;
    (void)state;
    assert_int_equal(ss_server_init(&server, SS_BASES(&ThreadingMixIn), "127.0.0.1:0", &EchoHandler),
                     -EINVAL);
    ss_server_close(&server); /* harmless */
    const struct ss_class *none[] = {NULL};
    assert_int_equal(ss_server_init(&server, none, "127.0.0.1:0", &EchoHandler), -EINVAL);
    const struct ss_class *behind[] = {&TCPServer, &ThreadingMixIn, NULL}; /* Python: a mix-in comes first */
    int rc = ss_server_init(&server, behind, "127.0.0.1:0", &EchoHandler);
    assert_int_equal(rc, -EINVAL);
}

/* ---- names ---- */

static void check_bases(const char *name, const struct ss_class *const *expected)
{
    const struct ss_class *const *bases = ss_bases(name);
    size_t n = 0;
    while (bases && bases[n] && bases[n] == expected[n])
        n++;
    if (!bases || bases[n] || expected[n])
        fail_msg("%s is something else", name);
}

static void test_names(void **state)
{
    static const char *const unknown[] = {"",
                                          "Threading",
                                          "TCP",
                                          "tcpserver",
                                          "TCPServerX",
                                          "ThreadingMixIn",
                                          "ThreadingMixInTCPServer",
                                          "FooTCPServer",
                                          "BaseServer",
                                          " TCPServer"};
    (void)state;
    check_bases("TCPServer", SS_BASES(&TCPServer));
    check_bases("ThreadingTCPServer", SS_BASES(&ThreadingMixIn, &TCPServer));
    check_bases("ThreadPoolUDPServer", SS_BASES(&ThreadPoolMixIn, &UDPServer));
    check_bases("ForkingUnixStreamServer", SS_BASES(&ForkingMixIn, &UnixStreamServer));
    check_bases("EventLoopUnixDatagramServer", SS_BASES(&EventLoopMixIn, &UnixDatagramServer));
    check_bases("PreforkingEventLoopTCPServer", SS_BASES(&PreforkingMixIn, &EventLoopMixIn, &TCPServer));
    check_bases("PreforkingThreadPoolTCPServer", SS_BASES(&PreforkingMixIn, &ThreadPoolMixIn, &TCPServer));
    for (size_t i = 0; i < COUNT(unknown); i++)
        if (ss_bases(unknown[i]))
            fail_msg("\"%s\" is known", unknown[i]);
    char name[300] = "";
    for (int i = 0; i < 20; i++)
        strcat(name, "Threading");
    assert_null(ss_bases(strcat(name, "TCPServer")));
}

static void test_mixin(void **state)
{
    (void)state;
    assert_ptr_equal(ss_mixin("threading"), &ThreadingMixIn);
    assert_ptr_equal(ss_mixin("ThreadPoolMixIn"), &ThreadPoolMixIn);
    assert_ptr_equal(ss_mixin("THREADPOOL"), &ThreadPoolMixIn);
    assert_ptr_equal(ss_mixin("eventloopmixin"), &EventLoopMixIn);
    assert_ptr_equal(ss_mixin("Forking"), &ForkingMixIn);
    assert_ptr_equal(ss_mixin("preforking"), &PreforkingMixIn);
    assert_null(ss_mixin(""));
    assert_null(ss_mixin("thread"));
    assert_null(ss_mixin("threading "));
    assert_null(ss_mixin("TCPServer"));
}

/* ---- handlers ---- */

struct sized {
    struct ss_handler h;
    char text[1000];
};

static int setup_base(struct ss_handler *h)
{
    note("setup ");
    return StreamRequestHandler.setup(h);
}

static void finish_base(struct ss_handler *h)
{
    note("finish ");
    StreamRequestHandler.finish(h);
}

static int handle_derived(struct ss_handler *h)
{
    struct sized *s = (struct sized *)(void *)h;
    note("handle ");
    for (size_t i = 0; i < sizeof s->text; i++)
        if (s->text[i])
            return -EILSEQ;
    memset(s->text, 'x', sizeof s->text);
    return echo_lines(h);
}

static void test_handler_inheritance(void **state)
{
    static const struct ss_handler_class Base = {
        .size = sizeof(struct sized), .setup = setup_base, .finish = finish_base};
    static const struct ss_handler_class Derived1 = {.base = &Base, .handle = handle_derived};
    static const struct ss_handler_class Derived2 = {.base = &Derived1};
    struct running r;
    (void)state;
    trace[0] = '\0';
    start(&r, SS_BASES(&TCPServer), "127.0.0.1:0", &Derived2);
    for (int i = 0; i < 2; i++) {
        int fd = client_of(&r.server);
        say(fd, "a\n");
        expect(fd, "a\n");
        shutdown(fd, SHUT_WR);
        expect_end(fd);
        close(fd);
    }
    stop(&r);
    assert_string_equal(trace, "setup handle finish setup handle finish ");
}

static int refuse_setup(struct ss_handler *h)
{
    (void)h;
    return -EACCES;
}

static int handle_raw(struct ss_handler *h)
{
    assert_true(h->rfile == NULL && h->wfile == NULL);
    return send(h->request->fd, "raw", 3, MSG_NOSIGNAL) == 3 ? 0 : -errno;
}

static void quiet(struct ss_server *self, struct ss_request *request, int error)
{
    (void)self, (void)request;
    note(error == -EACCES ? "refused " : "? ");
}

/* finish runs only behind a setup that went well. BaseRequestHandler has no streams. */
static void test_setup_fails(void **state)
{
    static const struct ss_handler_class Refusing = {
        .setup = refuse_setup, .handle = handle_derived, .finish = finish_base};
    static const struct ss_handler_class Raw = {.base = &BaseRequestHandler, .handle = handle_raw};
    static const struct ss_class Quiet = {.name = "Quiet", .base = &TCPServer, .handle_error = quiet};
    const struct ss_handler_class *handlers[] = {&Refusing, &Raw};
    (void)state;
    trace[0] = '\0';
    for (int i = 0; i < 2; i++) {
        struct running r;
        start(&r, SS_BASES(&Quiet), "127.0.0.1:0", handlers[i]);
        int fd = client_of(&r.server);
        expect(fd, i ? "raw" : "");
        expect_end(fd);
        close(fd);
        stop(&r);
    }
    assert_string_equal(trace, "refused ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),       cmocka_unit_test(test_diamond),
        cmocka_unit_test(test_complete),    cmocka_unit_test(test_state),
        cmocka_unit_test(test_bad_bases),   cmocka_unit_test(test_names),
        cmocka_unit_test(test_mixin),       cmocka_unit_test(test_handler_inheritance),
        cmocka_unit_test(test_setup_fails), cmocka_unit_test(test_variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
