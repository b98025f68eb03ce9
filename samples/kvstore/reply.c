/* SPDX-License-Identifier: MIT */
#include "kvstore/reply.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Replies are bytes with a length, and no strings; `last` is never NULL. */
/* NOLINTBEGIN(bugprone-not-null-terminated-result,clang-analyzer-*) */

enum { CHUNK = 16384 /* bytes of small replies that are put aside together */ };

/* What was put aside: a value that is held, or bytes. */
struct piece {
    struct piece *next;
    struct value *value;
    struct buffer bytes;
};

static _Atomic size_t all; /* bytes put aside for all clients */

void reply_begin(struct reply *reply, struct ss_stream *to, int protocol)
{
    reply->to = to;
    reply->protocol = protocol;
    reply->failed = false;
    reply->first = NULL;
    reply->last = &reply->first;
    reply->size = 0;
    reply->error[0] = '\0';
}

void reply_end(struct reply *reply)
{
    for (struct piece *piece = reply->first, *next; piece; piece = next) {
        next = piece->next;
        value_release(piece->value);
        buffer_free(&piece->bytes);
        free(piece);
    }
    if (reply->size)
        atomic_fetch_sub(&all, reply->size);
    reply->first = NULL;
    reply->last = &reply->first;
    reply->size = 0;
}

static struct text piece_text(const struct piece *piece)
{
    return piece->value ? value_text(piece->value) : (struct text){piece->bytes.data, piece->bytes.size};
}

int reply_send(struct reply *reply)
{
    int rc = reply->failed ? -ENOMEM : 0;
    for (struct piece *piece = reply->first; piece && rc == 0; piece = piece->next) {
        struct text text = piece_text(piece);
        rc = ss_write(reply->to, text.data, text.size);
    }
    reply_end(reply);
    return rc;
}

/* ---------------------------------------------------------------- putting aside */

static void count(struct reply *reply, size_t size)
{
    reply->size += size;
    atomic_fetch_add(&all, size);
}

static struct piece *piece_new(struct reply *reply)
{
    struct piece *piece = calloc(1, sizeof *piece);
    if (!piece) {
        reply->failed = true;
        return NULL;
    }
    *reply->last = piece;
    reply->last = &piece->next;
    return piece;
}

static struct piece *last_piece(struct reply *reply)
{
    return reply->first ? (struct piece *)((char *)reply->last - offsetof(struct piece, next)) : NULL;
}

__attribute__((noinline)) static void put_aside(struct reply *reply, struct text text)
{
    struct piece *piece = last_piece(reply);
    if (!reply->to)
        return;
    if (!piece || piece->value || piece->bytes.size + text.size > CHUNK)
        piece = piece_new(reply);
    if (!piece || !buffer_add(&piece->bytes, text.data, text.size))
        reply->failed = true;
    count(reply, text.size);
}

/* Does it fit into the stream's buffer? (Half of that and more ss_write would send at once.) */
static inline bool fits(const struct reply *reply, size_t size)
{
    const struct ss_stream *s = reply->to;
    return s && !reply->first && size <= s->wsize - s->wend && size < s->wsize / 2;
}

void reply_text(struct reply *reply, struct text text)
{
    if (fits(reply, text.size))
        (void)ss_write(reply->to, text.data, text.size);
    else
        put_aside(reply, text);
}

/* A reply of so many bytes would be more than may wait for this client, or for all. */
static bool is_too_much(const struct reply *reply, size_t size)
{
    return size > REPLY - (reply->size < REPLY ? reply->size : REPLY) || size > ALL_REPLIES - (size_t)CHUNK ||
           atomic_load_explicit(&all, memory_order_relaxed) > ALL_REPLIES - size;
}

static void refuse(struct reply *reply)
{
    reply_error(reply,
                "ERR the reply is too long, or too much waits for other clients already: ask for less");
}

/* ---------------------------------------------------------------- kinds of replies */

void reply_ok(struct reply *reply)
{
    reply_text(reply, TEXT("+OK\r\n"));
}

void reply_status(struct reply *reply, const char *status)
{
    char text[64];
    int size = snprintf(text, sizeof text, "+%s\r\n", status);
    reply_text(reply, (struct text){text, (size_t)size});
}

