/* SPDX-License-Identifier: MIT */
/* The answer as a message: its header, its limits, and EDNS at its end. */
#include "dns/answer.h"
#include "dns/lookup.h"
#include <string.h>
#include <time.h>

enum { QR = 0x8000, AA = 0x0400, TC = 0x0200, RD = 0x0100, OPCODE = 0x7800 };
enum { OPT_SIZE = 11, COOKIE_OPTION = 4 + COOKIE + SERVER_COOKIE, OPTION_COOKIE = 10 };
/* An answer that is more times as long as its question may be what somebody else is to drown in. */
enum { MOST_TIMES = 3 };

static size_t edns_size(const struct question *q)
{
    return q->has_edns ? OPT_SIZE + (q->cookie_size ? COOKIE_OPTION : 0) : 0;
}

static size_t limit_of(const struct way *way, const struct question *q, size_t room)
{
    size_t limit = !way->limiter ? room : q->payload > PLAIN_SIZE ? q->payload : PLAIN_SIZE;
    if (way->limiter && limit > PAYLOAD)
        limit = PAYLOAD;
    return (limit < room ? limit : room) - edns_size(q);
}

static void put_edns(struct message *m, const struct question *q, enum rcode rcode, const uint8_t *cookies)
{
    uint8_t *at = m->data + m->size;
    memset(at, 0, OPT_SIZE);
    at[2] = TYPE_OPT;
    put16(at + 3, PAYLOAD);
    at[5] = (uint8_t)(rcode >> 4);
    at[7] = q->dnssec_ok ? 0x80 : 0;
    if (q->cookie_size) {
        at[10] = COOKIE_OPTION;
        put16(at + 11, OPTION_COOKIE);
        put16(at + 13, COOKIE + SERVER_COOKIE);
        memcpy(at + 15, cookies, COOKIE + SERVER_COOKIE);
    }
    m->size += edns_size(q);
    m->counts[ADDITIONAL]++;
}

static void put_header(const struct message *m, const struct question *q, enum rcode rcode)
{
    put16(m->data, q->id);
    put16(m->data + 2, QR | (q->flags & (OPCODE | RD)) | (m->authoritative ? AA : 0) |
                           (m->truncated ? TC : 0) | (rcode & 15U));
    put16(m->data + 4, q->size > 0);
    for (int i = 0; i < SECTIONS; i++)
        put16(m->data + 6 + 2 * i, m->counts[i]);
}

static uint64_t microseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* A long answer for an address that may be forged: without what is not needed it may be short enough; else it
   says that the question is to come by TCP, if there were many such answers for this network. */
static void shorten(struct message *m, const struct service *service, const struct way *way, size_t most)
{
    if (m->size <= most || m->truncated ||
        limiter_allows(way->limiter, &service->secret, way->origin, microseconds()))
        return;
    if (m->needed <= most) {
        m->size = m->needed;
        m->counts[ADDITIONAL] = m->needed_additional;
        return;
    }
    m->truncated = true;
}

static size_t finish(struct message *m, const struct question *q, enum rcode rcode, const uint8_t *cookies)
{
    if (m->truncated) { /* half an answer is of no use: TCP has it all */
        m->size = HEADER + (size_t)q->size;
        memset(m->counts, 0, sizeof m->counts);
    }
    if (q->has_edns)
        put_edns(m, q, rcode, cookies);
    put_header(m, q, rcode);
    return m->size;
}

size_t dns_answer(const struct service *service, const struct way *way, const uint8_t *question, size_t size,
                  uint8_t *reply, size_t room)
{
    struct question q;
    struct message m;
    uint8_t cookies[COOKIE + SERVER_COOKIE];
    enum rcode rcode = question_read(question, size, &q);
    if (rcode == NO_REPLY)
        return 0;
    m.data = reply;
    m.size = m.needed = HEADER + (size_t)q.size;
    m.limit = limit_of(way, &q, room);
    memset(m.counts, 0, sizeof m.counts);
    m.needed_additional = 0;
    m.authoritative = m.truncated = false;
    m.known_count = 0;
    memcpy(reply + HEADER, question + HEADER, q.size);
    bool proven = way->origin.size == 0;
    if (q.cookie_size && cookie_check(&service->secret, way->origin, &q, (uint32_t)time(NULL), cookies))
        proven = true;
    if (rcode == NOERROR && q.size)
        rcode = lookup(&m, service->zone, &q);
    size_t edns = edns_size(&q), most = MOST_TIMES * size;
    if (way->limiter && !proven)
        shorten(&m, service, way, most > edns ? most - edns : 0);
    return finish(&m, &q, rcode, cookies);
}
