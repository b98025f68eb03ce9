/* SPDX-License-Identifier: MIT */
/* What a client is answered. Nothing here waits until reply_send: small replies go into the stream's buffer,
   and what does not fit there is put aside; values are held, not copied. */
#ifndef KVSTORE_REPLY_H
#define KVSTORE_REPLY_H

#include "kvstore/value.h"
#include "socketserver.h"

enum {
    REPLY = 128 << 20,      /* bytes that wait to be sent to one client, in whole replies */
    ALL_REPLIES = 512 << 20 /* and to all clients together */
};

struct piece;
struct reply {
    struct ss_stream *to; /* NULL: nobody is answered; but the first error is kept */
    int protocol;         /* 2 or 3 */
    bool failed;          /* for want of memory a part is missing: the connection cannot go on */
    struct piece *first, **last;
    size_t size; /* bytes put aside */
    char error[128];
};

void reply_begin(struct reply *reply, struct ss_stream *to, int protocol);
/* Frees what was not sent. */
void reply_end(struct reply *reply);
/* Is something put aside? Then reply_send has to come before others write to the stream. */
static inline bool reply_waits(const struct reply *reply)
{
    return reply->first;
}
/* Writes what was put aside. 0 or -errno. Waits. */
int reply_send(struct reply *reply);

void reply_text(struct reply *reply, struct text text); /* as it stands */
void reply_ok(struct reply *reply);
void reply_status(struct reply *reply, const char *status);
/* "ERR syntax error": the first word is the error's kind. Control characters become spaces. */
void reply_error(struct reply *reply, const char *format, ...) SS_PRINTF(2, 3);
void reply_number(struct reply *reply, int64_t number);
void reply_bulk(struct reply *reply, struct text text);
void reply_string(struct reply *reply, const char *string);
void reply_value(struct reply *reply, struct value *value);
void reply_null(struct reply *reply);
void reply_null_array(struct reply *reply);
/* `count` replies follow; a map's are pairs. */
void reply_array(struct reply *reply, size_t count);
void reply_map(struct reply *reply, size_t count);
/* A message that nobody has asked for. */
void reply_push(struct reply *reply, size_t count);
/* Adds bulk strings that are in RESP already; takes the buffer's memory. */
void reply_buffer(struct reply *reply, struct buffer *buffer);
void buffer_add_bulk(struct buffer *buffer, struct text text, bool *failed);

#endif
