/* SPDX-License-Identifier: MIT */
/* There is one struct ss_server: the one that the program has made, in all handlers of all threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <stdatomic.h>
#include <sys/mman.h>

enum { MOST_LOOPS = 4 };

/* A class of the program's own, with state. */
struct mine {
    pthread_mutex_t lock;
};
static const struct ss_class Mine;

/* Seen by all processes. */
static struct shared {
    const struct ss_server *server;
    const void *state;
    struct ss_address address;
    atomic_uint activated, strangers, inside, met;
    int sockets[MOST_LOOPS]; /* of those inside */
} * shared;

static int set_up(void **state)
{
    (void)state;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared == MAP_FAILED ? -1 : 0;
}

static void init(struct ss_server *self)
{
    pthread_mutex_init(&((struct mine *)ss_state(self, &Mine))->lock, NULL);
}

static int activate(struct ss_server *self)
{
    shared->activated++;
    shared->strangers += self != shared->server;
    return ss_super(self, &Mine)->server_activate(self);
}

static const struct ss_class Mine = {
    .name = "Mine", .state_size = sizeof(struct mine), .init = init, .server_activate = activate};

static int accept_by_itself(struct ss_server *self, struct ss_request *request)
{
    shared->strangers += self != shared->server;
    request->fd = accept4(ss_fileno(self), NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    request->unnamed = true;
    return request->fd < 0 ? -errno : 0;
}

static const struct ss_class Accepting = {.name = "Accepting", .get_request = accept_by_itself};

static void start_shared(struct running *r, const struct ss_class *const *bases, const char *address,
                         const struct ss_handler_class *handler, unsigned workers, bool reuse_port)
{
    *shared = (struct shared){.server = &r->server};
    prepare(r, bases, address, handler);
    r->server.workers = workers;
    r->server.allow_reuse_port = reuse_port;
    r->server.timeout = 0;
    r->server.context = shared;
    shared->state = ss_state(&r->server, &Mine);
    assert_int_equal(ss_server_bind(&r->server), 0);
    shared->address = r->server.server_address;
    assert_int_equal(pthread_create(&r->thread, NULL, run_server_thread, r), 0);
}

static bool is_the_one(struct ss_server *self)
{
    return self == shared->server && self->context == shared && ss_state(self, &Mine) == shared->state &&
           self->server_address.length == shared->address.length &&
           memcmp(&self->server_address.u, &shared->address.u, shared->address.length) == 0;
}

static int tell_whether(struct ss_handler *h)
{
    bool several = h->server->allow_reuse_port; /* sockets */
    bool yes = is_the_one(h->server) && (several || ss_fileno(h->server) == h->server->socket);
    return ss_write(h->wfile, yes ? "yes\n" : "no\n", yes ? 4 : 3);
}

static void test_under_every_mixin(void **state)
{
    (void)state;
    static const struct ss_class *const mixins[] = {&ThreadingMixIn,  &ThreadPoolMixIn, &ForkingMixIn,
                                                    &PreforkingMixIn, &EventLoopMixIn,  NULL};
    const struct ss_handler_class handler = {.handle = tell_whether};
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct running r;
        start_shared(&r, mixins[i] ? SS_BASES(&Mine, mixins[i], &TCPServer) : SS_BASES(&Mine, &TCPServer),
                     "127.0.0.1:0", &handler, mixins[i] == &EventLoopMixIn ? 1 : 2, false);
        for (int client = 0; client < 8; client++) {
            int fd = client_of(&r.server);
            expect(fd, "yes\n");
            close(fd);
        }
        stop(&r);
        assert_int_equal(shared->strangers, 0);
    }
}

/* ---- several loops ---- */

static _Thread_local bool was_here;

/* Keeps its loop busy until all others are here, too, and reads then what each of them has written. */
static int meet(struct ss_handler *h)
{
    struct ss_server *self = h->server;
    struct mine *mine = ss_state(self, &Mine);
    if (!is_the_one(self))
        shared->strangers++;
    if (!was_here) {
        was_here = true;
        pthread_mutex_lock(&mine->lock);
        self->timeout++; /* only ss_handle_request looks at it */
        shared->sockets[shared->inside] = ss_fileno(self);
        shared->inside++;
        pthread_mutex_unlock(&mine->lock);
        for (int i = 0; i < PATIENCE && shared->inside < self->workers; i++)
            poll(NULL, 0, 1);
    }
    pthread_mutex_lock(&mine->lock);
    int written = self->timeout;
    pthread_mutex_unlock(&mine->lock);
    shared->met++;
    return ss_printf(h->wfile, "%d\n", written);
}

