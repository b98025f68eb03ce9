/* SPDX-License-Identifier: MIT */
/* The data: keys and values in the memory of one process, and one lock. Whoever holds the lock never waits
   for anything else than memory. */
#ifndef KVSTORE_DB_H
#define KVSTORE_DB_H

#include "kvstore/expiry.h"
#include "kvstore/table.h"
#include "kvstore/value.h"
#include <stdint.h>

enum { MEMORY_SHARE = 2 /* one part of so many of the machine's memory (or of ulimit -d) is for the data */ };

/* Makes the store. 0 or -errno. */
int db_open(void);
/* Frees it all. */
void db_close(void);

void db_lock(void);
void db_unlock(void);

/* What follows is for who has the lock. */

/* Until it is told otherwise, nothing expires: what the log says is applied as if it were then. */
void db_set_loading(bool loading);

/* NULL: there is none. */
struct entry *db_find(struct text key, uint64_t hash);
/* Gives a key, of which `entry` is the entry if it has one, a copy of these bytes. `when` is when it expires;
   0: never. Returns the entry, or NULL, and nothing has changed: there is no memory. */
struct entry *db_set(struct entry *entry, struct text key, uint64_t hash, struct text data, int64_t when);
/* Writes bytes into a value from `offset` on; it gets longer, and zero where nothing was written. False:
   there is no memory. */
bool db_write(struct entry *entry, size_t offset, struct text data);
void db_delete(struct entry *entry);
/* False: there is no memory. 0: never. */
bool db_expire(struct entry *entry, int64_t when);
int64_t db_expiry(const struct entry *entry);
/* Deletes all. db_sweep frees it, without the lock. */
void db_flush(void);
void db_sweep(void);

/* Deletes what is due, up to a number of keys. */
void db_purge(unsigned most);
/* As table_scan; what has expired is left out. */
uint64_t db_scan(uint64_t cursor, void (*each)(void *argument, struct entry *entry), void *argument);

struct db_figures {
    size_t keys, expiring, memory, most_memory;
};
void db_count(struct db_figures *figures);
/* Is more memory in use than may be? */
bool db_is_full(void);

/* ms of the wall clock. Any thread. */
int64_t db_now(void);

#endif
