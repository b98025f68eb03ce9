/* SPDX-License-Identifier: MIT */
/* The body in chunks against a decoder of its own, however the input is cut: the same data and the same end,
   or both refuse (RFC 9112 7.1). */
#include "http/body.h"
#include "pieces.h"
#include <string.h>

enum { MAX_BODY = 2000, MAX_SIZE_DIGITS = 15, MAX_LINE = 1024 - 1 };

struct decoded {
    bool good;
    size_t size, used; /* of `data`; of the input */
    uint8_t data[MAX_BODY];
};

/* ---------------------------------------------------------------- the other decoder */

static bool is_token_char(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* One line without its end at *at; its length, or -1: there is none, or it holds what no line may. */
static ssize_t line_at(const uint8_t *data, size_t size, size_t at)
{
    for (size_t n = 0; at + n + 1 < size && n + 2 <= MAX_LINE; n++) {
        uint8_t c = data[at + n];
        if (c == '\r')
            return data[at + n + 1] == '\n' ? (ssize_t)n : -1;
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return -1;
    }
    return -1;
}

/* ";name=value" as often as there is one; a machine of states: before ';', before and in a name, behind it,
   before and in a value, in quotes, behind a backslash, behind quotes. */
static bool extensions(const uint8_t *text, size_t size)
{
    enum { START, NAME0, NAME, NAME9, VALUE0, VALUE, QUOTED, ESCAPED, END } state = START;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = text[i];
        bool blank = c == ' ' || c == '\t';
        switch (state) {
        case START:
        case END:
        case VALUE:
        case NAME9:
            if (state == VALUE && is_token_char(c))
                continue;
            if (state == NAME9 && c == '=')
                state = VALUE0;
            else if (c == ';')
                state = NAME0;
            else if (!blank)
                return false;
            else if (state == VALUE)
                state = END;
            continue;
        case NAME0:
        case NAME:
            if (is_token_char(c))
                state = NAME;
            else if (state == NAME0 && blank)
                continue;
            else if (state == NAME && (blank || c == '=' || c == ';'))
                state = c == '=' ? VALUE0 : c == ';' ? NAME0 : NAME9;
            else
                return false;
            continue;
        case VALUE0:
            if (c == '"' || is_token_char(c))
                state = c == '"' ? QUOTED : VALUE;
            else if (!blank)
                return false;
            continue;
        case QUOTED:
            state = c == '"' ? END : c == '\\' ? ESCAPED : QUOTED;
            continue;
        case ESCAPED:
            state = QUOTED;
            continue;
        }
    }
    return state != NAME0 && state != VALUE0 && state != QUOTED && state != ESCAPED &&
           !(size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'));
}

static bool trailer(const uint8_t *line, size_t size)
{
    size_t n = 0;
    while (n < size && is_token_char(line[n]))
        n++;
    return n > 0 && n < size && line[n] == ':';
}

static bool trailers(const uint8_t *data, size_t size, size_t *at)
{
    ssize_t n;
    while ((n = line_at(data, size, *at)) > 0) {
        if (!trailer(data + *at, (size_t)n))
            return false;
        *at += (size_t)n + 2;
    }
    *at += 2;
    return n == 0;
}

/* The size in front of a chunk, or -1. */
static ssize_t chunk_size(const uint8_t *line, size_t size)
{
    uint64_t value = 0;
    size_t n = 0;
    for (; n < size && n <= MAX_SIZE_DIGITS; n++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = line[n] ? strchr(digits, line[n] < '@' ? line[n] : line[n] | 32) : NULL;
        if (!digit)
            break;
        value = value * 16 + (uint64_t)(digit - digits);
    }
    return n == 0 || n > MAX_SIZE_DIGITS || !extensions(line + n, size - n) ? -1 : (ssize_t)value;
}

static void decode(const uint8_t *data, size_t size, struct decoded *d)
{
    ssize_t n, line;
    d->good = false;
    d->size = d->used = 0;
    while ((line = line_at(data, size, d->used)) >= 0) {
        n = chunk_size(data + d->used, (size_t)line);
        d->used += (size_t)line + 2;
        if (n == 0)
            d->good = trailers(data, size, &d->used);
        if (n <= 0 || n > (ssize_t)(MAX_BODY - d->size) || (size_t)n + 2 > size - d->used ||
            memcmp(data + d->used + n, "\r\n", 2) != 0)
            return;
        memcpy(d->data + d->size, data + d->used, (size_t)n);
        d->size += (size_t)n;
        d->used += (size_t)n + 2;
    }
}

/* ---------------------------------------------------------------- ours */

static void read_body(const uint8_t *data, size_t size, uint32_t seed, struct decoded *d)
{
    static const struct ss_stream_class pieces_stream = {.name = "pieces", .read = pieces_read};
    static struct http_handler_class table = {.max_body = MAX_BODY};
    static struct http_class cls = {.table = &table};
    char buffer[4096];
    struct pieces pieces = {data, size, seed};
    struct ss_stream in;
    struct ss_arena arena = {0};
    struct http_exchange x = {.cls = &cls, .in = &in};
    struct http_handler h = {.exchange = &x};
    x.h = &h.handler;
    ss_stream_init(&in, &pieces_stream, &pieces, buffer, sizeof buffer, NULL, 0);
    ((struct ss_handler *)&h)->arena = &arena;
    x.head.request.content_length = -1;
    REQUIRE(http_exchange_borrow(&x) == 0 && http_body_begin(&x) == 0);
    ssize_t n;
    d->size = 0;
    while ((n = ss_read(&x.lent->rfile, d->data + d->size, MAX_BODY - d->size)) > 0)
        if ((d->size += (size_t)n) == MAX_BODY) {
            uint8_t more;
            n = ss_read(&x.lent->rfile, &more, 1);
            break;
        }
    REQUIRE(n <= 0 && x.body.done == (n == 0) && (n < 0) == (x.body.refusal.status != 0));
    d->good = n == 0;
    d->used = size - pieces.size - (in.rend - in.rpos);
    arena_free(&arena);
}

static void compare(const struct decoded *a, const struct decoded *b)
{
    REQUIRE(a->good == b->good);
    if (a->good)
        REQUIRE(a->size == b->size && a->used == b->used && memcmp(a->data, b->data, a->size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct decoded expected, got;
    decode(data, size, &expected);
    read_body(data, size, UINT32_MAX, &got);
    compare(&expected, &got);
    read_body(data, size, 0, &got);
    compare(&expected, &got);
    read_body(data, size, 1 + (uint32_t)size, &got);
    compare(&expected, &got);
    return 0;
}
