/* SPDX-License-Identifier: MIT */
/* For unit tests: are the records of a store as they should be? To be included behind cmocka.h. */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include "server/store.h"
#include <stdlib.h>
#include <string.h>

/* What is known of each record of a pool: how often it was found in use, and how often in the free list. */
struct census {
    unsigned char *used, *free;
};

static inline void count_in(const struct pool *pool, unsigned char *census, uint32_t number, const char *what)
{
    if (number == 0 || number > pool->used)
        fail_msg("%s: there is no record %u", what, number);
    if (census[number]++)
        fail_msg("%s: record %u is there twice", what, number);
}

static inline struct census census_of(const struct store *store, const struct pool *pool, const char *what)
{
    struct census c = {calloc(pool->used + 1, 1), calloc(pool->used + 1, 1)};
    assert_true(c.used && c.free && pool->used <= pool->max);
    uint32_t next;
    for (uint32_t i = pool->free; i; i = next) {
        count_in(pool, c.free, i, what);
        memcpy(&next, pool_at(store, pool, i), sizeof next);
    }
    return c;
}

/* Each record is either used or free, and none is lost. Returns how many are used. */
static inline unsigned end_census(const struct pool *pool, struct census c, const char *what)
{
    unsigned used = 0;
    for (uint32_t i = 1; i <= pool->used; i++) {
        used += c.used[i];
        if (c.used[i] + c.free[i] != 1)
            fail_msg("%s: record %u is %s", what, i, c.used[i] ? "used and free" : "lost");
    }
    free(c.used);
    free(c.free);
    return used;
}

struct tally {
    unsigned mailboxes, letters, channels, subscriptions, stations, messages;
};

/* The references to each message, by the numbers of the records. */
struct references {
    unsigned *of[MESSAGE_KINDS];
};

static inline void refer_to(const struct store *store, struct references *r, uint32_t message)
{
    const struct message *m = message_at(store, message);
    uint32_t record = message >> 4;
    assert_true(m->kind < MESSAGE_KINDS && m->kind == (message & 15));
    assert_in_range(record, 1, store->messages[m->kind].used);
    r->of[m->kind][record]++;
}

static inline void check_letters(const struct store *store, const struct mailbox *box, struct census *letters,
                                 struct references *r)
{
    uint32_t count = 0, last = 0;
    size_t bytes = 0;
    for (uint32_t i = box->first; i;) {
        const struct letter *letter = pool_at(store, &store->letters, i);
        count_in(&store->letters, letters->used, i, "letters");
        refer_to(store, r, letter->message);
        bytes += message_at(store, letter->message)->size;
        count++;
        last = i;
        i = letter->next;
    }
    assert_int_equal(box->count, count);
    assert_int_equal(box->last, last);
    assert_int_equal(box->bytes, bytes);
    assert_true(count <= store->max_count && bytes <= store->max_size);
    if (box->held)
        refer_to(store, r, box->held);
}

static inline void check_subscriptions_of(const struct store *store, uint32_t number)
{
    const struct mailbox *box = mailbox_at(store, number);
    uint32_t count = 0;
    for (uint32_t i = box->subscriptions; i; i = subscription_at(store, i)->next_own) {
        assert_in_range(i, 1, store->subscriptions.used);
        assert_int_equal(subscription_at(store, i)->mailbox, number);
        assert_true(++count <= SS_MAX_SUBSCRIPTIONS);
    }
    assert_int_equal(box->subscription_count, count);
}

