/* SPDX-License-Identifier: MIT */
/* Small things: bytes with their number, buffers that grow, numbers as text, patterns. */
#ifndef KVSTORE_TEXT_H
#define KVSTORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
    const char *data;
    size_t size;
};
#define TEXT(literal) ((struct text){literal, sizeof(literal) - 1})

static inline bool text_is(struct text a, struct text b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* In upper or lower case; `word` is in lower case. */
bool text_is_word(struct text a, const char *word);

enum { NUMBER_TEXT = 21 }; /* bytes that hold any 64-bit number */

/* Writes a number, without a NUL; returns how many bytes that took. */
size_t number_write(char *out, int64_t number);
/* Reads a number as number_write writes it: no spaces, no plus, no leading zeros. False: it is none. */
bool number_read(struct text text, int64_t *number);

/* Do the bytes match a pattern with * ? [a-z] [^a] and backslashes? */
bool glob_matches(struct text pattern, struct text text);

/* Seeds hash_bytes anew with numbers that nobody can guess. 0 or -errno. */
int hash_seed(void);
/* SipHash-1-3: who does not know the seed cannot make keys that collide. */
uint64_t hash_bytes(const void *data, size_t size);
/* Another one of the same bytes. */
uint64_t hash_bytes_again(const void *data, size_t size);

/* Memory that grows. All zero: empty. */
struct buffer {
    char *data;
    size_t size, room;
};

/* False, and the buffer as it was: there is no memory. */
bool buffer_reserve(struct buffer *buffer, size_t more);
bool buffer_add(struct buffer *buffer, const void *data, size_t size);
void buffer_free(struct buffer *buffer);
/* Adds a command in RESP: "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n". */
bool buffer_add_command(struct buffer *buffer, unsigned count, const struct text *args);

#endif
