/* SPDX-License-Identifier: MIT */
/* Who has shown that he gets what is sent to his address, and how much others get (RFC 7873, RFC 9018). */
#ifndef DNS_COOKIE_H
#define DNS_COOKIE_H

#include "dns/message.h"
#include <stdatomic.h>

struct secret {
    uint8_t key[16];
};

/* A new one. False: the system has no random numbers. */
bool secret_make(struct secret *secret);

/* SipHash-2-4. */
uint64_t keyed_hash(const struct secret *secret, const void *data, size_t size);

/* Where a question comes from: an address, or nothing (size 0), where nobody can forge it. */
struct origin {
    const uint8_t *address;
    size_t size;
};

/* Puts the cookies that go into the answer to `q` into `cookies`, COOKIE + SERVER_COOKIE bytes. True when the
   client has sent one that it got from us. `now` is in seconds. */
bool cookie_check(const struct secret *secret, struct origin origin, const struct question *q, uint32_t now,
                  uint8_t *cookies);

/* Long answers to addresses that anybody may have forged: so many a second to each network (a /24 of IPv4, a
   /56 of IPv6), and as many at once. Networks that share a place in the table share that number, too. */
enum { LONG_ANSWERS = 100, PLACES = 65536 };
struct limiter {
    _Atomic uint64_t due[PLACES]; /* microseconds at which the number is back */
};

/* May one more leave? All threads and processes may ask at the same time. `now` is in microseconds. */
bool limiter_allows(struct limiter *limiter, const struct secret *secret, struct origin origin, uint64_t now);

#endif