static inline void check_mailboxes(const struct store *store, struct tally *tally)
{
    struct census boxes = census_of(store, &store->mailboxes, "mailboxes");
    struct census letters = census_of(store, &store->letters, "letters");
    struct references r;
    size_t memory = 0;
    for (int kind = 0; kind < MESSAGE_KINDS; kind++)
        assert_non_null(r.of[kind] = calloc(store->messages[kind].used + 1, sizeof(unsigned)));
    for (uint32_t i = 1; i <= store->mailboxes.used; i++) {
        const struct mailbox *box = mailbox_at(store, i);
        if (!box->number)
            continue;
        boxes.used[i]++;
        assert_in_range(box->station, 1, store->stations.used);
        assert_int_not_equal(station_at(store, box->station)->pid, 0);
        assert_false(box->called && box->waiting);
        check_letters(store, box, &letters, &r);
        check_subscriptions_of(store, i);
    }
    for (int kind = 0; kind < MESSAGE_KINDS; kind++) {
        const struct pool *pool = &store->messages[kind];
        struct census c = census_of(store, pool, "messages");
        for (uint32_t i = 1; i <= pool->used; i++) {
            const struct message *m = pool_at(store, pool, i);
            assert_int_equal(m->references, r.of[kind][i]);
            c.used[i] = m->references > 0;
            memory += m->references ? pool->size : 0;
        }
        tally->messages += end_census(pool, c, "messages");
        free(r.of[kind]);
    }
    assert_int_equal(store->memory, memory);
    tally->mailboxes = end_census(&store->mailboxes, boxes, "mailboxes");
    tally->letters = end_census(&store->letters, letters, "letters");
}

static inline void check_stations(const struct store *store, struct tally *tally)
{
    struct census c = census_of(store, &store->stations, "stations");
    unsigned called = 0, listed = 0;
    for (uint32_t i = 1; i <= store->stations.used; i++) {
        const struct station_record *record = station_at(store, i);
        uint32_t previous = 0;
        if (!record->pid)
            continue;
        c.used[i]++;
        for (uint32_t box = record->first_called; box; box = mailbox_at(store, box)->next_called) {
            assert_true(mailbox_at(store, box)->called && mailbox_at(store, box)->station == i);
            assert_int_equal(mailbox_at(store, box)->previous_called, previous);
            assert_true(++listed <= store->mailboxes.used);
            previous = box;
        }
        assert_int_equal(record->last_called, previous);
    }
    for (uint32_t i = 1; i <= store->mailboxes.used; i++)
        called += mailbox_at(store, i)->number && mailbox_at(store, i)->called;
    assert_int_equal(listed, called);
    tally->stations = end_census(&store->stations, c, "stations");
    assert_int_equal(atomic_load(&store->opened), tally->stations);
}

static inline void check_channel(const struct store *store, uint32_t number, struct census *subscriptions)
{
    const struct channel *channel = channel_at(store, number);
    uint32_t count = 0, previous = 0;
    for (uint32_t i = channel->subscriptions; i; i = subscription_at(store, i)->next) {
        const struct subscription *s = subscription_at(store, i);
        count_in(&store->subscriptions, subscriptions->used, i, "subscriptions");
        assert_int_equal(s->channel, number);
        assert_int_equal(s->previous, previous);
        assert_int_not_equal(mailbox_at(store, s->mailbox)->number, 0);
        assert_int_equal(subscription_find(store, s->mailbox, channel->name), i);
        previous = i;
        count++;
    }
    assert_int_equal(channel->count, count);
    assert_true(count > 0);
}

static inline void check_channels(struct store *store, struct tally *tally)
{
    struct census channels = census_of(store, &store->channels, "channels");
    struct census subscriptions = census_of(store, &store->subscriptions, "subscriptions");
    for (int b = 0; b < CHANNEL_BUCKETS; b++)
        for (uint32_t i = store->bucket[b]; i; i = channel_at(store, i)->next) {
            count_in(&store->channels, channels.used, i, "channels");
            assert_ptr_equal(channel_bucket(store, channel_at(store, i)->name), &store->bucket[b]);
            check_channel(store, i, &subscriptions);
        }
    tally->channels = end_census(&store->channels, channels, "channels");
    tally->subscriptions = end_census(&store->subscriptions, subscriptions, "subscriptions");
}

/* Everything agrees with everything else. Nobody may change the store meanwhile. */
static inline struct tally check_store(struct store *store)
{
    struct tally tally = {0};
    check_mailboxes(store, &tally);
    check_stations(store, &tally);
    check_channels(store, &tally);
    return tally;
}

#endif
