/* SPDX-License-Identifier: MIT */
/* A whole connection: whatever a client sends, and however it is cut on its way, the same requests are
   answered, nothing is answered behind one that is refused, and what comes out is responses. */
#include "http/exchange.h"
#include "pieces.h"
#include <string.h>

enum { MAX_EVENTS = 64, MAX_OUTPUT = 1 << 18 };

/* What one run came to. */
struct outcome {
    size_t count;                /* of requests */
    uint32_t events[MAX_EVENTS]; /* what each was, as a hash */
    bool refused;
    size_t output_size;
    char output[MAX_OUTPUT + 1];
};

static struct outcome *now;
static bool reads_all; /* GET's body too, which nobody needs */
static struct ss_server server;

static uint32_t hash(uint32_t value, const void *data, size_t size)
{
    for (const uint8_t *at = data; size > 0; size--, at++)
        value = (value ^ *at) * 16777619;
    return value;
}

/* ---------------------------------------------------------------- the handler */

static void note(uint32_t event)
{
    if (now->count < MAX_EVENTS)
        now->events[now->count] = event;
    now->count++;
}

static uint32_t hash_request(struct ss_handler *h)
{
    const struct http_request *request = http_request(h);
    uint32_t event = hash(2166136261, request->command, strlen(request->command));
    REQUIRE(!now->refused);
    event = hash(event, request->path, request->path_size);
    event = hash(event, request->host, strlen(request->host));
    for (size_t i = 0; i < request->field_count; i++)
        event = hash(event, request->fields[i].value, request->fields[i].value_size);
    return event;
}

static int do_GET(struct ss_handler *h)
{
    char data[256];
    note(hash_request(h));
    while (reads_all && ss_read(h->rfile, data, sizeof data) > 0)
        ;
    return http_reply(h, 200, "text/plain", "hello", 5);
}

/* In chunks: its length is not told. */
static int do_POST(struct ss_handler *h)
{
    char data[256];
    ssize_t n;
    uint32_t event = hash_request(h);
    while ((n = ss_read(h->rfile, data, sizeof data)) > 0)
        event = hash(event, data, (size_t)n);
    if (n < 0)
        return (int)n;
    note(event);
    http_send_response(h, 200, NULL);
    http_end_headers(h);
    ss_write(h->wfile, "a", 1);
    ss_flush(h->wfile);
    return ss_write(h->wfile, "b", 1);
}

static int refuse(struct ss_handler *h, int status, const char *message, const char *explain)
{
    REQUIRE(!now->refused && status != 500);
    if (http_exchange_of(h)->head.refusal.status || http_exchange_of(h)->body.refusal.status)
        now->refused = true;
    else
        note((uint32_t)status);
    return BaseHTTPRequestHandler.send_error(h, status, message, explain);
}

static void no_request(struct ss_handler *h, int status, int64_t size)
{
    (void)h, (void)status, (void)size;
}

static void no_text(struct ss_handler *h, const char *text)
{
    (void)h, (void)text;
}

static const struct http_handler_class Handler = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"GET", do_GET}, {"POST", do_POST}),
    .max_request_line = 300,
    .max_head = 1000,
    .max_headers = 10,
    .max_body = 1000,
    .send_error = refuse,
    .log_request = no_request,
    .log_error = no_text,
    .log_message = no_text,
};

/* ---------------------------------------------------------------- the connection */

static int keep(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    (void)s, (void)more;
    for (int i = 0; i < count; i++) {
        REQUIRE(vector[i].iov_len <= MAX_OUTPUT - now->output_size);
        memcpy(now->output + now->output_size, vector[i].iov_base, vector[i].iov_len);
        now->output_size += vector[i].iov_len;
    }
    return 0;
}

static const struct ss_stream_class pieces_stream = {.name = "pieces", .read = pieces_read, .write = keep};

/* Where it parks, the next piece of the input wakes it. */
static void run_handler(struct ss_stream *s, struct ss_arena *arena)
{
    struct ss_request request = {.fd = -1};
    int rc = SS_PARK;
    while (rc == SS_PARK) {
        struct http_handler handler = {.exchange = NULL};
        struct ss_handler *h = (struct ss_handler *)&handler;
        *h = (struct ss_handler){
            .server = &server, .request = &request, .rfile = s, .wfile = s, .timeout = -1, .arena = arena};
        s->timeout = &h->timeout;
        if (s->rpos == s->rend) {
            s->rpos = 0;
            s->rend = pieces_next(s->context, s->rbuf, s->rsize);
            s->eof = s->rend == 0;
        }
        struct ss_mark mark = ss_mark(h);
        rc = BaseHTTPRequestHandler.handler.handle(h);
        ss_flush(s);
        ss_release(h, mark);
    }
}

