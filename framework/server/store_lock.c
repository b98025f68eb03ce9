/* SPDX-License-Identifier: MIT */
/* The store's lock, and what is done when a process was killed that had it: it may have been anywhere. What
   the records say of each other is found again from a few facts, each of which is written at once, and only
   when it is true: a mailbox in use has a number, a station a process, a subscription both its ends, and
   letters hang together from the first on. All counts, ends of lists and lists of free records follow from
   these. */
#include "server/store.h"
#include <errno.h>

enum { REACHED = 1U << 30 }; /* a mark on a letter's message, whose number is smaller */

static struct letter *letter_at(const struct store *store, uint32_t number)
{
    return pool_at(store, &store->letters, number);
}

/* ---------------------------------------------------------------- messages and letters */

/* Also the marks of a repair that was not ended. */
static void forget_references(struct store *store)
{
    store->memory = 0;
    for (uint32_t i = 1; i <= store->letters.used; i++)
        letter_at(store, i)->message &= ~(uint32_t)REACHED;
    for (int kind = 0; kind < MESSAGE_KINDS; kind++)
        for (uint32_t i = 1; i <= store->messages[kind].used; i++)
            ((struct message *)pool_at(store, &store->messages[kind], i))->references = 0;
}

static void refer(struct store *store, uint32_t number)
{
    struct message *message = number ? message_at(store, number) : NULL;
    if (message && message->references++ == 0)
        store->memory += store->messages[message->kind].size;
}

static void count_letters(struct store *store, struct mailbox *box)
{
    box->last = 0;
    box->count = 0;
    box->bytes = 0;
    for (uint32_t i = box->first; i; i = letter_at(store, i)->next) {
        struct letter *letter = letter_at(store, i);
        refer(store, letter->message);
        box->last = i;
        box->count++;
        box->bytes += message_at(store, letter->message)->size;
        letter->message |= REACHED;
    }
    refer(store, box->held);
}

static void repair_mailboxes(struct store *store)
{
    forget_references(store);
    for (uint32_t i = 1; i <= store->mailboxes.used; i++)
        if (mailbox_at(store, i)->number)
            count_letters(store, mailbox_at(store, i));
    for (uint32_t i = 1; i <= store->letters.used; i++) {
        uint32_t *message = &letter_at(store, i)->message;
        *message = *message & REACHED ? *message & ~(uint32_t)REACHED : 0;
    }
}

/* ---------------------------------------------------------------- who is to be told */

/* All that wait are told: whether there is a message they see for themselves. */
static void repair_stations(struct store *store)
{
    unsigned opened = 0;
    for (uint32_t i = 1; i <= store->stations.used; i++) {
        struct station_record *record = station_at(store, i);
        opened += record->pid != 0;
        record->first_called = record->last_called = 0;
        record->round++; /* so that it is woken by the next message, whatever was sent before */
    }
    atomic_store(&store->opened, opened);
    for (uint32_t i = 1; i <= store->mailboxes.used; i++) {
        struct mailbox *box = mailbox_at(store, i);
        if (box->number && (box->waiting || box->called))
            mailbox_call(store, i);
    }
}

/* ---------------------------------------------------------------- channels */

/* Whatever a bucket begins with has a name that belongs there. */
static void forget_channels(struct store *store)
{
    for (uint32_t i = 1; i <= store->channels.used; i++) {
        struct channel *channel = channel_at(store, i);
        *channel_bucket(store, channel->name) = 0;
        channel->subscriptions = channel->count = 0;
    }
    for (uint32_t i = 1; i <= store->mailboxes.used; i++)
        mailbox_at(store, i)->subscriptions = mailbox_at(store, i)->subscription_count = 0;
}

static void repair_channels(struct store *store)
{
    forget_channels(store);
    for (uint32_t i = 1; i <= store->subscriptions.used; i++) {
        struct subscription *s = subscription_at(store, i);
        if (s->mailbox && s->channel && mailbox_at(store, s->mailbox)->number)
            subscription_link(store, i);
        else
            s->mailbox = 0;
    }
    for (uint32_t i = 1; i <= store->channels.used; i++) {
        struct channel *channel = channel_at(store, i);
        uint32_t *bucket = channel_bucket(store, channel->name);
        if (!channel->count)
            continue;
        channel->next = *bucket;
        *bucket = i;
    }
}

/* ---------------------------------------------------------------- free records */

static bool mailbox_is_used(const void *record)
{
    return ((const struct mailbox *)record)->number;
}

static bool letter_is_used(const void *record)
{
    return ((const struct letter *)record)->message;
}

static bool channel_is_used(const void *record)
{
    return ((const struct channel *)record)->count;
}

static bool subscription_is_used(const void *record)
{
    return ((const struct subscription *)record)->mailbox;
}

static bool station_is_used(const void *record)
{
    return ((const struct station_record *)record)->pid;
}

static bool message_is_used(const void *record)
{
    return ((const struct message *)record)->references;
}

/* Begins the list of free records anew. */
static void collect_free(struct store *store, struct pool *pool, bool (*is_used)(const void *record))
{
    pool->free = 0;
    for (uint32_t i = pool->used; i > 0; i--)
        if (!is_used(pool_at(store, pool, i)))
            pool_give(store, pool, i);
}

static void repair(struct store *store)
{
    repair_mailboxes(store);
    repair_stations(store);
    repair_channels(store);
    collect_free(store, &store->mailboxes, mailbox_is_used);
    collect_free(store, &store->letters, letter_is_used);
    collect_free(store, &store->channels, channel_is_used);
    collect_free(store, &store->subscriptions, subscription_is_used);
    collect_free(store, &store->stations, station_is_used);
    for (int kind = 0; kind < MESSAGE_KINDS; kind++)
        collect_free(store, &store->messages[kind], message_is_used);
}

/* ---------------------------------------------------------------- the lock */

void store_lock(struct store *store)
{
    if (robust_lock(&store->lock) == -EOWNERDEAD) {
        repair(store);
        atomic_store(&store->repaired, true);
    }
}

void store_unlock(struct store *store)
{
    robust_unlock(&store->lock);
}