/* One after another, as a loop takes all that are there; and so many that each gets one. */
static int connect_to_all_loops(struct running *r, int *clients, int max)
{
    int count = 0;
    while (shared->inside < r->server.workers) {
        assert_in_range(count, 0, max - 1);
        clients[count++] = client_of(&r->server);
        if (r->server.socket_type == SOCK_DGRAM)
            say(clients[count - 1], "hello");
        poll(NULL, 0, 5);
    }
    return count;
}

/* The loops' own, all bound to one address; that of the first is the server's. */
static void expect_sockets(const struct ss_server *server)
{
    unsigned first = 0;
    for (unsigned i = 0; i < server->workers; i++) {
        struct ss_address bound = {.length = sizeof bound.u};
        assert_int_equal(getsockname(shared->sockets[i], &bound.u.any, &bound.length), 0);
        assert_int_equal(ss_address_port(&bound), ss_address_port(&shared->address));
        first += shared->sockets[i] == server->socket;
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(shared->sockets[i], shared->sockets[j]);
    }
    assert_int_equal(first, 1);
}

static void meet_in_loops(const struct ss_class *const *bases, const char *address, unsigned loops,
                          bool reuse_port)
{
    const struct ss_handler_class handler = {.handle = meet};
    int clients[1000];
    char expected[20];
    struct running r;
    start_shared(&r, bases, address, &handler, loops, reuse_port);
    snprintf(expected, sizeof expected, "%u\n", loops);
    int count = connect_to_all_loops(&r, clients, COUNT(clients));
    expect_sockets(&r.server);
    for (int i = 0; i < count; i++) {
        expect(clients[i], expected);
        close(clients[i]);
    }
    assert_int_equal(shared->strangers, 0);
    assert_int_equal(shared->activated, reuse_port ? loops : 1);
    ss_shutdown(&r.server);
    join(&r);
    assert_int_equal(ss_fileno(&r.server), -1);
}

static void test_threads_of_an_event_loop_see_what_others_write(void **state)
{
    (void)state;
    for (unsigned loops = 2; loops <= MOST_LOOPS; loops++)
        meet_in_loops(SS_BASES(&Mine, &EventLoopMixIn, &TCPServer), "127.0.0.1:0", loops, false);
}

static void test_so_do_those_with_sockets_of_their_own(void **state)
{
    (void)state;
    for (unsigned loops = 2; loops <= MOST_LOOPS; loops++) {
        meet_in_loops(SS_BASES(&Mine, &EventLoopMixIn, &TCPServer), "127.0.0.1:0", loops, true);
        meet_in_loops(SS_BASES(&Mine, &EventLoopMixIn, &UDPServer), "127.0.0.1:0", loops, true);
    }
}

/* From the socket of its thread: the kernel spreads the clients over those of all loops. */
static void test_a_class_that_accepts_by_itself_gets_all_clients(void **state)
{
    (void)state;
    const struct ss_handler_class handler = {.handle = tell_whether};
    struct running r;
    start_shared(&r, SS_BASES(&Accepting, &Mine, &EventLoopMixIn, &TCPServer), "127.0.0.1:0", &handler, 3,
                 true);
    for (int client = 0; client < 32; client++) {
        int fd = client_of(&r.server);
        expect(fd, "yes\n");
        close(fd);
    }
    stop(&r);
    assert_int_equal(shared->activated, 3);
    assert_int_equal(shared->strangers, 0);
}

/* ---- their end ---- */

static int meet_and_park(struct ss_handler *h)
{
    char line[20];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    if (n > 0 && line[0] == 's')
        ss_shutdown(h->server);
    if (n > 0 && line[0] == 'm')
        (void)meet(h);
    return n < 0 ? (int)n : n > 0 ? SS_PARK : 0;
}

