/* SPDX-License-Identifier: MIT */
/* Reads answers of samples/dns, and shares no line with it: what is accepted is what RFC 1035 allows. */
#ifndef FUZZ_DNS_REPLY_H
#define FUZZ_DNS_REPLY_H

#include "dns/answer.h"
#include "fuzz.h"

struct reply {
    const uint8_t *data;
    size_t size;
};

static inline unsigned reply_16(struct reply r, size_t at)
{
    REQUIRE(at + 2 <= r.size);
    return r.data[at] << 8 | r.data[at + 1];
}

/* The place behind a name. A pointer leads backwards only. */
static inline size_t reply_name(struct reply r, size_t at)
{
    size_t end = 0, length = 1, before = at;
    for (;;) {
        REQUIRE(at < r.size);
        unsigned label = r.data[at];
        if (label >= 0xc0) {
            unsigned to = reply_16(r, at) & 0x3fff;
            REQUIRE(to >= 12 && to < before);
            end = end ? end : at + 2;
            at = before = to;
        } else if (label == 0) {
            return end ? end : at + 1;
        } else {
            REQUIRE(label <= 63 && (length += label + 1) <= 255);
            at += label + 1;
        }
    }
}

/* Types whose data may have compressed names, and how many bytes stand before and behind them. */
static inline void reply_data(struct reply r, unsigned type, size_t at, size_t end)
{
    if (type == 2 || type == 5 || type == 12) {
        REQUIRE(reply_name(r, at) == end);
    } else if (type == 15) {
        REQUIRE(reply_name(r, at + 2) == end);
    } else if (type == 33) {
        REQUIRE(reply_name(r, at + 6) == end);
    } else if (type == 6) {
        REQUIRE(reply_name(r, reply_name(r, at)) + 20 == end);
    } else if (type == 1) {
        REQUIRE(end - at == 4);
    } else if (type == 28) {
        REQUIRE(end - at == 16);
    }
}

/* The place behind a record. */
static inline size_t reply_record(struct reply r, size_t at)
{
    at = reply_name(r, at);
    unsigned type = reply_16(r, at);
    size_t end = at + 10 + reply_16(r, at + 8);
    REQUIRE(end <= r.size);
    REQUIRE(type == 41 || (reply_16(r, at + 2) == 1 && r.data[at + 4] < 0x80));
    reply_data(r, type, at + 10, end);
    return end;
}

/* An answer to this message. */
static inline void reply_check(struct reply r, const uint8_t *message, size_t size)
{
    REQUIRE(r.size >= 12 && size >= 12);
    REQUIRE(memcmp(r.data, message, 2) == 0);
    REQUIRE((r.data[2] & 0xf8) == (0x80 | (message[2] & 0x78)) && (r.data[3] & 0xf0) == 0);
    REQUIRE(reply_16(r, 4) <= 1);
    size_t at = 12;
    unsigned records = reply_16(r, 6) + reply_16(r, 8) + reply_16(r, 10);
    if (reply_16(r, 4)) {
        at = reply_name(r, at) + 4;
        REQUIRE(at <= r.size && memcmp(r.data + 12, message + 12, at - 12) == 0);
    }
    if (r.data[2] & 2) {
        REQUIRE(records == reply_16(r, 10) && records <= 1);
    }
    for (; records > 0; records--)
        at = reply_record(r, at);
    REQUIRE(at == r.size);
}

#endif
