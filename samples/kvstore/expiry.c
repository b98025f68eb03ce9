/* SPDX-License-Identifier: MIT */
#include "kvstore/expiry.h"
#include <stdlib.h>

enum { LEAST = 64 };

bool expiry_reserve(struct expiry *expiry)
{
    if (expiry->count + 1 < expiry->room)
        return true;
    uint32_t room = expiry->room ? 2 * expiry->room : LEAST;
    struct due *heap = room ? realloc(expiry->heap, room * sizeof *heap) : NULL;
    if (!heap)
        return false;
    expiry->heap = heap;
    expiry->room = room;
    return true;
}

static void put(struct expiry *expiry, uint32_t place, struct due due)
{
    expiry->heap[place] = due;
    due.entry->timer = place;
}

/* Moves what is in a place up or down to where it belongs. */
static void settle(struct expiry *expiry, uint32_t place)
{
    struct due *heap = expiry->heap, due = heap[place];
    for (; place > 1 && heap[place / 2].when > due.when; place /= 2)
        put(expiry, place, heap[place / 2]);
    for (uint32_t child; place <= expiry->count / 2; place = child) {
        child = 2 * place;
        if (child < expiry->count && heap[child + 1].when < heap[child].when)
            child++;
        if (heap[child].when >= due.when)
            break;
        put(expiry, place, heap[child]);
    }
    put(expiry, place, due);
}

void expiry_set(struct expiry *expiry, struct entry *entry, int64_t when)
{
    if (!entry->timer)
        put(expiry, ++expiry->count, (struct due){when, entry});
    expiry->heap[entry->timer].when = when;
    settle(expiry, entry->timer);
}

void expiry_unset(struct expiry *expiry, struct entry *entry)
{
    uint32_t place = entry->timer;
    if (!place)
        return;
    entry->timer = 0;
    struct due last = expiry->heap[expiry->count--];
    if (last.entry == entry)
        return;
    put(expiry, place, last);
    settle(expiry, place);
}

struct entry *expiry_due(const struct expiry *expiry, int64_t now)
{
    return expiry->count && expiry->heap[1].when <= now ? expiry->heap[1].entry : NULL;
}
