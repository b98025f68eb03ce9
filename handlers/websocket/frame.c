/* SPDX-License-Identifier: MIT */
#include "websocket/frame.h"
#include <errno.h>
#include <string.h>

enum { SIZE16 = 126, SIZE64 = 127 }; /* in the second byte: the size is in the 2, or 8, that follow */

static uint64_t read_big_endian(const unsigned char *data, int size)
{
    uint64_t n = 0;
    for (int i = 0; i < size; i++)
        n = n << 8 | data[i];
    return n;
}

int ws_head_read(const char *data, size_t there, struct ws_head *head)
{
    const unsigned char *bytes = (const unsigned char *)data;
    if (there < 2)
        return 2;
    unsigned length = bytes[1] & ~(unsigned)WS_MASK;
    bool masked = bytes[1] & WS_MASK;
    int more = length == SIZE64 ? 8 : length == SIZE16 ? 2 : 0, size = 2 + more + (masked ? WS_KEY : 0);
    if (there < (size_t)size)
        return size;
    uint64_t n = more ? read_big_endian(bytes + 2, more) : length;
    if ((more == 2 && n < SIZE16) || (more == 8 && (n <= UINT16_MAX || n > INT64_MAX)))
        return -EPROTO;
    *head = (struct ws_head){.first = bytes[0], .masked = masked, .size = n};
    if (masked)
        memcpy(head->key, bytes + 2 + more, WS_KEY);
    return size;
}

size_t ws_head_write(char head[WS_MAX_HEAD], unsigned first, uint64_t size, const unsigned char *key)
{
    int more = size > UINT16_MAX ? 8 : size >= SIZE16 ? 2 : 0;
    head[0] = (char)first;
    head[1] = (char)((more == 8 ? SIZE64 : more == 2 ? SIZE16 : (unsigned)size) | (key ? WS_MASK : 0));
    for (int i = 0; i < more; i++)
        head[2 + i] = (char)(size >> 8 * (more - 1 - i));
    if (key)
        memcpy(head + 2 + more, key, WS_KEY);
    return 2 + (size_t)more + (key ? WS_KEY : 0);
}

/* Each step reads its words before it writes them, so they may overlap. */
void ws_mask(char *to, const char *from, size_t size, const unsigned char key[WS_KEY], uint64_t at)
{
    unsigned char turned[8];
    uint64_t mask, word[4];
    for (unsigned i = 0; i < sizeof turned; i++)
        turned[i] = key[(at + i) % WS_KEY];
    memcpy(&mask, turned, sizeof mask);
    for (; size >= sizeof word; size -= sizeof word, to += sizeof word, from += sizeof word) {
        memcpy(word, from, sizeof word);
        for (int i = 0; i < 4; i++)
            word[i] ^= mask;
        memcpy(to, word, sizeof word);
    }
    for (size_t i = 0; i < size; i++)
        to[i] = (char)(from[i] ^ turned[i % sizeof turned]);
}
