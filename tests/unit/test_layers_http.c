/* SPDX-License-Identifier: MIT */
/* HTTP through a layer: a mix-in masks every byte of a connection, and knows nothing of HTTP, which knows
   nothing of it. Kept connections are parked, files are sent, and a drain ends all, under every mix-in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_server.h"
#include "masked.h"
#include "server_thread.h"
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { LARGE = 300000 };

static const char *const mixins[] = {"",           "Threading", "ThreadPool",         "Forking",
                                     "Preforking", "EventLoop", "PreforkingEventLoop"};

/* ---- the layer ---- */

static const struct ss_class Masking;

static int open_masked(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    size_t size = self->buffer_size;
    struct ss_stream *below, *s = ss_alloc(h, sizeof *s + 2 * size);
    int rc = s ? ss_super(self, &Masking)->open_stream(self, h, &below) : -ENOMEM;
    if (rc < 0)
        return rc;
    char *buffers = (char *)(s + 1);
    ss_stream_init(s, &masked_stream, NULL, buffers, size, buffers + size, size);
    ss_stream_over(s, below);
    *stream = s;
    return 0;
}

static const struct ss_class Masking = {.name = "Masking", .open_stream = open_masked};

/* The same without read_now: it cannot look for input without waiting for it. */
static const struct ss_stream_class waiting_stream = {
    .name = "waiting", .read = masked_read, .write = masked_write};

static const struct ss_class Waiting;
static atomic_int errors; /* in this process */

static int open_waiting(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    int rc = ss_super(self, &Waiting)->open_stream(self, h, stream);
    if (rc == 0)
        (*stream)->methods = &waiting_stream;
    return rc;
}

static void count_error(struct ss_server *self, struct ss_request *request, int error)
{
    (void)self, (void)request, (void)error;
    atomic_fetch_add(&errors, 1);
}

static const struct ss_class Waiting = {
    .name = "Waiting", .base = &Masking, .open_stream = open_waiting, .handle_error = count_error};

/* ---- files, and a client ---- */

static char directory[] = "/tmp/test_layers_http.XXXXXX";

static void write_file(const char *name, char filled_with, size_t size)
{
    char path[100], *data = malloc(size);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    memset(data, filled_with, size);
    assert_int_equal(write(fd, data, size), size);
    free(data);
    close(fd);
}

static int make_files(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    write_file("small.txt", 's', 100);
    write_file("large.txt", 'l', LARGE);
    return 0;
}

static int remove_files(void **state)
{
    char path[100];
    (void)state;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, i ? "small.txt" : "large.txt");
        unlink(path);
    }
    return rmdir(directory);
}

static void say_masked(int fd, const char *text)
{
    char data[200];
    size_t size = strlen(text);
    memcpy(data, text, size + 1);
    mask(data, size);
    assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), size);
}

/* One more byte, or the end. */
static int next_byte(int fd)
{
    char byte;
    if (recv(fd, &byte, 1, 0) != 1)
        return -1;
    mask(&byte, 1);
    return (unsigned char)byte;
}

/* Reads a head, and a body of so many bytes that are all the same. */
static void expect_answer(int fd, int status, char filled_with, size_t size)
{
    static char body[LARGE];
    char head[2000] = "", expected[50];
    size_t n = 0;
    while (n + 1 < sizeof head && !strstr(head, "\r\n\r\n")) {
        int byte = next_byte(fd);
        assert_true(byte >= 0);
        head[n++] = (char)byte;
    }
    snprintf(expected, sizeof expected, "HTTP/1.1 %d ", status);
    assert_int_equal(strncmp(head, expected, strlen(expected)), 0);
    if (!filled_with)
        return;
    snprintf(expected, sizeof expected, "Content-Length: %zu\r\n", size);
    assert_non_null(strstr(head, expected));
    assert_int_equal(recv(fd, body, size, MSG_WAITALL), size);
    mask(body, size);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(body[i], filled_with);
}

/* ---- a connection that leaves HTTP, and is parked, keeps its layer ---- */

static int go_on(struct ss_handler *h, int why)
{
    char line[100];
    if (why != SS_INPUT)
        return ss_printf(h->wfile, "bye\n");
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    if (n <= 0)
        return (int)n;
    ss_printf(h->wfile, "> %s", line);
    return SS_PARK;
}

