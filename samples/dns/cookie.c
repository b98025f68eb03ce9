/* SPDX-License-Identifier: MIT */
/* Cookies and the limit for those who have none. */
#include "dns/cookie.h"
#include <string.h>
#include <sys/random.h>

enum { OLDEST = 3600, FRESH = 1800, NEWEST = 300 /* seconds: RFC 9018 4.3 */, HASHED = 16 };

bool secret_make(struct secret *secret)
{
    return getrandom(secret->key, sizeof secret->key, 0) == sizeof secret->key;
}

/* ---------------------------------------------------------------- SipHash */

static uint64_t word_of(const uint8_t *bytes, size_t size)
{
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++)
        word |= (uint64_t)bytes[i] << 8 * i;
    return word;
}

static uint64_t rotated(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static void rounds(uint64_t v[4], int count)
{
    while (count-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotated(v[1], 13) ^ v[0];
        v[3] = rotated(v[3], 16) ^ v[2];
        v[0] = rotated(v[0], 32) + v[3];
        v[2] += v[1];
        v[3] = rotated(v[3], 21) ^ v[0];
        v[1] = rotated(v[1], 17) ^ v[2];
        v[2] = rotated(v[2], 32);
    }
}

uint64_t keyed_hash(const struct secret *secret, const void *data, size_t size)
{
    const uint8_t *at = data;
    uint64_t k0 = word_of(secret->key, 8), k1 = word_of(secret->key + 8, 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                     k1 ^ 0x7465646279746573};
    uint64_t last = (uint64_t)size << 56;
    for (; size >= 8; size -= 8, at += 8) {
        uint64_t word = word_of(at, 8);
        v[3] ^= word;
        rounds(v, 2);
        v[0] ^= word;
    }
    last |= word_of(at, size);
    v[3] ^= last;
    rounds(v, 2);
    v[0] ^= last;
    v[2] ^= 0xff;
    rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---------------------------------------------------------------- cookies */

/* The client's cookie, what stands before the hash, the address. */
static uint64_t hash_of(const struct secret *secret, struct origin origin, const uint8_t *cookies)
{
    uint8_t text[HASHED + 16];
    memcpy(text, cookies, HASHED);
    if (origin.size)
        memcpy(text + HASHED, origin.address, origin.size);
    return keyed_hash(secret, text, HASHED + origin.size);
}

static void make_cookie(const struct secret *secret, struct origin origin, uint32_t now, uint8_t *cookies)
{
    const uint8_t version[4] = {1};
    memcpy(cookies + COOKIE, version, 4);
    put16(cookies + COOKIE + 4, now >> 16);
    put16(cookies + COOKIE + 6, now & 0xffff);
    uint64_t hash = hash_of(secret, origin, cookies);
    for (int i = 0; i < 8; i++)
        cookies[HASHED + i] = (uint8_t)(hash >> 8 * i);
}

bool cookie_check(const struct secret *secret, struct origin origin, const struct question *q, uint32_t now,
                  uint8_t *cookies)
{
    bool is_ours = false, is_fresh = false;
    memcpy(cookies, q->cookie, COOKIE);
    if (q->cookie_size == COOKIE + SERVER_COOKIE && q->cookie[COOKIE] == 1) {
        const uint8_t *time = q->cookie + COOKIE + 4;
        int32_t age = (int32_t)(now - ((uint32_t)get16(time) << 16 | get16(time + 2)));
        is_ours = age >= -NEWEST && age <= OLDEST &&
                  hash_of(secret, origin, q->cookie) == word_of(q->cookie + HASHED, 8);
        is_fresh = is_ours && age <= FRESH;
    }
    if (is_fresh)
        memcpy(cookies + COOKIE, q->cookie + COOKIE, SERVER_COOKIE);
    else
        make_cookie(secret, origin, now, cookies);
    return is_ours;
}

/* ---------------------------------------------------------------- the limit */

bool limiter_allows(struct limiter *limiter, const struct secret *secret, struct origin origin, uint64_t now)
{
    enum { SECOND = 1000000, INTERVAL = SECOND / LONG_ANSWERS };
    uint64_t hash = keyed_hash(secret, origin.address, origin.size == 4 ? 3 : 7);
    _Atomic uint64_t *due = &limiter->due[hash % PLACES];
    uint64_t before = atomic_load_explicit(due, memory_order_relaxed), after;
    do {
        after = (before > now ? before : now) + INTERVAL;
        if (after > now + SECOND)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(due, &before, after, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}
