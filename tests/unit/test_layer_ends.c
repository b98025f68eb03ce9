/* SPDX-License-Identifier: MIT */
/* How streams over streams end, and what they do while nothing comes: layers that own their memory, that
   cannot be made, and that cannot read without waiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server_thread.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

static const char *const mixins[] = {"",           "Threading", "ThreadPool",         "Forking",
                                     "Preforking", "EventLoop", "PreforkingEventLoop"};

static struct shared {
    atomic_int calls, errors, lingered;
} * shared; /* with children, too */

static int make_shared(void **state)
{
    (void)state;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared == MAP_FAILED;
}

/* A forked child may have the descriptor, too. */
static void leave(int fd)
{
    shutdown(fd, SHUT_RDWR);
    close(fd);
}

static void prepare_with(struct running *r, const struct ss_class *layer, const char *mixin,
                         const struct ss_handler_class *handler)
{
    const struct ss_class *bases[SS_MAX_BASES + 1] = {layer};
    char name[100];
    int count = 1;
    snprintf(name, sizeof name, "%sTCPServer", mixin);
    for (const struct ss_class *const *own = ss_bases(name); *own; own++)
        bases[count++] = *own;
    memset(shared, 0, sizeof *shared);
    prepare(r, bases, "127.0.0.1:0", handler);
}

/* ---- a stream that owns its memory ---- */

enum { SIZE = 1024 };

static ssize_t plain_read(struct ss_stream *s, void *data, size_t size)
{
    return ss_read(s->below, data, size);
}

static ssize_t plain_read_now(struct ss_stream *s, void *data, size_t size)
{
    const char *there;
    ssize_t n = ss_peek_now(s->below, &there, 1);
    return n <= 0 ? n : ss_read(s->below, data, size);
}

static int plain_write(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    (void)more;
    return ss_writev(s->below, vector, count);
}

static int say_bye(struct ss_stream *s)
{
    return ss_write(s->below, "bye\n", 4);
}

/* Nobody finds anything in it any more. */
static int close_and_free(struct ss_stream *s)
{
    int rc = say_bye(s);
    explicit_bzero(s, sizeof *s); /* memset would be left out */
    free(s);
    return rc;
}

static int open_over(struct ss_handler *h, const struct ss_class *cls, const struct ss_stream_class *methods,
                     struct ss_stream *s, struct ss_stream **stream)
{
    struct ss_stream *below;
    int rc = s ? ss_super(h->server, cls)->open_stream(h->server, h, &below) : -ENOMEM;
    if (rc < 0)
        return rc;
    char *buffers = (char *)(s + 1);
    ss_stream_init(s, methods, NULL, buffers, SIZE, buffers + SIZE, SIZE);
    ss_stream_over(s, below);
    *stream = s;
    return 0;
}

static const struct ss_class Owning;
static const struct ss_stream_class owning_stream = {.name = "owning",
                                                     .read = plain_read,
                                                     .read_now = plain_read_now,
                                                     .write = plain_write,
                                                     .close = close_and_free};

static int open_owning(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    struct ss_stream *own = malloc(sizeof *own + 2 * SIZE);
    (void)self;
    int rc = open_over(h, &Owning, &owning_stream, own, stream);
    if (rc < 0)
        free(own);
    return rc;
}

static void count_lingering(struct ss_server *self, struct ss_request *request)
{
    atomic_fetch_add(&shared->lingered, request->linger);
    ss_super(self, &Owning)->shutdown_request(self, request);
}

static const struct ss_class Owning = {
    .name = "Owning", .open_stream = open_owning, .shutdown_request = count_lingering};

static int answer_one(struct ss_handler *h)
{
    char line[100];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    return n < 0 ? (int)n : ss_write(h->wfile, line, (size_t)n);
}

/* The client has sent more than the handler reads. It gets all of the answer nevertheless, with the layer's
   good-bye, and is waited for, so that what it sends meanwhile does not reset the connection. */
