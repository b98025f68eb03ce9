/* SPDX-License-Identifier: MIT */
#include "kvstore/text.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/random.h>

bool text_is_word(struct text a, const char *word)
{
    return strlen(word) == a.size && strncasecmp(a.data, word, a.size) == 0;
}

/* ---------------------------------------------------------------- numbers */

size_t number_write(char *out, int64_t number)
{
    char digits[NUMBER_TEXT];
    size_t count = 0;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do
        digits[count++] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0)
        digits[count++] = '-';
    for (size_t i = 0; i < count; i++)
        out[i] = digits[count - 1 - i];
    return count;
}

bool number_read(struct text text, int64_t *number)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    uint64_t value = 0, most = (uint64_t)INT64_MAX + negative;
    const char *at = text.data + negative, *end = text.data + text.size;
    if (at == end || text.size >= NUMBER_TEXT || (*at == '0' && text.size > 1))
        return false;
    for (; at < end; at++) {
        unsigned digit = (unsigned char)*at - '0';
        if (digit > 9 || value > (most - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *number = (int64_t)(negative ? 0 - value : value);
    return true;
}

/* ---------------------------------------------------------------- patterns */

/* Is the byte in the set that begins at *at, behind its '['? Moves *at on to its last byte. */
static bool is_in_set(const char **at, const char *end, unsigned char byte)
{
    const char *c = *at;
    bool negated = c < end && *c == '^', found = false;
    for (c += negated; c < end && *c != ']'; c++) {
        if (*c == '\\' && end - c > 1)
            c++;
        unsigned char from = (unsigned char)*c, to = from;
        if (end - c > 2 && c[1] == '-') {
            to = (unsigned char)c[2];
            c += 2;
        }
        found |= from <= to ? byte >= from && byte <= to : byte >= to && byte <= from;
    }
    *at = c < end ? c : end - 1; /* a set without an end goes to the end of the pattern */
    return found != negated;
}

/* Does one byte match the pattern at *at, which is not '*'? Moves *at behind it. */
static bool matches_one(const char **at, const char *end, char byte)
{
    const char *c = *at;
    bool found;
    if (*c == '[') {
        c++;
        found = is_in_set(&c, end, (unsigned char)byte);
    } else {
        found = *c == '?';
        if (*c == '\\' && end - c > 1)
            c++;
        else if (found)
            goto out;
        found = *c == byte;
    }
out:
    *at = c + 1;
    return found;
}

/* After a mismatch only the last '*' can have been too short: so this takes no more than the product of the
 * sizes. */
bool glob_matches(struct text pattern, struct text text)
{
    const char *p = pattern.data, *p_end = p + pattern.size, *t = text.data, *t_end = t + text.size;
    const char *star = NULL, *from = NULL;
    while (t < t_end) {
        if (p < p_end && *p == '*') {
            star = ++p;
            from = t;
        } else if (p < p_end && matches_one(&p, p_end, *t)) {
            t++;
        } else if (star) {
            p = star;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < p_end && *p == '*')
        p++;
    return p == p_end;
}

/* ---------------------------------------------------------------- hashes */

static uint64_t seeds[4];

int hash_seed(void)
{
    return getrandom(seeds, sizeof seeds, 0) == (ssize_t)sizeof seeds ? 0 : -EIO;
}

#define ROTATE(x, by) ((x) << (by) | (x) >> (64 - (by)))
/* Its arguments are names of variables. NOLINTBEGIN(bugprone-macro-parentheses) */
#define ROUND(a, b, c, d)                                 \
    do {                                                  \
        a += b, b = ROTATE(b, 13) ^ a, a = ROTATE(a, 32); \
        c += d, d = ROTATE(d, 16) ^ c;                    \
        a += d, d = ROTATE(d, 21) ^ a;                    \
        c += b, b = ROTATE(b, 17) ^ c, c = ROTATE(c, 32); \
    } while (0)
/* NOLINTEND(bugprone-macro-parentheses) */

static inline uint64_t load(const unsigned char *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The last ones, up to seven. */
static inline uint64_t load_rest(const unsigned char *at, size_t size)
{
    uint64_t word = 0;
    while (size-- > 0)
        word = word << 8 | at[size];
    return word;
}

static uint64_t siphash(const uint64_t key[2], const void *data, size_t size)
{
    uint64_t a = key[0] ^ 0x736f6d6570736575, b = key[1] ^ 0x646f72616e646f6d;
    uint64_t c = key[0] ^ 0x6c7967656e657261, d = key[1] ^ 0x7465646279746573, word;
    const unsigned char *at = data, *last = at + size / 8 * 8;
    for (; at < last; at += 8) {
        word = load(at);
        d ^= word;
        ROUND(a, b, c, d);
        a ^= word;
    }
    word = (uint64_t)size << 56 | load_rest(at, size % 8);
    d ^= word;
    ROUND(a, b, c, d);
    a ^= word;
    c ^= 0xff;
    ROUND(a, b, c, d);
    ROUND(a, b, c, d);
    ROUND(a, b, c, d);
    return a ^ b ^ c ^ d;
}

uint64_t hash_bytes(const void *data, size_t size)
{
    return siphash(seeds, data, size);
}

uint64_t hash_bytes_again(const void *data, size_t size)
{
    return siphash(seeds + 2, data, size);
}

/* ---------------------------------------------------------------- buffers */

bool buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t room = buffer->room ? buffer->room : 256;
    while (room - buffer->size < more)
        room *= 2;
    if (room == buffer->room)
        return true;
    char *data = realloc(buffer->data, room);
    if (!data)
        return false;
    buffer->data = data;
    buffer->room = room;
    return true;
}

bool buffer_add(struct buffer *buffer, const void *data, size_t size)
{
    if (!buffer_reserve(buffer, size))
        return false;
    if (size)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    return true;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

/* "$3\r\n": there is room for it. */
static void add_number(struct buffer *buffer, char kind, size_t number)
{
    buffer->data[buffer->size++] = kind;
    buffer->size += number_write(buffer->data + buffer->size, (int64_t)number);
    memcpy(buffer->data + buffer->size, "\r\n", 2);
    buffer->size += 2;
}

bool buffer_add_command(struct buffer *buffer, unsigned count, const struct text *args)
{
    enum { FRAME = NUMBER_TEXT + 5 };
    size_t size = FRAME;
    for (unsigned i = 0; i < count; i++)
        size += FRAME + args[i].size;
    if (!buffer_reserve(buffer, size))
        return false;
    add_number(buffer, '*', count);
    for (unsigned i = 0; i < count; i++) {
        add_number(buffer, '$', args[i].size);
        (void)buffer_add(buffer, args[i].data, args[i].size);
        (void)buffer_add(buffer, "\r\n", 2);
    }
    return true;
}
