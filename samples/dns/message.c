/* SPDX-License-Identifier: MIT */
/* Writing records, with names compressed as far as they are in the message already (RFC 1035 4.1.4). */
#include "dns/message.h"
#include <string.h>

enum { POINTER = 0xc000, FARTHEST = 0x3fff };

void message_knows(struct message *m, const struct name *name, size_t at)
{
    if (m->known_count < sizeof m->known / sizeof *m->known && at <= FARTHEST) {
        m->known[m->known_count].name = name;
        m->known[m->known_count++].at = (uint16_t)at;
    }
}

static unsigned place_of(const struct message *m, const struct name *name)
{
    for (unsigned i = 0; i < m->known_count; i++)
        if (m->known[i].name == name)
            return m->known[i].at;
    return 0;
}

static bool put_bytes(struct message *m, const void *bytes, size_t size)
{
    if (size > m->limit - m->size)
        return false;
    memcpy(m->data + m->size, bytes, size);
    m->size += size;
    return true;
}

static bool put_two(struct message *m, unsigned value)
{
    uint8_t bytes[2];
    put16(bytes, value);
    return put_bytes(m, bytes, 2);
}

static bool put_name(struct message *m, const struct name *name)
{
    for (; name->parent; name = name->parent) {
        unsigned at = place_of(m, name);
        if (at)
            return put_two(m, POINTER | at);
        message_knows(m, name, m->size);
        if (!put_bytes(m, name->label, name->label[0] + 1u))
            return false;
    }
    return put_bytes(m, "", 1);
}

static bool put_data(struct message *m, const struct record *record)
{
    size_t begin = m->size;
    bool good = put_two(m, 0) && put_bytes(m, record->data, record->before);
    for (int i = 0; i < 2 && good && record->names[i]; i++)
        good = put_name(m, record->names[i]);
    if (!good || !put_bytes(m, record->data + record->before, record->after))
        return false;
    put16(m->data + begin, (unsigned)(m->size - begin - 2));
    return true;
}

static bool put_record(struct message *m, const struct name *owner, const struct rrset *set, uint32_t ttl,
                       const struct record *record)
{
    uint8_t fixed[8];
    put16(fixed, set->type);
    put16(fixed + 2, CLASS_IN);
    put16(fixed + 4, ttl >> 16);
    put16(fixed + 6, ttl & 0xffff);
    return (owner ? put_name(m, owner) : put_two(m, POINTER | HEADER)) && put_bytes(m, fixed, sizeof fixed) &&
           put_data(m, record);
}

bool message_add(struct message *m, enum section section, const struct name *owner, const struct rrset *set,
                 uint32_t ttl)
{
    size_t size = m->size;
    unsigned known = m->known_count;
    for (const struct record *r = set->first; r; r = r->next)
        if (!put_record(m, owner, set, ttl, r)) {
            m->size = size;
            m->known_count = known;
            return false;
        }
    m->counts[section] = (uint16_t)(m->counts[section] + set->count);
    return true;
}
