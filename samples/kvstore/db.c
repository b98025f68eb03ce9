/* SPDX-License-Identifier: MIT */
#include "kvstore/db.h"
#include "kvstore/watch.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { OVERHEAD = 16 /* bytes that an allocation takes besides */ };

static struct {
    pthread_mutex_t lock;
    struct table table;
    struct expiry expiry;
    size_t memory, most_memory;
    bool loading;
    struct table garbage[8]; /* flushed, and not freed yet */
    unsigned garbage_count;
} store = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t memory_limit(void)
{
    struct rlimit data;
    size_t most = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    if (getrlimit(RLIMIT_DATA, &data) == 0 && data.rlim_cur < most)
        most = data.rlim_cur;
    return most / MEMORY_SHARE;
}

int db_open(void)
{
    store.most_memory = memory_limit();
    return hash_seed();
}

void db_lock(void)
{
    pthread_mutex_lock(&store.lock);
}

void db_unlock(void)
{
    pthread_mutex_unlock(&store.lock);
}

int64_t db_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---------------------------------------------------------------- entries */

static size_t entry_memory(const struct entry *entry)
{
    return sizeof *entry + entry->key_size + 2 * OVERHEAD + sizeof entry + value_memory(entry->value);
}

static void free_entry(struct entry *entry)
{
    value_release(entry->value);
    free(entry);
}

void db_delete(struct entry *entry)
{
    watch_touch(entry_key(entry), entry->hash);
    store.memory -= entry_memory(entry);
    expiry_unset(&store.expiry, entry);
    table_remove(&store.table, entry);
    free_entry(entry);
}

static bool has_expired(const struct entry *entry)
{
    return entry->timer && !store.loading && expiry_of(&store.expiry, entry) <= db_now();
}

struct entry *db_find(struct text key, uint64_t hash)
{
    struct entry *entry = table_find(&store.table, key, hash);
    if (!entry || !has_expired(entry))
        return entry;
    db_delete(entry);
    return NULL;
}

static void set_expiry(struct entry *entry, int64_t when)
{
    if (when)
        expiry_set(&store.expiry, entry, when);
    else
        expiry_unset(&store.expiry, entry);
}

static struct entry *add(struct text key, uint64_t hash, struct value *value)
{
    struct entry *entry = value ? malloc(sizeof *entry + key.size) : NULL;
    if (!entry)
        return NULL;
    *entry = (struct entry){.hash = hash, .value = value, .key_size = (uint32_t)key.size};
    memcpy(entry->key, key.data, key.size);
    if (table_add(&store.table, entry)) {
        store.memory += entry_memory(entry);
        return entry;
    }
    free(entry);
    return NULL;
}

/* In place, where nobody sees it and not much room is left over. */
static bool overwrite(struct value *value, struct text data)
{
    if (data.size > value->room || data.size < value->room / 2 || !value_is_own(value))
        return false;
    memcpy(value->data, data.data, data.size);
    value->size = (uint32_t)data.size;
    return true;
}

static struct value *copy_of(struct text data)
{
    struct value *value = value_new(data.size, data.size);
    if (value)
        memcpy(value->data, data.data, data.size);
    return value;
}

static void replace(struct entry *entry, struct value *value)
{
    store.memory += value_memory(value) - value_memory(entry->value);
    value_release(entry->value);
    entry->value = value;
}

struct entry *db_set(struct entry *entry, struct text key, uint64_t hash, struct text data, int64_t when)
{
    if (when && !expiry_reserve(&store.expiry))
        return NULL;
    if (!entry || !overwrite(entry->value, data)) {
        struct value *value = copy_of(data);
        struct entry *changed = entry;
        if (!entry)
            changed = add(key, hash, value);
        else if (value)
            replace(entry, value);
        if (!value || !changed) {
            value_release(value);
            return NULL;
        }
        entry = changed;
    }
    if (when || entry->timer)
        set_expiry(entry, when);
    watch_touch(key, hash);
    return entry;
}

/* Makes the value one of nobody else, with room for `size` bytes: for more than that, as it may grow again.
 */
static bool make_room(struct entry *entry, size_t size)
{
    struct value *old = entry->value;
    if (value_is_own(old) && size <= old->room)
        return true;
    struct value *value = value_new(old->size, size + (size > old->size ? size / 2 : 0));
    if (!value)
        return false;
    memcpy(value->data, old->data, old->size);
    replace(entry, value);
    return true;
}

bool db_write(struct entry *entry, size_t offset, struct text data)
{
    size_t before = entry->value->size, end = offset + data.size;
    if (!make_room(entry, end > before ? end : before))
        return false;
    struct value *value = entry->value;
    if (offset > before)
        memset(value->data + before, 0, offset - before);
    memcpy(value->data + offset, data.data, data.size);
    value->size = (uint32_t)(end > before ? end : before);
    watch_touch(entry_key(entry), entry->hash);
    return true;
}

bool db_expire(struct entry *entry, int64_t when)
{
    if (when && !expiry_reserve(&store.expiry))
        return false;
    set_expiry(entry, when);
    watch_touch(entry_key(entry), entry->hash);
    return true;
}

int64_t db_expiry(const struct entry *entry)
{
    return expiry_of(&store.expiry, entry);
}

/* ---------------------------------------------------------------- all of them */

void db_set_loading(bool loading)
{
    store.loading = loading;
}

static bool exists(struct text key, uint64_t hash)
{
    return db_find(key, hash);
}

/* To free millions of entries takes its time: others do not wait for that. */
void db_flush(void)
{
    watch_touch_all(exists);
    free(store.expiry.heap);
    store.expiry = (struct expiry){0};
    store.memory = 0;
    if (store.garbage_count < sizeof store.garbage / sizeof *store.garbage)
        store.garbage[store.garbage_count++] = store.table;
    else
        table_clear(&store.table, free_entry);
    store.table = (struct table){0};
}

void db_sweep(void)
{
    for (;;) {
        struct table garbage = {0};
        db_lock();
        bool found = store.garbage_count > 0;
        if (found)
            garbage = store.garbage[--store.garbage_count];
        db_unlock();
        if (!found)
            return;
        table_clear(&garbage, free_entry);
    }
}

void db_close(void)
{
    db_flush();
    db_sweep();
}

void db_purge(unsigned most)
{
    int64_t now = store.expiry.count ? db_now() : 0;
    struct entry *entry;
    while (most-- > 0 && (entry = expiry_due(&store.expiry, now)))
        db_delete(entry);
}

struct scanned {
    void (*each)(void *argument, struct entry *entry);
    void *argument;
};

static void each_alive(void *argument, struct entry *entry)
{
    const struct scanned *scanned = argument;
    if (!has_expired(entry))
        scanned->each(scanned->argument, entry);
}

uint64_t db_scan(uint64_t cursor, void (*each)(void *argument, struct entry *entry), void *argument)
{
    return table_scan(&store.table, cursor, each_alive, &(struct scanned){each, argument});
}

void db_count(struct db_figures *figures)
{
    *figures = (struct db_figures){.keys = store.table.used,
                                   .expiring = store.expiry.count,
                                   .memory = store.memory,
                                   .most_memory = store.most_memory};
}

bool db_is_full(void)
{
    return store.memory >= store.most_memory;
}
