/* SPDX-License-Identifier: MIT */
/* A hash table that never stops to grow: with each key that is too many one bucket is split in two (linear
   hashing), and where many were deleted, two are joined. There is one table at any time, and no pause. */
#ifndef KVSTORE_TABLE_H
#define KVSTORE_TABLE_H

#include "kvstore/text.h"

struct entry {
    struct entry *next;
    struct value *value;
    uint64_t hash;
    uint32_t timer; /* its place among those that expire; 0: it does not */
    uint32_t key_size;
    char key[];
};

struct table {
    struct entry **buckets;
    size_t count; /* buckets in use */
    size_t
        low; /* the power of two that is not more than that: buckets count - low and on are yet to be split */
    size_t room; /* buckets for which there is memory */
    size_t used; /* entries */
};

static inline struct text entry_key(const struct entry *entry)
{
    return (struct text){entry->key, entry->key_size};
}

/* NULL: there is none of this key. */
struct entry *table_find(const struct table *table, struct text key, uint64_t hash);
/* Puts in an entry whose key is not there. False: there is no memory. */
bool table_add(struct table *table, struct entry *entry);
/* Takes an entry out that is there. */
void table_remove(struct table *table, struct entry *entry);
/* Calls `each` for all entries, which it may free, and frees the table. */
void table_clear(struct table *table, void (*each)(struct entry *entry));

/* Goes through a table in small steps, whatever is added, deleted, split and joined between two of them.
   Entries are in the order of their hashes' last bits read backwards: in this order a bucket is an interval,
   and its halves are those that it is split into. The cursor is a place in this order, 0 at the beginning. So
   what is there all the time is met, and just once. Calls `each` for the entries of one bucket; it must not
   change the table. Returns the next cursor, 0 at the end. */
uint64_t table_scan(const struct table *table, uint64_t cursor,
                    void (*each)(void *argument, struct entry *entry), void *argument);

enum { SCAN_BITS = 48 }; /* of a cursor: programs in which numbers are doubles read it, too */

#endif
