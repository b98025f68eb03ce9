/* Field lines that came before. A client repeats itself: from one request to the next only the request line
   differs, or a field or two. What the same bytes meant last time they mean again: comparing them takes far
   less than parsing them, and nothing has to be believed. */
#include "http/memo.h"
#include <string.h>

enum { SLOTS = 4, SIZE = 1024, FIELDS = 24 };

/* All pointers are into `parsed`. */
struct memo {
    size_t size; /* 0: none */
    struct http_said said;
    struct http_field fields[FIELDS];
    char text[SIZE], parsed[SIZE]; /* as it came; with the strings ended */
};

static _Thread_local struct {
    struct memo slots[SLOTS];
    struct memo *last;
} memos;

static struct memo *slot_of(size_t size)
{
    return &memos.slots[size % SLOTS];
}

static const char *moved(const char *pointer, const char *from, const char *to)
{
    return pointer ? to + (pointer - from) : NULL;
}

/* Pointers into `from` become pointers into `to`. */
static void copy(const struct http_said *said, const struct http_field *fields, const char *from,
                 struct http_said *new_said, struct http_field *new_fields, const char *to)
{
    *new_said = *said;
    new_said->host = moved(said->host, from, to);
    new_said->length = moved(said->length, from, to);
    new_said->coding = moved(said->coding, from, to);
    for (size_t i = 0; i < said->count; i++) {
        new_fields[i] = fields[i];
        new_fields[i].name = to + (fields[i].name - from);
        new_fields[i].value = to + (fields[i].value - from);
    }
}

size_t http_memo_match(const char *text, size_t size, size_t *lines)
{
    const struct memo *memo = memos.last;
    if (!memo || memo->size == 0 || memo->size > size || memcmp(text, memo->text, memo->size) != 0)
        return 0;
    *lines = memo->said.count + 1;
    return memo->size;
}

bool http_memo_recall(char *text, size_t size, struct http_field *fields, size_t room, struct http_said *said)
{
    struct memo *memo = slot_of(size);
    if (memo->size != size || memo->said.count > room || memcmp(text, memo->text, size) != 0)
        return false;
    memcpy(text, memo->parsed, size);
    copy(&memo->said, memo->fields, memo->parsed, said, fields, text);
    memos.last = memo;
    return true;
}

void http_memo_begin(const char *text, size_t size)
{
    struct memo *memo = slot_of(size);
    memo->size = 0;
    if (size <= SIZE)
        memcpy(memo->text, text, size);
}

void http_memo_end(const char *text, size_t size, const struct http_field *fields,
                   const struct http_said *said)
{
    struct memo *memo = slot_of(size);
    if (size > SIZE || said->count > FIELDS)
        return;
    memcpy(memo->parsed, text, size);
    copy(said, fields, text, &memo->said, memo->fields, memo->parsed);
    memo->size = size;
    memos.last = memo;
}
