/* SPDX-License-Identifier: MIT */
/* Messages (RFC 1035 4, RFC 6891): reading a question, writing an answer. */
#ifndef DNS_MESSAGE_H
#define DNS_MESSAGE_H

#include "dns/zone.h"

enum {
    HEADER = 12,      /* bytes */
    PLAIN_SIZE = 512, /* bytes of a datagram for who does not say more */
    PAYLOAD = 1232,   /* bytes of a datagram that goes through nearly every network in one piece */
    COOKIE = 8,       /* bytes of a client's cookie; a server's is behind it: */
    SERVER_COOKIE = 16,
    LONGEST_COOKIE = 40,
};

enum rcode {
    NO_REPLY = -1, /* not one of the protocol's: silence */
    NOERROR = 0,
    FORMERR = 1,
    NXDOMAIN = 3,
    NOTIMP = 4,
    REFUSED = 5,
    BADVERS = 16,
};

struct question {
    uint16_t id, flags, type, cls;
    uint16_t size;             /* of the question section, which begins behind the header; 0: there is none */
    uint8_t labels, name_size; /* without and with the root's */
    uint8_t offsets[MOST_LABELS + 1]; /* where each label begins in the name */
    uint8_t name[LONGEST_NAME];       /* in lower case */
    bool has_edns, dnssec_ok;
    uint8_t version;
    uint16_t payload;
    const uint8_t *cookie; /* in the message */
    size_t cookie_size;    /* 0: none; else at least COOKIE */
};

/* Reads a message. What is in `q` is right as far as it goes, also for an error. */
enum rcode question_read(const uint8_t *message, size_t size, struct question *q);

enum section { ANSWER, AUTHORITY, ADDITIONAL, SECTIONS };

/* An answer as it grows. Nothing is allocated. */
struct message {
    uint8_t *data;
    size_t size, limit;
    size_t needed; /* bytes without what may be left out */
    uint16_t counts[SECTIONS], needed_additional;
    bool authoritative, truncated;
    unsigned known_count;
    struct { /* names that are there already, and can be pointed at */
        const struct name *name;
        uint16_t at;
    } known[64];
};

static inline uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* Remembers that the name stands at this place of the message. */
void message_knows(struct message *m, const struct name *name, size_t at);

/* Adds all records of a set, or none, and then returns false. `owner` NULL: that of the question. */
bool message_add(struct message *m, enum section section, const struct name *owner, const struct rrset *set,
                 uint32_t ttl);

#endif