/* Parked connections are in every loop, and the shutdown comes from a handler of one of them. */
static void test_a_drain_ends_all_loops(void **state)
{
    (void)state;
    const struct ss_handler_class handler = {.handle = meet_and_park};
    for (unsigned loops = 2; loops <= MOST_LOOPS; loops++) {
        int clients[100], count = 0;
        struct running r;
        start_shared(&r, SS_BASES(&Mine, &EventLoopMixIn, &TCPServer), "127.0.0.1:0", &handler, loops, false);
        do {
            clients[count] = client_of(&r.server);
            say(clients[count++], "meet\n");
            poll(NULL, 0, 5);
        } while (shared->inside < loops && count < (int)COUNT(clients));
        for (int i = 0; i < count; i++) {
            char line[20];
            assert_true(recv(clients[i], line, sizeof line, 0) > 0);
        }
        uint64_t start = ss_now();
        say(clients[count - 1], "shutdown\n");
        for (int i = 0; i < count; i++) {
            expect_end(clients[i]);
            close(clients[i]);
        }
        join(&r);
        assert_in_range(ss_now() - start, 0, 5000);
    }
}

static void *end_later(void *server)
{
    poll(NULL, 0, 300);
    shared->met = 1000;
    ss_request_ended(server);
    return NULL;
}

static pthread_t ender;

/* Begins something in the last loop that comes here, which a thread of its own ends. */
static int begin_something(struct ss_handler *h)
{
    bool last = shared->inside + 1 == h->server->workers && !was_here;
    int rc = meet(h);
    if (last) {
        ss_request_started(h->server);
        pthread_create(&ender, NULL, end_later, h->server);
        ss_shutdown(h->server);
    }
    return rc;
}

static void test_what_another_thread_ends_is_waited_for(void **state)
{
    (void)state;
    const struct ss_handler_class handler = {.handle = begin_something};
    int clients[100];
    struct running r;
    start_shared(&r, SS_BASES(&Mine, &EventLoopMixIn, &TCPServer), "127.0.0.1:0", &handler, 3, false);
    int count = connect_to_all_loops(&r, clients, COUNT(clients));
    join(&r);
    assert_int_equal(shared->met, 1000);
    pthread_join(ender, NULL);
    while (count-- > 0)
        close(clients[count]);
}

/* ---- a server inside of another one's handler ---- */

static int tell_context(struct ss_handler *h)
{
    return ss_printf(h->wfile, "%s\n", (const char *)h->server->context);
}

/* Serves one request of a server of its own, as a client of which it has come itself. */
static int serve_another(struct ss_handler *h)
{
    static const struct ss_handler_class handler = {.handle = tell_context};
    char address[SS_ADDRESS_TEXT], line[20] = "";
    struct ss_server inner;
    struct ss_stream *s;
    int rc = ss_server_init(&inner, SS_BASES(&EventLoopMixIn, &TCPServer), "127.0.0.1:0", &handler);
    inner.context = "inner";
    rc = rc < 0 ? rc : ss_server_bind(&inner);
    rc = rc < 0 ? rc : ss_address_format(&inner.server_address, address, sizeof address);
    rc = rc < 0 ? rc : ss_connect(h->server, address, SOCK_STREAM, PATIENCE, &s);
    if (rc < 0)
        return rc;
    rc = ss_handle_request(&inner);
    if (rc == 0)
        rc = ss_readline(s, line, sizeof line) > 0 ? 0 : -EIO;
    ss_close(s);
    ss_server_close(&inner);
    return rc < 0 ? rc : ss_write(h->wfile, line, strlen(line));
}

static void test_a_request_belongs_to_the_server_that_took_it(void **state)
{
    (void)state;
    const struct ss_handler_class handler = {.handle = serve_another};
    struct running r;
    prepare(&r, SS_BASES(&EventLoopMixIn, &TCPServer), "127.0.0.1:0", &handler);
    r.server.context = "outer";
    launch(&r);
    int fd = client_of(&r.server);
    expect(fd, "inner\n");
    close(fd);
    stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_under_every_mixin),
        cmocka_unit_test(test_threads_of_an_event_loop_see_what_others_write),
        cmocka_unit_test(test_so_do_those_with_sockets_of_their_own),
        cmocka_unit_test(test_a_class_that_accepts_by_itself_gets_all_clients),
        cmocka_unit_test(test_a_drain_ends_all_loops),
        cmocka_unit_test(test_what_another_thread_ends_is_waited_for),
        cmocka_unit_test(test_a_request_belongs_to_the_server_that_took_it),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
