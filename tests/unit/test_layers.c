/* SPDX-License-Identifier: MIT */
/* Streams over streams: a mix-in opens its base's stream and puts one of its own over it. What handlers do
   with their streams works the same through layers, under every mix-in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "masked.h"
#include "server_thread.h"
#include <stdatomic.h>
#include <stdlib.h>

enum { SIZE = 1024, BLOCK = 4 };

static const char *const mixins[] = {"",           "Threading", "ThreadPool",         "Forking",
                                     "Preforking", "EventLoop", "PreforkingEventLoop"};

static int put_over(struct ss_handler *h, struct ss_stream *below, const struct ss_stream_class *methods,
                    struct ss_stream **stream)
{
    struct ss_stream *s = ss_alloc(h, sizeof *s + 2 * SIZE);
    if (!s)
        return -ENOMEM;
    char *buffers = (char *)(s + 1);
    ss_stream_init(s, methods, NULL, buffers, SIZE, buffers + SIZE, SIZE);
    ss_stream_over(s, below);
    *stream = s;
    return 0;
}

/* ---- a layer that masks each byte ---- */

static const struct ss_class Masking;

static int open_masked(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    struct ss_stream *below;
    int rc = ss_super(self, &Masking)->open_stream(self, h, &below);
    return rc < 0 ? rc : put_over(h, below, &masked_stream, stream);
}

static const struct ss_class Masking = {.name = "Masking", .open_stream = open_masked};

/* ---- a layer that turns each block of four bytes round: there is no input before a block is complete
   ---- */

static void turn_round(const char *block, char *data)
{
    for (int i = 0; i < BLOCK; i++)
        data[i] = block[BLOCK - 1 - i];
}

static ssize_t block_read(struct ss_stream *s, void *data, size_t size)
{
    const char *block;
    assert_true(size >= BLOCK);
    ssize_t n = ss_peek(s->below, &block, BLOCK);
    if (n <= 0)
        return n;
    if (n < BLOCK)
        return -EPROTO;
    turn_round(block, data);
    ss_skip(s->below, BLOCK);
    return BLOCK;
}

static ssize_t block_read_now(struct ss_stream *s, void *data, size_t size)
{
    const char *block;
    ssize_t n = ss_peek_now(s->below, &block, 1);
    return n <= 0 ? n : n < BLOCK ? -EAGAIN : block_read(s, data, size);
}

static int block_write(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    int rc = 0;
    (void)more;
    for (int i = 0; i < count; i++)
        for (size_t at = 0; at < vector[i].iov_len && rc == 0; at += BLOCK) {
            char data[BLOCK];
            assert_true(vector[i].iov_len % BLOCK == 0);
            turn_round((char *)vector[i].iov_base + at, data);
            rc = ss_write(s->below, data, BLOCK);
        }
    return rc;
}

/* Says good-bye in its own words, and so that the next layer puts them into its. */
static int block_close(struct ss_stream *s)
{
    return ss_write(s->below, "!dne", BLOCK);
}

static const struct ss_stream_class block_stream = {.name = "blocks",
                                                    .read = block_read,
                                                    .read_now = block_read_now,
                                                    .write = block_write,
                                                    .close = block_close};

static const struct ss_class Blocks;

static int open_blocks(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    struct ss_stream *below;
    int rc = ss_super(self, &Blocks)->open_stream(self, h, &below);
    return rc < 0 ? rc : put_over(h, below, &block_stream, stream);
}

static const struct ss_class Blocks = {.name = "Blocks", .open_stream = open_blocks};

/* ---- a layer whose key runs on: what it knows of a connection must outlive parking ---- */

struct key {
    unsigned char *in, *out; /* on the heap, to be freed with the request */
};

static const struct ss_class Running, Counting;
static atomic_int keys; /* in this process */

static void run_on(unsigned char *key, char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] ^= (*key)++;
}