static void test_unread_input(void **state)
{
    static const struct ss_handler_class Handler = {.handle = answer_one};
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        char byte;
        struct running r;
        prepare_with(&r, &Owning, mixins[i], &Handler);
        launch(&r);
        int fd = client_of(&r.server);
        say(fd, "one\ntwo\n");
        expect(fd, "one\nbye\n");
        assert_int_equal(recv(fd, &byte, 1, 0), 0);
        leave(fd);
        stop(&r);
        assert_int_equal(shared->lingered, 1);
    }
}

/* ---- a stream that cannot read without waiting ---- */

static const struct ss_class Waiting;
static const struct ss_stream_class waiting_stream = {
    .name = "waiting", .read = plain_read, .write = plain_write, .close = say_bye};

static int open_waiting(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    (void)self;
    return open_over(h, &Waiting, &waiting_stream, ss_alloc(h, sizeof **stream + 2 * SIZE), stream);
}

static void count_error(struct ss_server *self, struct ss_request *request, int error)
{
    (void)self, (void)request, (void)error;
    atomic_fetch_add(&shared->errors, 1);
}

static const struct ss_class Waiting = {
    .name = "Waiting", .open_stream = open_waiting, .handle_error = count_error};

enum { IDLE = 150 };

static int park_for_a_moment(struct ss_handler *h)
{
    char line[100];
    atomic_fetch_add(&shared->calls, 1);
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    if (n <= 0)
        return (int)n;
    h->request->busy = true; /* while it waits for the next line it is not */
    h->timeout = line[0] == 's' ? IDLE : PATIENCE;
    int rc = ss_write(h->wfile, line, (size_t)n);
    return rc < 0 ? rc : SS_PARK;
}

static const struct ss_handler_class ParkingHandler = {.handle = park_for_a_moment};

/* Its connections wait with a thread or coroutine instead of being parked. They end as parked ones do: when
   their time is over, without another call of the handler and without an error. */
static void test_idle_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct running r;
        prepare_with(&r, &Waiting, mixins[i], &ParkingHandler);
        r.server.request_timeout = 4 * IDLE;
        launch(&r);
        int fd = client_of(&r.server);
        say(fd, "long\n");
        expect(fd, "long\n");
        expect_nothing(fd);
        say(fd, "short\n");
        expect(fd, "short\n");
        uint64_t since = ss_now();
        expect(fd, "bye\n");
        expect_end(fd);
        assert_in_range(ss_now() - since, IDLE / 2, 3 * IDLE);
        leave(fd);
        stop(&r);
        assert_int_equal(shared->calls, 2);
        assert_int_equal(shared->errors, 0);
    }
}

/* And a drain ends them at once. */
static void test_drain(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct running r;
        prepare_with(&r, &Waiting, mixins[i], &ParkingHandler);
        launch(&r);
        int fd = client_of(&r.server);
        say(fd, "long\n");
        expect(fd, "long\n");
        expect_nothing(fd);
        uint64_t since = ss_now();
        ss_shutdown(&r.server);
        expect(fd, "bye\n");
        expect_end(fd);
        leave(fd);
        join(&r);
        assert_in_range(ss_now() - since, 0, 1000);
        assert_int_equal(shared->calls, 1);
    }
}

/* ---- parked connections ---- */

static const struct ss_class Polite;
static const struct ss_stream_class polite_stream = {
    .name = "polite", .read = plain_read, .read_now = plain_read_now, .write = plain_write, .close = say_bye};

static int open_polite(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    (void)self;
    return open_over(h, &Polite, &polite_stream, ss_alloc(h, sizeof **stream + 2 * SIZE), stream);
}

static const struct ss_class Polite = {
    .name = "Polite", .open_stream = open_polite, .handle_error = count_error};

enum way { DRAINS, IS_IDLE, GIVES_WAY };

