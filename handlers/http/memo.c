/* SPDX-License-Identifier: MIT */
/* Field lines that came before. A client repeats itself: from one request to the next often just the request
   line differs. Lines that are the same as those of the connection's last head mean the same, and comparing
   them takes far less than parsing them.

   The table is one for all threads, as a connection may move from one to another; a slot that two of them
   want at the same time serves one, and the other one parses. A connection's slot is found by its descriptor,
   and its client's address tells that it is still the same connection. No comparison ends early: behind a
   proxy that sends several clients' requests on one connection, the time that it takes must not tell one of
   them how much of another's cookie it has guessed. (Clients of Unix sockets have no address, so there this
   holds for two connections, too.) */
#include "http/memo.h"
#include <stdatomic.h>
#include <string.h>

/* Of longer heads, or with more fields, nothing is kept; nor of heads shorter than PIECE, the bytes that are
   compared at once. */
enum { SIZE = 1024, FIELDS = 24, PIECE = 16 };

enum { CLIENT_SIZE = sizeof(((struct ss_request *)0)->client) };

struct place {
    unsigned short name, value, name_size, value_size; /* where name and value begin in the lines */
};

/* What is rarely touched stands in arrays of its own: a connection that has sent one head takes no page of
   those. */
struct http_memo {
    int fd;
    unsigned short size; /* of the lines; 0: the connection has sent one head, which was not kept */
    atomic_bool lent;
    char client[CLIENT_SIZE];
};

static struct http_memo memos[HTTP_MEMO_SLOTS];
static struct http_said meanings[HTTP_MEMO_SLOTS];
static char texts[HTTP_MEMO_SLOTS][SIZE];
static struct place places[HTTP_MEMO_SLOTS][FIELDS];

/* Its slot, which is the caller's until http_memo_release; NULL: it is another's at the moment. */
static struct http_memo *borrow(const struct ss_request *connection)
{
    struct http_memo *memo = &memos[(unsigned)connection->fd % HTTP_MEMO_SLOTS];
    return atomic_exchange_explicit(&memo->lent, true, memory_order_acquire) ? NULL : memo;
}

void http_memo_release(struct http_memo *memo)
{
    if (memo)
        atomic_store_explicit(&memo->lent, false, memory_order_release);
}

static bool is_of(const struct http_memo *memo, const struct ss_request *connection)
{
    return memo->fd == connection->fd &&
           memcmp(memo->client, (const char *)&connection->client, CLIENT_SIZE) == 0;
}

typedef uint64_t piece __attribute__((vector_size(PIECE)));

static piece difference(const char *a, const char *b)
{
    piece one, other;
    memcpy(&one, a, PIECE);
    memcpy(&other, b, PIECE);
    return one ^ other;
}

/* In a time that depends on the size alone, which is PIECE or more. */
static bool are_same(const char *a, const char *b, size_t size)
{
    piece differ = difference(a + size - PIECE, b + size - PIECE);
    for (size_t at = 0; at + PIECE < size; at += PIECE)
        differ |= difference(a + at, b + at);
    return !(differ[0] | differ[1]);
}

struct http_memo *http_memo_find(const struct ss_request *connection, const char *text, size_t size)
{
    struct http_memo *memo = borrow(connection);
    if (memo && memo->size > 0 && memo->size <= size && is_of(memo, connection) &&
        are_same(text, texts[memo - memos], memo->size))
        return memo;
    http_memo_release(memo);
    return NULL;
}

size_t http_memo_size(const struct http_memo *memo)
{
    return memo->size;
}

const struct http_said *http_memo_said(const struct http_memo *memo)
{
    return &meanings[memo - memos];
}

void http_memo_recall(const struct http_memo *memo, char *text, struct http_field *fields)
{
    const struct place *place = places[memo - memos];
    for (size_t i = 0; i < meanings[memo - memos].count; i++, place++) {
        char *name = text + place->name, *value = text + place->value;
        name[place->name_size] = 0;
        value[place->value_size] = 0;
        fields[i] = (struct http_field){name, value, place->name_size, place->value_size};
    }
}

static void keep(struct http_memo *memo, const char *lines, const char *text, size_t size,
                 const struct http_field *fields, const struct http_said *said)
{
    struct place *place = places[memo - memos];
    memcpy(texts[memo - memos], lines, size);
    for (size_t i = 0; i < said->count; i++, place++)
        *place = (struct place){
            .name = (unsigned short)(fields[i].name - text),
            .value = (unsigned short)(fields[i].value - text),
            .name_size = (unsigned short)fields[i].name_size,
            .value_size = (unsigned short)fields[i].value_size,
        };
    meanings[memo - memos] = *said;
    memo->size = (unsigned short)size;
}

/* Not the first one of a connection: many send no other. */
void http_memo_keep(const struct ss_request *connection, const char *lines, const char *text, size_t size,
                    const struct http_field *fields, const struct http_said *said)
{
    struct http_memo *memo = borrow(connection);
    if (!memo)
        return;
    if (!is_of(memo, connection)) {
        memo->fd = connection->fd;
        memcpy(memo->client, &connection->client, CLIENT_SIZE);
        memo->size = 0;
    } else if (size >= PIECE && size <= SIZE && said->count <= FIELDS) {
        keep(memo, lines, text, size, fields, said);
    }
    http_memo_release(memo);
}
