/* SPDX-License-Identifier: MIT */
/* A WebSocket's server: whatever a client sends, and however it is cut on its way and read, the same messages
   come of it and the same end, and what is sent are frames. Where nothing is compressed it is what another
   decoder finds (RFC 6455 5). The first byte chooses what was agreed on. */
#include "compress/deflate.h"
#include "pieces.h"
#include "websocket/ws.h"
#include <errno.h>
#include <string.h>

enum { MAX_MESSAGE = 2000, MAX_FRAGMENTS = 8, MAX_EVENTS = 2048, MAX_OUTPUT = 1 << 19 };

/* What one run came to. */
struct outcome {
    size_t count;                /* of messages */
    uint32_t events[MAX_EVENTS]; /* what each was, as a hash */
    unsigned code;
    size_t output_size;
    uint8_t output[MAX_OUTPUT];
};

static struct outcome *now;
static struct ss_server server;

static uint32_t hash(uint32_t value, const void *data, size_t size)
{
    for (const uint8_t *at = data; size > 0; size--, at++)
        value = (value ^ *at) * 16777619;
    return value;
}

static void note(struct outcome *outcome, enum ws_type type, const void *data, size_t size)
{
    REQUIRE(outcome->count < MAX_EVENTS);
    outcome->events[outcome->count++] = hash(2166136261 + (uint32_t)type, data, size);
}

/* ---------------------------------------------------------------- the other decoder */

struct decoder {
    const uint8_t *at, *end;
    unsigned type, fragments;
    size_t size;
    struct http_utf8 utf8;
    char message[MAX_MESSAGE];
};

static uint64_t number(const uint8_t *at, int bytes)
{
    uint64_t n = 0;
    while (bytes-- > 0)
        n = n << 8 | *at++;
    return n;
}