void reply_error(struct reply *reply, const char *format, ...)
{
    char text[600] = "-";
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text + 1, sizeof text - 3, format, args);
    va_end(args);
    size = size < (int)sizeof text - 4 ? size + 1 : (int)sizeof text - 3;
    for (int i = 0; i < size; i++)
        if ((unsigned char)text[i] < ' ')
            text[i] = ' ';
    if (!reply->error[0])
        snprintf(reply->error, sizeof reply->error, "%.*s", size - 1, text + 1);
    memcpy(text + size, "\r\n", 2);
    reply_text(reply, (struct text){text, (size_t)size + 2});
}

static void reply_head(struct reply *reply, char kind, int64_t number)
{
    char text[NUMBER_TEXT + 3];
    text[0] = kind;
    size_t size = 1 + number_write(text + 1, number);
    memcpy(text + size, "\r\n", 2);
    reply_text(reply, (struct text){text, size + 2});
}

void reply_number(struct reply *reply, int64_t number)
{
    reply_head(reply, ':', number);
}

/* In one piece: it is what most clients ask for. */
static inline void reply_short(struct reply *reply, struct text text)
{
    struct ss_stream *s = reply->to;
    char *at = s->wbuf + s->wend;
    *at++ = '$';
    at += number_write(at, (int64_t)text.size);
    memcpy(at, "\r\n", 2);
    memcpy(at + 2, text.data, text.size);
    at += 2 + text.size;
    memcpy(at, "\r\n", 2);
    s->wend = (size_t)(at + 2 - s->wbuf);
}

void reply_bulk(struct reply *reply, struct text text)
{
    if (fits(reply, text.size + NUMBER_TEXT + 5)) {
        reply_short(reply, text);
    } else if (is_too_much(reply, text.size)) {
        refuse(reply);
    } else {
        reply_head(reply, '$', (int64_t)text.size);
        reply_text(reply, text);
        reply_text(reply, TEXT("\r\n"));
    }
}

void reply_string(struct reply *reply, const char *string)
{
    reply_bulk(reply, (struct text){string, strlen(string)});
}

void reply_value(struct reply *reply, struct value *value)
{
    if (fits(reply, value->size + NUMBER_TEXT + 5) || value->size < CHUNK / 8 || !reply->to ||
        is_too_much(reply, value->size)) {
        reply_bulk(reply, value_text(value));
        return;
    }
    reply_head(reply, '$', value->size);
    struct piece *piece = piece_new(reply);
    if (piece) {
        piece->value = value_hold(value);
        count(reply, value->size);
    }
    put_aside(reply, TEXT("\r\n"));
}

void reply_null(struct reply *reply)
{
    reply_text(reply, reply->protocol == 3 ? TEXT("_\r\n") : TEXT("$-1\r\n"));
}

void reply_null_array(struct reply *reply)
{
    reply_text(reply, reply->protocol == 3 ? TEXT("_\r\n") : TEXT("*-1\r\n"));
}

void reply_array(struct reply *reply, size_t count)
{
    reply_head(reply, '*', (int64_t)count);
}

void reply_map(struct reply *reply, size_t count)
{
    reply_head(reply, reply->protocol == 3 ? '%' : '*', (int64_t)(reply->protocol == 3 ? count : 2 * count));
}

void reply_push(struct reply *reply, size_t count)
{
    reply_head(reply, reply->protocol == 3 ? '>' : '*', (int64_t)count);
}

void reply_buffer(struct reply *reply, struct buffer *buffer)
{
    struct piece *piece = NULL;
    if (fits(reply, buffer->size))
        reply_text(reply, (struct text){buffer->data, buffer->size});
    else if (reply->to)
        piece = piece_new(reply);
    if (piece) {
        piece->bytes = *buffer;
        *buffer = (struct buffer){0};
        count(reply, piece->bytes.size);
    }
    buffer_free(buffer);
}

void buffer_add_bulk(struct buffer *buffer, struct text text, bool *failed)
{
    char head[NUMBER_TEXT + 3] = "$";
    size_t size = 1 + number_write(head + 1, (int64_t)text.size);
    memcpy(head + size, "\r\n", 2);
    if (buffer->size + text.size > REPLY || !buffer_reserve(buffer, size + text.size + 4))
        *failed = true;
    if (*failed)
        return;
    (void)buffer_add(buffer, head, size + 2);
    (void)buffer_add(buffer, text.data, text.size);
    (void)buffer_add(buffer, "\r\n", 2);
}

/* NOLINTEND(bugprone-not-null-terminated-result,clang-analyzer-*) */
