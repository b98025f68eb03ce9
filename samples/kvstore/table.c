/* SPDX-License-Identifier: MIT */
#include "kvstore/table.h"
#include <sys/mman.h>

enum { LEAST = 512 /* buckets: a page */, SPARSE = 4 /* buckets for each entry: then two are joined */ };

/* ---------------------------------------------------------------- buckets */

static inline size_t bucket_of(const struct table *table, uint64_t hash)
{
    size_t bucket = hash & (2 * table->low - 1);
    return bucket < table->count ? bucket : hash & (table->low - 1);
}

/* The kernel moves the pages of a large array without copying them. New ones are zero. */
static bool resize(struct table *table, size_t room)
{
    size_t size = room * sizeof *table->buckets;
    void *buckets = table->buckets
                        ? mremap(table->buckets, table->room * sizeof *table->buckets, size, MREMAP_MAYMOVE)
                        : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buckets == MAP_FAILED)
        return false;
    table->buckets = buckets;
    table->room = room;
    return true;
}

static void push(struct entry **bucket, struct entry *entry)
{
    entry->next = *bucket;
    *bucket = entry;
}

/* Without memory for more buckets the chains become longer, and no more than that. */
static void split_one(struct table *table)
{
    if (table->count == table->room && !resize(table, 2 * table->room))
        return;
    struct entry **bucket = &table->buckets[table->count - table->low], *entry = *bucket, *next;
    table->buckets[table->count] = NULL;
    table->count++;
    *bucket = NULL;
    for (; entry; entry = next) {
        next = entry->next;
        push(&table->buckets[bucket_of(table, entry->hash)], entry);
    }
    if (table->count == 2 * table->low)
        table->low *= 2;
}

static void join_two(struct table *table)
{
    if (table->count == table->low)
        table->low /= 2;
    table->count--;
    struct entry *entry = table->buckets[table->count], *next;
    for (; entry; entry = next) {
        next = entry->next;
        push(&table->buckets[table->count - table->low], entry);
    }
    table->buckets[table->count] = NULL;
    if (table->count <= table->room / 4)
        (void)resize(table, table->room / 2);
}

/* ---------------------------------------------------------------- entries */

struct entry *table_find(const struct table *table, struct text key, uint64_t hash)
{
    struct entry *entry = table->used ? table->buckets[bucket_of(table, hash)] : NULL;
    while (entry && (entry->hash != hash || !text_is(entry_key(entry), key)))
        entry = entry->next;
    return entry;
}

bool table_add(struct table *table, struct entry *entry)
{
    if (!table->buckets && !resize(table, LEAST))
        return false;
    if (!table->count)
        table->count = table->low = LEAST;
    push(&table->buckets[bucket_of(table, entry->hash)], entry);
    if (++table->used > table->count)
        split_one(table);
    return true;
}

void table_remove(struct table *table, struct entry *entry)
{
    struct entry **at = &table->buckets[bucket_of(table, entry->hash)];
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    table->used--;
    for (int i = 0; i < 2 && table->count > LEAST && table->used < table->count / SPARSE; i++)
        join_two(table);
}

void table_clear(struct table *table, void (*each)(struct entry *entry))
{
    for (size_t i = 0; i < table->count; i++) {
        for (struct entry *entry = table->buckets[i], *next; entry; entry = next) {
            next = entry->next;
            each(entry);
        }
    }
    if (table->buckets)
        (void)munmap(table->buckets, table->room * sizeof *table->buckets);
    *table = (struct table){0};
}

/* ---------------------------------------------------------------- going through all */

/* The first SCAN_BITS bits from the end, read backwards. */
static uint64_t backwards(uint64_t hash)
{
    uint64_t place = __builtin_bswap64(hash);
    place = (place >> 4 & 0x0f0f0f0f0f0f0f0f) | (place & 0x0f0f0f0f0f0f0f0f) << 4;
    place = (place >> 2 & 0x3333333333333333) | (place & 0x3333333333333333) << 2;
    place = (place >> 1 & 0x5555555555555555) | (place & 0x5555555555555555) << 1;
    return place >> (64 - SCAN_BITS);
}

uint64_t table_scan(const struct table *table, uint64_t cursor,
                    void (*each)(void *argument, struct entry *entry), void *argument)
{
    const uint64_t end = (uint64_t)1 << SCAN_BITS;
    if (!table->count || cursor >= end)
        return 0;
    size_t bucket = bucket_of(table, backwards(cursor));
    bool is_split = bucket >= table->low || bucket < table->count - table->low;
    uint64_t interval = end / (is_split ? 2 * table->low : table->low);
    for (struct entry *entry = table->buckets[bucket]; entry; entry = entry->next)
        if (backwards(entry->hash) >= cursor)
            each(argument, entry);
    uint64_t next = (cursor / interval + 1) * interval;
    return next < end ? next : 0;
}