static void check_good_bye(const char *mixin, enum way way)
{
    struct running r;
    prepare_with(&r, &Polite, mixin, &ParkingHandler);
    r.server.workers = r.server.max_requests = 1;
    launch(&r);
    int fd = client_of(&r.server), other = -1;
    say(fd, way == IS_IDLE ? "short\n" : "long\n");
    expect(fd, way == IS_IDLE ? "short\n" : "long\n");
    expect_nothing(fd);
    if (way == DRAINS)
        ss_shutdown(&r.server);
    else if (way == GIVES_WAY)
        say(other = client_of(&r.server), "long\n");
    expect(fd, "bye\n");
    expect_end(fd);
    leave(fd);
    if (way == GIVES_WAY) {
        expect(other, "long\n");
        leave(other);
    }
    if (way == DRAINS)
        join(&r);
    else
        stop(&r);
    assert_int_equal(shared->errors, 0);
}

/* They have no stream; but whatever ends them, the client is told. */
static void test_good_bye(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++)
        for (enum way way = DRAINS; way <= GIVES_WAY; way++)
            check_good_bye(mixins[i], way);
}

/* ---- a client's stream over datagrams ---- */

static const struct ss_handler_class EchoHandler = {.handle = echo_lines};

/* What was written leaves when the answer is waited for, though it is in the upper stream's buffer. */
static void test_client_of_datagrams(void **state)
{
    static const char *const addresses[][2] = {{"UDPServer", "127.0.0.1:0"},
                                               {"UnixDatagramServer", "unix:@layer_ends.*"}};
    char line[100], rbuf[100], wbuf[100];
    (void)state;
    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct ss_stream *below, s;
        struct running r;
        start(&r, ss_bases(addresses[i][0]), addresses[i][1], &EchoHandler);
        assert_int_equal(ss_connect(NULL, r.text, SOCK_DGRAM, PATIENCE / 10, &below), 0);
        ss_stream_init(&s, &waiting_stream, NULL, rbuf, sizeof rbuf, wbuf, sizeof wbuf);
        ss_stream_over(&s, below);
        assert_int_equal(ss_write(&s, "hello\n", 6), 0);
        assert_int_equal(ss_readline(&s, line, sizeof line), 6);
        assert_string_equal(line, "hello\n");
        assert_int_equal(ss_close(below), 0);
        stop(&r);
    }
}

/* ---- a stream that is tied to another one ---- */

static int refuse(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    (void)s, (void)vector, (void)count, (void)more;
    return -EFBIG;
}

static const struct ss_stream_class refusing_stream = {.name = "refusing", .write = refuse};

/* What it must not write is its own error: neither the connection's stream nor a layer's is the worse for
   it. */
static int read_with_tied(struct ss_handler *h)
{
    char wbuf[10], byte;
    struct ss_stream tied;
    ss_stream_init(&tied, &refusing_stream, NULL, NULL, 0, wbuf, sizeof wbuf);
    ss_write(&tied, "large", 5);
    h->rfile->tied = &tied;
    ssize_t first = ss_read(h->rfile, &byte, 1), second = ss_read(h->rfile, &byte, 1);
    h->rfile->tied = NULL;
    ss_printf(h->wfile, "%d %d %d\n", first == -EFBIG, second == -EFBIG, tied.error == -EFBIG);
    ss_flush(h->wfile);
    return ss_read(h->rfile, &byte, 1) == 1 ? ss_write(h->wfile, &byte, 1) : -EPROTO;
}

static void test_tied(void **state)
{
    static const struct ss_handler_class Handler = {.handle = read_with_tied};
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct running r;
        prepare_with(&r, &Polite, mixins[i], &Handler);
        launch(&r);
        int fd = client_of(&r.server);
        expect(fd, "1 1 1\n");
        say(fd, "x");
        expect(fd, "xbye\n");
        expect_end(fd);
        leave(fd);
        stop(&r);
        assert_int_equal(shared->errors, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unread_input),
        cmocka_unit_test(test_idle_time),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_good_bye),
        cmocka_unit_test(test_client_of_datagrams),
        cmocka_unit_test(test_tied),
    };
    return cmocka_run_group_tests(tests, make_shared, NULL);
}