static ssize_t running_read_now(struct ss_stream *s, void *data, size_t size)
{
    struct key *key = s->context;
    const char *there;
    ssize_t n = ss_peek_now(s->below, &there, 1);
    if (n <= 0)
        return n;
    size = (size_t)n < size ? (size_t)n : size;
    memcpy(data, there, size);
    ss_skip(s->below, size);
    run_on(key->in, data, size);
    return (ssize_t)size;
}

static ssize_t running_read(struct ss_stream *s, void *data, size_t size)
{
    const char *there;
    ssize_t n = ss_peek(s->below, &there, 1);
    return n <= 0 ? n : running_read_now(s, data, size);
}

static int running_write(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    struct key *key = s->context;
    int rc = 0;
    (void)more;
    for (int i = 0; i < count && rc == 0; i++) {
        run_on(key->out, vector[i].iov_base,
               vector[i].iov_len); /* the buffer's, or what the test has written */
        rc = ss_write(s->below, vector[i].iov_base, vector[i].iov_len);
    }
    return rc;
}

static const struct ss_stream_class running_stream = {
    .name = "running key", .read = running_read, .read_now = running_read_now, .write = running_write};

static int open_running(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    struct key *key = ss_request_state(self, h->request, &Running);
    struct ss_stream *below;
    int rc = ss_super(self, &Running)->open_stream(self, h, &below);
    if (rc < 0)
        return rc;
    if (!key->in) {
        key->in = calloc(2, 1);
        key->out = key->in + 1;
        atomic_fetch_add(&keys, 1);
    }
    rc = put_over(h, below, &running_stream, stream);
    (*stream)->context = key;
    return rc;
}

static void close_running(struct ss_server *self, struct ss_request *request)
{
    struct key *key = ss_request_state(self, request, &Running);
    if (key->in)
        atomic_fetch_sub(&keys, 1);
    free(key->in);
    ss_super(self, &Running)->close_request(self, request);
}

static const struct ss_class Running = {.name = "Running",
                                        .request_state_size = sizeof(struct key),
                                        .open_stream = open_running,
                                        .close_request = close_running};

/* Has a state besides, and of no even size. */
static bool count_verified(struct ss_server *self, struct ss_request *request)
{
    unsigned char *state = ss_request_state(self, request, &Counting);
    bool zeroed = true;
    for (int i = 0; i < 7; i++)
        zeroed &= state[i] == 0;
    memset(state, 0xff, 7);
    assert_null(ss_request_state(self, request, &TCPServer)); /* wants none */
    assert_null(ss_request_state(self, request, &UDPServer)); /* is none of the bases */
    return zeroed && ss_super(self, &Counting)->verify_request(self, request);
}

static const struct ss_class Counting = {
    .name = "Counting", .request_state_size = 7, .verify_request = count_verified};

/* ---- handlers ---- */

static int park_lines(struct ss_handler *h)
{
    char line[200];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    if (n <= 0)
        return (int)n;
    int rc = ss_write(h->wfile, line, (size_t)n);
    return rc < 0 ? rc : SS_PARK;
}

/* Is called only when there is something to read. */
static int resume_lines(struct ss_handler *h, int why)
{
    const char *data;
    if (why == SS_INPUT && ss_peek_now(h->rfile, &data, 1) != -EAGAIN)
        return park_lines(h);
    return ss_printf(h->wfile, why == -ECANCELED ? "bye\n" : "??\n");
}

static int park_to_resume(struct ss_handler *h)
{
    h->request->resume = resume_lines;
    return park_lines(h);
}

/* With the calls that never wait. */
static int wait_for_lines(struct ss_handler *h)
{
    char line[200];
    ssize_t n = 1;
    while (n > 0) {
        n = ss_readline_now(h->rfile, line, sizeof line);
        if (n == -EAGAIN)
            n = ss_wait(h, SS_INPUT | SS_IDLE, -1);
        else if (n > 0 && ss_write(h->wfile, line, (size_t)n) < 0)
            n = h->wfile->error;
    }
    return (int)n;
}

