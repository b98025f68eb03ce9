/* SPDX-License-Identifier: MIT */
/* Anybody can write another one's address into a datagram. A server that would answer with much makes sure
   first that who asks gets what is sent to his address: it sends him a number that he has to repeat, and that
   only the server can make (SipHash-2-4 of his address, with a key of its own). It keeps nothing for that. */
#ifndef ADDRESS_COOKIE_H
#define ADDRESS_COOKIE_H

#include "socketserver.h"
#include <string.h>
#include <sys/random.h>

enum { COOKIE_PERIOD = 60000 /* ms; a cookie is good until the end of the next one */ };

struct cookie_key {
    uint64_t words[2];
};

/* False: the system has no random numbers. */
static inline bool cookie_key_make(struct cookie_key *key)
{
    return getrandom(key, sizeof *key, 0) == sizeof *key;
}

static inline uint64_t cookie_rotated(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void cookie_rounds(uint64_t v[4], int count)
{
    while (count-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = cookie_rotated(v[1], 13) ^ v[0];
        v[3] = cookie_rotated(v[3], 16) ^ v[2];
        v[0] = cookie_rotated(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = cookie_rotated(v[1], 17) ^ v[2];
        v[3] = cookie_rotated(v[3], 21) ^ v[0];
        v[2] = cookie_rotated(v[2], 32);
    }
}

/* SipHash-2-4 of so many words. */
static inline uint64_t cookie_hash(const struct cookie_key *key, const uint64_t *words, size_t count)
{
    uint64_t k0 = key->words[0], k1 = key->words[1], last = (uint64_t)count * 8 << 56;
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                     k1 ^ 0x7465646279746573};
    for (size_t i = 0; i <= count; i++) {
        uint64_t word = i < count ? words[i] : last;
        v[3] ^= word;
        cookie_rounds(v, 2);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    cookie_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* That of a client in a period; never 0, which is what a client sends who has none yet. */
static inline uint64_t cookie_of(const struct cookie_key *key, const struct ss_address *client,
                                 uint64_t period)
{
    uint64_t words[4] = {0, 0, ss_address_port(client), period};
    if (client->u.any.sa_family == AF_INET) {
        words[0] = client->u.in.sin_addr.s_addr;
    } else if (client->u.any.sa_family == AF_INET6) {
        memcpy(words, &client->u.in6.sin6_addr, sizeof client->u.in6.sin6_addr);
        words[2] |= (uint64_t)client->u.in6.sin6_scope_id << 32 | 1 << 16;
    }
    return cookie_hash(key, words, 4) | 1;
}

/* `now` is in ms. */
static inline bool cookie_is_right(const struct cookie_key *key, const struct ss_address *client,
                                   uint64_t now, uint64_t cookie)
{
    uint64_t period = now / COOKIE_PERIOD;
    return cookie == cookie_of(key, client, period) ||
           (period > 0 && cookie == cookie_of(key, client, period - 1));
}

/* Two addresses of the same machine, and of the same program there if `with_port`. */
static inline bool address_is_same(const struct ss_address *a, const struct ss_address *b, bool with_port)
{
    if (a->u.any.sa_family != b->u.any.sa_family || (with_port && ss_address_port(a) != ss_address_port(b)))
        return false;
    if (a->u.any.sa_family == AF_INET)
        return a->u.in.sin_addr.s_addr == b->u.in.sin_addr.s_addr;
    return memcmp(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr, sizeof a->u.in6.sin6_addr) == 0 &&
           a->u.in6.sin6_scope_id == b->u.in6.sin6_scope_id;
}

#endif
