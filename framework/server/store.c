/* SPDX-License-Identifier: MIT */
/* The memory that the processes of a server share for messages. It takes address space for all records that
   may be in use at once, and memory only for those that ever were. */
#include "server/store.h"
#include "server/core.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { MAX_STATIONS = 1 << 14 };
enum { MAX_MEMORY = 1 << 30 }; /* of messages: their numbers must fit beside the marks of a repair */

static void add_pool(struct store *store, struct pool *pool, size_t size, size_t max)
{
    size_t at = (store->size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    *pool = (struct pool){.max = (uint32_t)max, .size = (uint32_t)size, .at = at};
    store->size = at + size * max;
}

/* Where everything lies. */
static void lay_out(struct store *store, size_t max_memory)
{
    store->size = sizeof *store;
    add_pool(store, &store->mailboxes, sizeof(struct mailbox), SS_MAX_REFS);
    add_pool(store, &store->letters, sizeof(struct letter), SS_MAX_LETTERS);
    add_pool(store, &store->channels, sizeof(struct channel), SS_MAX_CHANNELS);
    add_pool(store, &store->subscriptions, sizeof(struct subscription), SS_MAX_SUBSCRIBERS);
    add_pool(store, &store->stations, sizeof(struct station_record), MAX_STATIONS);
    for (unsigned i = 0; i < MESSAGE_KINDS; i++) {
        size_t size = (size_t)1 << (SMALLEST_BITS + i);
        add_pool(store, &store->messages[i], size, max_memory / size);
    }
}

_Static_assert(SS_MAX_MESSAGE + sizeof(struct message) + SS_MAX_CHANNEL_NAME + 1 <=
                   (size_t)1 << (SMALLEST_BITS + MESSAGE_KINDS - 1),
               "the largest kind of memory has room for the largest message");

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

struct store *store_new(const struct ss_server *self)
{
    size_t max_memory = smaller(self->message_memory, MAX_MEMORY);
    struct store plan;
    lay_out(&plan, max_memory);
    struct store *store =
        mmap(NULL, plan.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (store == MAP_FAILED)
        return NULL;
    lay_out(store, max_memory);
    store->max_memory = max_memory;
    store->max_count = self->mailbox_count;
    store->max_size = smaller(self->mailbox_size, MAX_MEMORY);
    store->max_message = smaller(self->mailbox_size, SS_MAX_MESSAGE);
    int rc = robust_init(&store->lock);
    if (rc == 0)
        return store;
    munmap(store, plan.size);
    errno = -rc;
    return NULL;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    munmap(store, store->size);
}

/* ---------------------------------------------------------------- records */

void *pool_at(const struct store *store, const struct pool *pool, uint32_t number)
{
    return (char *)(uintptr_t)store + pool->at + (size_t)(number - 1) * pool->size;
}

uint32_t pool_take(struct store *store, struct pool *pool)
{
    uint32_t number = pool->free;
    if (number)
        memcpy(&pool->free, pool_at(store, pool, number), sizeof pool->free);
    else if (pool->used < pool->max)
        number = ++pool->used;
    WRITTEN();
    return number;
}

void pool_give(struct store *store, struct pool *pool, uint32_t number)
{
    WRITTEN();
    memcpy(pool_at(store, pool, number), &pool->free, sizeof pool->free);
    WRITTEN();
    pool->free = number;
}

struct mailbox *mailbox_at(const struct store *store, uint32_t number)
{
    return pool_at(store, &store->mailboxes, number);
}

struct station_record *station_at(const struct store *store, uint32_t number)
{
    return pool_at(store, &store->stations, number);
}

/* ---------------------------------------------------------------- messages

   The number of a message is that of its record, and in the lowest bits its class. */

enum { KIND_BITS = 4 };

struct message *message_at(const struct store *store, uint32_t number)
{
    const struct pool *pool = &store->messages[number & ((1U << KIND_BITS) - 1)];
    return pool_at(store, pool, number >> KIND_BITS);
}

/* The smallest class with room for `size` bytes; the caller has checked that there is one. */
static unsigned kind_of(size_t size)
{
    unsigned kind = 0;
    while (size > (size_t)1 << (SMALLEST_BITS + kind))
        kind++;
    return kind;
}

uint32_t message_new(struct store *store, const struct text *text, const char *channel)
{
    size_t name_size = channel ? strlen(channel) + 1 : 0;
    unsigned kind = kind_of(sizeof(struct message) + text->size + name_size);
    struct pool *pool = &store->messages[kind];
    if (store->memory + pool->size > store->max_memory)
        return 0;
    uint32_t record = pool_take(store, pool);
    if (!record)
        return 0;
    struct message *message = pool_at(store, pool, record);
    *message = (struct message){.size = (uint32_t)text->size,
                                .kind = (uint8_t)kind,
                                .name_size = (uint8_t)name_size,
                                .tag = (uint16_t)text->tag};
    char *at = (char *)(message + 1);
    if (text->size)
        memcpy(at, text->data, text->size);
    if (name_size)
        memcpy(at + text->size, channel, name_size);
    store->memory += pool->size;
    return record << KIND_BITS | kind;
}

void message_free(struct store *store, uint32_t number)
{
    struct pool *pool = &store->messages[number & ((1U << KIND_BITS) - 1)];
    store->memory -= pool->size;
    pool_give(store, pool, number >> KIND_BITS);
}

void message_drop(struct store *store, uint32_t number)
{
    if (number && --message_at(store, number)->references == 0)
        message_free(store, number);
}