static int do_upgrade(struct ss_handler *h)
{
    h->request->resume = go_on;
    int rc = http_upgrade(h, "lines");
    return rc < 0 ? rc : SS_PARK;
}

static const struct simple_http_class Handler = {
    .http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler},
             .table_size = sizeof Handler,
             .methods = HTTP_METHODS({"POST", do_upgrade})},
};

static void expect_masked(int fd, const char *text)
{
    for (; *text; text++)
        assert_int_equal(next_byte(fd), *text);
}

static void start_http(struct running *r, const struct ss_class *layer, const char *mixin,
                       const struct ss_handler_class *handler)
{
    const struct ss_class *bases[SS_MAX_BASES + 1] = {layer};
    char name[100];
    int count = 1;
    snprintf(name, sizeof name, "%sTCPServer", mixin);
    for (const struct ss_class *const *own = ss_bases(name); *own != &TCPServer; own++)
        bases[count++] = *own;
    bases[count] = &HTTPServer;
    start(r, bases, "127.0.0.1:0", handler);
}

static void check_http(const char *mixin)
{
    struct running r;
    start_http(&r, &Masking, mixin, &Handler.http.handler);
    int fd = client_of(&r.server);
    for (int i = 0; i < 2; i++) {
        say_masked(fd, "GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n");
        expect_answer(fd, 200, 's', 100);
        say_masked(fd,
                   "GET /large.txt HTTP/1.1\r\nHost: x\r\n\r\nGET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n");
        expect_answer(fd, 200, 'l', LARGE);
        expect_answer(fd, 200, 's', 100);
    }
    say_masked(fd, "GET /small.txt HTTP/1.1\r\n"); /* a head in two parts */
    expect_nothing(fd);
    say_masked(fd, "Host: x\r\n\r\n");
    expect_answer(fd, 200, 's', 100);
    ss_shutdown(&r.server); /* an idle connection ends */
    expect_end(fd);
    shutdown(fd, SHUT_RDWR);
    close(fd);
    join(&r);
}

static void check_upgrade(const char *mixin)
{
    struct running r;
    start_http(&r, &Masking, mixin, &Handler.http.handler);
    int fd = client_of(&r.server);
    say_masked(fd, "GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_answer(fd, 200, 's', 100);
    say_masked(fd, "POST / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: lines\r\n"
                   "Content-Length: 4\r\n\r\nbodyearly\nha");
    expect_answer(fd, 101, 0, 0);
    expect_masked(fd, "> early\n");
    say_masked(fd, "lf\n");
    expect_masked(fd, "> half\n");
    say_masked(fd, "late\n");
    expect_masked(fd, "> late\n");
    ss_shutdown(&r.server);
    expect_masked(fd, "bye\n");
    expect_end(fd);
    close(fd);
    join(&r);
}

static void test_upgrade(void **state)
{
    (void)state;
    assert_int_equal(chdir(directory), 0);
    for (size_t i = 0; i < COUNT(mixins); i++)
        check_upgrade(mixins[i]);
    assert_int_equal(chdir("/"), 0);
}

static void test_http(void **state)
{
    (void)state;
    assert_int_equal(chdir(directory), 0);
    for (size_t i = 0; i < COUNT(mixins); i++)
        check_http(mixins[i]);
    assert_int_equal(chdir("/"), 0);
}

enum { IDLE = 150 }; /* ms */

/* Kept connections end when their idle time is over, once and without an error, as parked ones do. */
static void test_without_read_now(void **state)
{
    static const struct http_handler_class Hasty = {.handler = {.base = &BaseHTTPRequestHandler.handler},
                                                    .table_size = sizeof Hasty,
                                                    .idle_timeout = IDLE};
    (void)state;
    for (size_t i = 0; i < COUNT(mixins); i++) {
        struct running r;
        start_http(&r, &Waiting, mixins[i], &Hasty.handler);
        int fd = client_of(&r.server);
        for (int k = 0; k < 2; k++) {
            say_masked(fd, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n");
            expect_answer(fd, 204, 0, 0);
        }
        uint64_t since = ss_now();
        expect_end(fd);
        assert_in_range(ss_now() - since, IDLE / 2, 3 * IDLE);
        close(fd);
        stop(&r);
        assert_int_equal(atomic_load(&errors), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_http), cmocka_unit_test(test_upgrade),
                                       cmocka_unit_test(test_without_read_now)};
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