static const struct ss_handler_class EchoHandler = {.handle = echo_lines},
                                     ParkingHandler = {.handle = park_lines},
                                     ResumingHandler = {.handle = park_to_resume},
                                     WaitingHandler = {.handle = wait_for_lines};

/* ---- servers and clients ---- */

/* `layers` and the bases of a server's name. */
static void start_over(struct running *r, const struct ss_class *const *layers, const char *mixin,
                       const char *server, const struct ss_handler_class *handler)
{
    const struct ss_class *bases[SS_MAX_BASES + 1];
    const char *address = strstr(server, "Unix") ? "unix:@layers.*" : "127.0.0.1:0";
    char name[100];
    int count = 0;
    snprintf(name, sizeof name, "%s%s", mixin, server);
    const struct ss_class *const *own = ss_bases(name);
    assert_non_null(own);
    for (; *layers; layers++)
        bases[count++] = *layers;
    do
        bases[count++] = *own;
    while (*own++);
    start(r, bases, address, handler);
}

/* "m": masks, "b": turns blocks round; in the order in which the client's text passes them. */
static char *through(const char *layers, const char *text, char data[200])
{
    size_t size = strlen(text);
    memcpy(data, text, size + 1);
    for (; *layers; layers++) {
        for (size_t at = 0; *layers == 'b' && at < size; at += BLOCK) {
            char block[BLOCK];
            memcpy(block, data + at, BLOCK);
            turn_round(block, data + at);
        }
        if (*layers == 'm')
            mask(data, size);
    }
    return data;
}

static void exchange(int fd, const char *layers, const char *text)
{
    char data[200];
    say(fd, through(layers, text, data));
    expect(fd, through(layers, text, data));
}

static const struct {
    const char *through;
    const struct ss_class *layers[3];
} stacks[] = {{"m", {&Masking}}, {"b", {&Blocks}}, {"bm", {&Blocks, &Masking}}, {"mb", {&Masking, &Blocks}}};

static void check_echo(size_t stack, const char *mixin, const char *server,
                       const struct ss_handler_class *handler)
{
    const char *layers = stacks[stack].through;
    bool says_end = strchr(layers, 'b');
    char data[200];
    struct running r;
    start_over(&r, stacks[stack].layers, mixin, server, handler);
    int fd = client_of(&r.server);
    for (int i = 0; i < 3; i++)
        exchange(fd, layers, "one\ntwo, three!\n4th\n");
    shutdown(fd, SHUT_WR);
    if (says_end) /* the layer of blocks says it, and the one below has its way with that */
        expect(fd, through(layers[0] == 'b' ? layers : "b", "end!", data));
    expect_end(fd);
    close(fd);
    stop(&r);
}

static void test_echo(void **state)
{
    (void)state;
    for (size_t stack = 0; stack < COUNT(stacks); stack++)
        for (size_t i = 0; i < COUNT(mixins); i++) {
            check_echo(stack, mixins[i], "TCPServer", &EchoHandler);
            check_echo(stack, mixins[i], "TCPServer", &ParkingHandler);
            check_echo(stack, mixins[i], "TCPServer", &WaitingHandler);
            check_echo(stack, mixins[i], "UnixStreamServer", &ParkingHandler);
            check_echo(stack, mixins[i], "TCPServer", &ResumingHandler);
        }
}

