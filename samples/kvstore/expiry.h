/* SPDX-License-Identifier: MIT */
/* Which entry expires next: a heap. */
#ifndef KVSTORE_EXPIRY_H
#define KVSTORE_EXPIRY_H

#include "kvstore/table.h"

struct due {
    int64_t when; /* ms, wall clock */
    struct entry *entry;
};

struct expiry {
    struct due *heap; /* from 1 on */
    uint32_t count, room;
};

/* Makes room for one more, so that expiry_set cannot fail. False: there is no memory. */
bool expiry_reserve(struct expiry *expiry);
/* The entry expires at this time, which may be another one than before. */
void expiry_set(struct expiry *expiry, struct entry *entry, int64_t when);
/* It does not expire. Harmless for one that did not. */
void expiry_unset(struct expiry *expiry, struct entry *entry);
/* When it expires; 0: never. */
static inline int64_t expiry_of(const struct expiry *expiry, const struct entry *entry)
{
    return entry->timer ? expiry->heap[entry->timer].when : 0;
}
/* The entry that is due next, NULL: none is by `now`. */
struct entry *expiry_due(const struct expiry *expiry, int64_t now);

#endif
