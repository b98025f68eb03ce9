/* SPDX-License-Identifier: MIT */
/* SipHash-2-4 with 128 bits (Aumasson and Bernstein): who does not know the key can neither find a text for a
   hash nor two texts with one. Pure functions. */
#ifndef ACCESS_KEYED_HASH_H
#define ACCESS_KEYED_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_key {
    uint64_t low, high;
};
struct http_tag {
    uint64_t low, high;
};

struct http_tag http_keyed_hash(const struct http_key *key, const void *data, size_t size);

/* Takes the same time for all tags. */
static inline bool http_is_same_tag(struct http_tag a, struct http_tag b)
{
    return ((a.low ^ b.low) | (a.high ^ b.high)) == 0;
}

#endif