/* One datagram is answered by one, with the layer's good-bye in it. */
static void test_datagrams(void **state)
{
    char data[200], answer[200];
    (void)state;
    for (size_t stack = 0; stack < COUNT(stacks); stack++)
        for (size_t i = 0; i < COUNT(mixins); i++) {
            const char *layers = stacks[stack].through, *text = strchr(layers, 'b') ? "hi!\nend!" : "hi!\n";
            struct running r;
            start_over(&r, stacks[stack].layers, mixins[i], "UDPServer", &EchoHandler);
            int fd = client_of(&r.server);
            say(fd, through(layers, "hi!\n", data));
            assert_int_equal(recv(fd, answer, sizeof answer, 0), strlen(text));
            through(layers[0] == 'm' && layers[1] ? "mb" : layers, "hi!\n", data);
            assert_memory_equal(answer, data, 4);
            close(fd);
            stop(&r);
        }
}

static void exchange_running(int fd, struct key *key, const char *text)
{
    char data[200], expected[200];
    size_t size = strlen(text);
    memcpy(data, text, size + 1);
    memcpy(expected, text, size + 1);
    run_on(key->out, data, size);
    run_on(key->in, expected, size);
    assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), size);
    assert_int_equal(recv(fd, data, size, MSG_WAITALL), size);
    assert_memory_equal(data, expected, size);
}

/* Several connections, so that one's state is not another's, and one more after they have ended. (Where there
   is one at a time, idle ones give way.) */
static void check_running_key(const char *mixin, const char *server)
{
    enum { CLIENTS = 3 };
    struct running r;
    int clients = !*mixin || !strcmp(mixin, "Preforking") ? 1 : CLIENTS, fds[CLIENTS];
    unsigned char positions[CLIENTS][2] = {{0}};
    start_over(&r, SS_BASES(&Counting, &Running, &Counting), mixin, server, &ParkingHandler);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < clients; i++) {
            struct key key = {&positions[i][0], &positions[i][1]};
            if (round == 0)
                fds[i] = client_of(&r.server);
            for (int line = 0; line <= i; line++)
                exchange_running(fds[i], &key, "hello\n");
        }
    }
    for (int i = 0; i < clients; i++) {
        shutdown(fds[i], SHUT_RDWR); /* forked children have it, too */
        close(fds[i]);
    }
    int fd = client_of(&r.server);
    exchange_running(fd, &(struct key){(unsigned char[1]){0}, (unsigned char[1]){0}}, "again\n");
    shutdown(fd, SHUT_RDWR);
    close(fd);
    stop(&r);
    assert_int_equal(atomic_load(&keys), 0);
}

static void test_running_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        check_running_key(mixins[i], "TCPServer");
        check_running_key(mixins[i], "UnixStreamServer");
    }
}

/* Half a block is in progress: the connection is not parked with it, or it would be lost. */
static void test_half_a_block(void **state)
{
    static const struct ss_handler_class *const handlers[] = {&EchoHandler, &ParkingHandler, &ResumingHandler,
                                                              &WaitingHandler};
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++)
        for (size_t k = 0; k < COUNT(handlers); k++) {
            struct running r;
            start_over(&r, SS_BASES(&Blocks), mixins[i], "TCPServer", handlers[k]);
            int fd = client_of(&r.server);
            say(fd, "\ncba\nz");
            expect(fd, "\ncba");
            expect_nothing(fd);
            say(fd, "yx");
            expect(fd, "\nzyx");
            exchange(fd, "b", "abc\n");
            if (handlers[k] == &ResumingHandler) { /* its good-bye, and then that of the layer */
                ss_shutdown(&r.server);
                expect(fd, "\neyb!dne");
                expect_end(fd);
            }
            close(fd);
            stop(&r);
        }
}

/* An idle connection ends with the server, at once; one in the middle of a block may go on. */
static void test_drain(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct running r;
        bool one_at_a_time = !*mixins[i];
        start_over(&r, SS_BASES(&Blocks), mixins[i], "TCPServer", &EchoHandler);
        int idle = one_at_a_time ? -1 : client_of(&r.server), busy = client_of(&r.server);
        if (!one_at_a_time)
            exchange(idle, "b", "abc\n");
        exchange(busy, "b", "abc\n");
        say(busy, "\nz");
        expect_nothing(busy);
        ss_shutdown(&r.server);
        if (!one_at_a_time) {
            expect(idle, "!dne");
            expect_end(idle);
            close(idle);
        }
        expect_nothing(busy);
        say(busy, "yx");
        expect(busy, "\nzyx!dne");
        expect_end(busy);
        close(busy);
        join(&r);
    }
}