static void run(const uint8_t *data, size_t size, uint32_t seed, struct outcome *outcome)
{
    static char buffers[2][4096];
    struct pieces pieces = {data, size, seed};
    struct ss_stream s;
    struct ss_arena arena = {0};
    now = outcome;
    outcome->count = outcome->output_size = 0;
    outcome->refused = false;
    ss_stream_init(&s, &pieces_stream, &pieces, buffers[0], sizeof buffers[0], buffers[1], sizeof buffers[1]);
    s.server = &server;
    run_handler(&s, &arena);
    arena_free(&arena);
    outcome->output[outcome->output_size] = 0;
}

/* ---------------------------------------------------------------- what came out */

static const char *skip_chunks(const char *at)
{
    char *end;
    for (unsigned long n = 1; n > 0; at = end + n + 4) {
        n = strtoul(at, &end, 16);
        REQUIRE(end > at && memcmp(end, "\r\n", 2) == 0 && memcmp(end + 2 + n, "\r\n", 2) == 0);
    }
    return at;
}

/* One response; interim ones have no body. */
static const char *skip_response(const char *at, bool *final, bool *last)
{
    const char *end = strstr(at, "\r\n\r\n");
    REQUIRE(end && strncmp(at, "HTTP/1.1 ", 9) == 0 && at[9] >= '1' && at[9] <= '5' && at[12] == ' ');
    *final = at[9] != '1';
    bool bodiless = !*final || strncmp(at + 9, "204", 3) == 0;
    const char *length = strstr(at, "\r\nContent-Length: "),
               *chunked = strstr(at, "\r\nTransfer-Encoding: chunked\r\n");
    const char *close = strstr(at, "\r\nConnection: close\r\n");
    *last = close && close < end;
    length = length && length < end ? length + 18 : NULL;
    chunked = chunked && chunked < end ? chunked : NULL;
    REQUIRE(!length || !chunked);
    REQUIRE(bodiless ? !length && !chunked : length || chunked || *last);
    at = end + 4;
    return chunked ? skip_chunks(at) : length ? at + strtoul(length, NULL, 10) : at;
}

/* HEAD's responses have a length and no body, so that only the first can be told from others here. */
static void check_output(const struct outcome *outcome, const uint8_t *data, size_t size)
{
    const char *at = outcome->output, *end = at + outcome->output_size;
    size_t responses = 0;
    bool final, last = false;
    if (memmem(data, size, "HEAD", 4) ||
        memmem(data, size, "HTTP/1.", 7) != memmem(data, size, "HTTP/1.1", 8))
        return;
    while (at < end) {
        REQUIRE(!last);
        at = skip_response(at, &final, &last);
        responses += final;
        if (!final)
            last = false;
        if (memmem(data, size, "HTTP/1.0", 8) || (last && at > end))
            return;
    }
    REQUIRE(at == end);
    if (!memmem(data, size, "OPTIONS", 7))
        REQUIRE(responses == outcome->count + outcome->refused);
    REQUIRE(!outcome->refused || last);
}

static void compare(const struct outcome *a, const struct outcome *b)
{
    size_t count = a->count < MAX_EVENTS ? a->count : MAX_EVENTS;
    REQUIRE(a->count == b->count && a->refused == b->refused);
    REQUIRE(memcmp(a->events, b->events, count * sizeof *a->events) == 0);
}

/* A body that is not read is skipped, or the connection closed; never is a request found in it. */
static void compare_unread(const struct outcome *unread, const uint8_t *data, size_t size)
{
    static struct outcome other;
    reads_all = true;
    run(data, size, UINT32_MAX, &other);
    reads_all = false;
    size_t count = unread->count < MAX_EVENTS ? unread->count : MAX_EVENTS;
    REQUIRE(unread->count <= other.count);
    REQUIRE(memcmp(unread->events, other.events, count * sizeof *other.events) == 0);
}

/* Where one empty line comes at a time they are not counted together, and never too many. */
static bool has_many_empty_lines(const uint8_t *data, size_t size)
{
    static const char lines[] = "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";
    return memmem(data, size, lines, sizeof lines - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome first, other;
    if (!server.RequestHandlerClass)
        REQUIRE(ss_server_init(&server, SS_BASES(&HTTPServer), "127.0.0.1:0", &Handler.handler) == 0);
    run(data, size, UINT32_MAX, &first);
    check_output(&first, data, size);
    compare_unread(&first, data, size);
    if (has_many_empty_lines(data, size))
        return 0;
    run(data, size, 0, &other);
    compare(&first, &other);
    run(data, size, 1 + (uint32_t)size, &other);
    compare(&first, &other);
    check_output(&other, data, size);
    return 0;
}
