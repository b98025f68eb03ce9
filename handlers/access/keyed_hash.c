/* SPDX-License-Identifier: MIT */
#include "access/keyed_hash.h"

enum { ROUNDS = 2, LAST_ROUNDS = 4 };

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_rounds(struct sip *s, int rounds)
{
    while (rounds-- > 0) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 = rotate(s->v0, 32) + s->v3;
        s->v2 += s->v1;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v2 = rotate(s->v2, 32);
    }
}

static void mix_in(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_rounds(s, ROUNDS);
    s->v0 ^= word;
}

/* Up to eight bytes as a number, the first one its lowest. */
static uint64_t read_bytes(const unsigned char *data, size_t size)
{
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++)
        word |= (uint64_t)data[i] << (8 * i);
    return word;
}

struct http_tag http_keyed_hash(const struct http_key *key, const void *data, size_t size)
{
    const unsigned char *at = data;
    struct http_tag tag;
    struct sip s = {0x736f6d6570736575 ^ key->low, 0x646f72616e646f6d ^ key->high ^ 0xee,
                    0x6c7967656e657261 ^ key->low, 0x7465646279746573 ^ key->high};
    size_t whole = size / 8 * 8;
    for (size_t i = 0; i < whole; i += 8)
        mix_in(&s, read_bytes(at + i, 8));
    mix_in(&s, (uint64_t)size << 56 | read_bytes(at + whole, size - whole));
    s.v2 ^= 0xee;
    sip_rounds(&s, LAST_ROUNDS);
    tag.low = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
    s.v1 ^= 0xdd;
    sip_rounds(&s, LAST_ROUNDS);
    tag.high = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
    return tag;
}