/* ---- time limits ---- */

static int read_in_time(struct ss_handler *h)
{
    char line[200];
    uint64_t start_time = ss_now();
    ss_set_deadline(h->rfile, 50);
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    bool late = ss_now() - start_time > PATIENCE / 2;
    ss_set_deadline(h->rfile, -1);
    ss_printf(h->wfile, "%s\n", n != -ETIMEDOUT ? "???" : late ? "old" : "ok.");
    h->timeout = 20;
    n = ss_readline(h->rfile, line, sizeof line);
    ss_printf(h->wfile, "%s\n", n == -ETIMEDOUT ? "ok." : "???");
    return ss_write_eof(h->wfile);
}

static void test_time_limits(void **state)
{
    static const struct ss_handler_class Handler = {.handle = read_in_time};
    char data[200];
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct running r;
        start_over(&r, SS_BASES(&Masking, &Blocks), mixins[i], "TCPServer", &Handler);
        int fd = client_of(&r.server);
        say(fd, "\nz");
        expect(fd, through("mb", "ok.\nok.\n", data));
        shutdown(fd, SHUT_RDWR); /* a forked child has the descriptor, too */
        close(fd);
        stop(&r);
    }
}

/* ---- a client's stream ---- */

static void test_client(void **state)
{
    struct ss_stream *connection, s;
    char line[200], rbuf[100], wbuf[100];
    struct running r;
    (void)state;
    int before = count_descriptors();
    start_over(&r, SS_BASES(&Masking), "Threading", "TCPServer", &EchoHandler);
    assert_int_equal(ss_connect(NULL, r.text, SOCK_STREAM, PATIENCE, &connection), 0);
    ss_stream_init(&s, &masked_stream, NULL, rbuf, sizeof rbuf, wbuf, sizeof wbuf);
    ss_stream_over(&s, connection);
    assert_int_equal(ss_write(&s, "hello\n", 6), 0); /* leaves when the answer is waited for */
    assert_int_equal(ss_readline(&s, line, sizeof line), 6);
    assert_string_equal(line, "hello\n");
    assert_int_equal(ss_write(&s, "bye\n", 4), 0);
    assert_int_equal(ss_write_eof(&s), 0);
    assert_int_equal(ss_readline(&s, line, sizeof line), 4);
    assert_int_equal(ss_readline(&s, line, sizeof line), 0);
    assert_int_equal(ss_close(&s), 0);
    stop(&r);
    assert_int_equal(count_descriptors(), before);
}

/* ---- a server that makes no streams ---- */

static void note_error(struct ss_server *self, struct ss_request *request, int error)
{
    (void)request;
    *(int *)self->context = error;
}

static int refuse_stream(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    (void)self, (void)h, (void)stream;
    return -EPROTO;
}

static void test_refused(void **state)
{
    static const struct ss_class Refusing = {
        .name = "Refusing", .open_stream = refuse_stream, .handle_error = note_error};
    int error = 0;
    struct running r;
    (void)state;
    prepare(&r, SS_BASES(&Refusing, &TCPServer), "127.0.0.1:0", &EchoHandler);
    r.server.context = &error;
    launch(&r);
    int fd = client_of(&r.server);
    expect_end(fd);
    close(fd);
    stop(&r);
    assert_int_equal(error, -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),         cmocka_unit_test(test_datagrams),
        cmocka_unit_test(test_half_a_block), cmocka_unit_test(test_drain),
        cmocka_unit_test(test_time_limits),  cmocka_unit_test(test_client),
        cmocka_unit_test(test_running_key),  cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