/* The code of a close frame's payload, or the one that it is answered with. */
static unsigned closing_code(const char *data, size_t size)
{
    unsigned code = size < 2 ? 0 : (unsigned)number((const uint8_t *)data, 2);
    bool known =
        (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
    struct http_utf8 utf8 = {0};
    if (size == 0)
        return 1005;
    if (!known)
        return 1002;
    return http_utf8_go_on(&utf8, data + 2, size - 2) && http_utf8_may_end(&utf8) ? code : 1007;
}

/* A frame of a message, of whose `size` bytes `there` have come. 0, or the code of the end. */
static unsigned take_data(struct decoder *d, unsigned first, uint64_t size, const char *data, size_t there,
                          struct outcome *outcome)
{
    unsigned opcode = first & 0x0f;
    if (opcode > 2 || (opcode == 0) != (d->type != 0))
        return 1002;
    if (opcode) {
        d->type = opcode;
        d->size = d->fragments = 0;
        d->utf8 = (struct http_utf8){0};
    }
    if (size > MAX_MESSAGE - d->size || d->fragments++ == MAX_FRAGMENTS)
        return 1009;
    if (there)
        memcpy(d->message + d->size, data, there);
    d->size += there;
    if (d->type == WS_TEXT && !http_utf8_go_on(&d->utf8, data, there))
        return 1007;
    if (there < size)
        return 1006;
    if (!(first & 0x80))
        return 0;
    if (d->type == WS_TEXT && !http_utf8_may_end(&d->utf8))
        return 1007;
    note(outcome, d->type, d->message, d->size);
    d->type = 0;
    return 0;
}

/* 0, or the code of the end. */
static unsigned take_frame(struct decoder *d, struct outcome *outcome)
{
    char payload[MAX_MESSAGE + 126] = "";
    size_t left = (size_t)(d->end - d->at), there;
    if (left < 2)
        return 1006;
    unsigned first = d->at[0], length = d->at[1] & 0x7f;
    int more = length == 127 ? 8 : length == 126 ? 2 : 0, masked = d->at[1] & 0x80 ? 4 : 0;
    if (left < 2 + (size_t)more + (size_t)masked)
        return 1006;
    uint64_t size = more ? number(d->at + 2, more) : length;
    if ((more == 2 && size < 126) || (more == 8 && (size < 65536 || size >> 63)) || !masked || first & 0x70)
        return 1002;
    const uint8_t *key = d->at + 2 + more;
    d->at = key + 4;
    left = (size_t)(d->end - d->at);
    there = size < left ? (size_t)size : left;
    for (size_t i = 0; i < there && i < sizeof payload; i++)
        payload[i] = (char)(d->at[i] ^ key[i % 4]);
    d->at += there;
    if (!(first & 0x08))
        return take_data(d, first, size, payload, there < sizeof payload ? there : sizeof payload, outcome);
    if (size > 125 || !(first & 0x80))
        return 1002;
    if (there < size)
        return 1006;
    return (first & 0x0f) == 8 ? closing_code(payload, size) : (first & 0x0f) > 10 ? 1002 : 0;
}

static void decode(const uint8_t *data, size_t size, struct outcome *outcome)
{
    static struct decoder d;
    d = (struct decoder){.at = data, .end = data + size};
    outcome->count = 0;
    do
        outcome->code = take_frame(&d, outcome);
    while (!outcome->code);
}

/* ---------------------------------------------------------------- ours */

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

static int receive_whole(struct ws *ws)
{
    struct ws_message message;
    int rc;
    while ((rc = ws_recv(ws, &message)) > 0) {
        REQUIRE(message.size <= MAX_MESSAGE && message.data[message.size] == 0);
        note(now, message.type, message.data, message.size);
        REQUIRE(ws_send(ws, message.type, message.data, message.size) == 0);
    }
    return rc;
}

static int receive_pieces(struct ws *ws, uint32_t seed)
{
    struct ws_message message;
    char data[MAX_MESSAGE + 1];
    int rc;
    while ((rc = ws_next(ws, &message)) > 0) {
        size_t size = 0;
        ssize_t n;
        while ((n = ws_read(ws, data + size, 1 + fuzz_random(&seed) % (sizeof data - size))) > 0)
            REQUIRE((size += (size_t)n) <= MAX_MESSAGE);
        REQUIRE(n == 0 || n == -EPIPE);
        if (n == 0) {
            note(now, message.type, data, size);
            REQUIRE(ws_send(ws, message.type, data, size) == 0);
        }
    }
    return rc;
}

static void run(const uint8_t *data, size_t size, const char *offer, bool context, uint32_t seed, bool whole,
                struct outcome *outcome)
{
    static const struct ss_stream_class pieces_stream = {
        .name = "pieces", .read = pieces_read, .write = keep};
    static const struct ws_options options = {
        .max_message = MAX_MESSAGE, .max_fragments = MAX_FRAGMENTS, .idle_timeout = -1};
    char buffers[2][4096];
    struct pieces pieces = {data, size, seed};
    struct ss_stream s;
    struct ss_request request = {.fd = -1};
    struct ss_handler h = {.server = &server, .request = &request, .rfile = &s, .wfile = &s, .timeout = -1};
    struct ws_deflating deflating = {.ws = {.server = &server}};
    struct ws *ws = &deflating.ws;
    struct ws_run run;
    struct ws_terms terms;
    now = outcome;
    outcome->count = outcome->output_size = 0;
    ss_stream_init(&s, &pieces_stream, &pieces, buffers[0], sizeof buffers[0], buffers[1], sizeof buffers[1]);
    if (offer && ws_terms_choose(offer, context, &terms) > 0)
        deflating.deflate = ws_deflate_new(&terms, false);
    ws->deflates = deflating.deflate;
    ws_run_begin(ws, &run, &h, &options);
    REQUIRE((whole ? receive_whole(ws) : receive_pieces(ws, 1 + (uint32_t)size)) == 0);
    REQUIRE(ws->ended && ws_code(ws));
    outcome->code = ws_code(ws);
    REQUIRE(ws_send(ws, WS_TEXT, "", 0) < 0);
    ws_bye(ws, 0);
    ss_flush(&s);
    ws_run_end(ws);
    ws_deflate_free(deflating.deflate);
}

/* ---------------------------------------------------------------- what came out */

static const char *text_of(struct http_inflater *inflater, const uint8_t *data, size_t size,
                           char text[MAX_MESSAGE + 1], size_t *text_size)
{
    struct http_coder_buffers b = {(const char *)data, size, text, MAX_MESSAGE + 1};
    REQUIRE(http_inflater_run(inflater, &b, true) == 1);
    *text_size = (size_t)(b.out - text);
    return text;
}

/* Frames as a server sends them: the messages, pongs, and at most one close, which is the last one. */
static void check_output(const struct outcome *outcome)
{
    const uint8_t *at = outcome->output, *end = at + outcome->output_size;
    struct http_inflater *inflater = http_inflater_open(HTTP_DEFLATE_MAX_BITS);
    size_t messages = 0, text_size;
    char text[MAX_MESSAGE + 1];
    while (at < end) {
        struct ws_head head;
        int size = ws_head_read((const char *)at, (size_t)(end - at), &head);
        REQUIRE(size > 0 && size <= end - at && !head.masked && head.first & WS_FIN);
        REQUIRE(head.size <= (uint64_t)(end - at - size));
        const void *data = at + size;
        at += (size_t)size + (size_t)head.size;
        unsigned type = head.first & WS_OPCODE;
        REQUIRE(type == WS_TEXT || type == WS_BINARY || type == WS_PONG || (type == WS_CLOSE && at == end));
        if (type & WS_CONTROL) {
            REQUIRE(!(head.first & WS_RSV) && head.size <= WS_MAX_CONTROL);
            continue;
        }
        text_size = (size_t)head.size;
        if (head.first & WS_RSV1)
            data = text_of(inflater, data, text_size, text, &text_size);
        REQUIRE(!(head.first & (WS_RSV & ~WS_RSV1)) && messages < outcome->count);
        REQUIRE(outcome->events[messages++] == hash(2166136261 + type, data, text_size));
    }
    REQUIRE(messages == outcome->count);
    http_inflater_close(inflater);
}

static void compare(const struct outcome *a, const struct outcome *b)
{
    REQUIRE(a->count == b->count && a->code == b->code);
    REQUIRE(memcmp(a->events, b->events, a->count * sizeof *a->events) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const offers[] = {
        NULL, "permessage-deflate", "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9"};
    static struct outcome expected, first, other;
    if (size == 0 || size > 4096)
        return 0;
    const char *offer = http_has_deflate() ? offers[data[0] % 3] : NULL;
    bool context = data[0] & 8;
    run(data + 1, size - 1, offer, context, UINT32_MAX, true, &first);
    check_output(&first);
    if (!offer) {
        decode(data + 1, size - 1, &expected);
        compare(&expected, &first);
    }
    for (int i = 0; i < 4; i++) {
        run(data + 1, size - 1, offer, context, i < 2 ? 0 : 1 + (uint32_t)size, i & 1, &other);
        compare(&first, &other);
        check_output(&other);
    }
    return 0;
}
