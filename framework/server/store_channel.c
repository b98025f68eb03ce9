/* SPDX-License-Identifier: MIT */
/* Channels and who has subscribed to them. The store's lock is held. */
#include "server/store.h"
#include <string.h>

struct channel *channel_at(const struct store *store, uint32_t number)
{
    return pool_at(store, &store->channels, number);
}

struct subscription *subscription_at(const struct store *store, uint32_t number)
{
    return pool_at(store, &store->subscriptions, number);
}

/* ---------------------------------------------------------------- channels by name */

uint32_t *channel_bucket(struct store *store, const char *name)
{
    uint32_t hash = 2166136261U;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619U;
    return &store->bucket[hash % CHANNEL_BUCKETS];
}

uint32_t channel_find(struct store *store, const char *name)
{
    uint32_t number = *channel_bucket(store, name);
    while (number && strcmp(channel_at(store, number)->name, name) != 0)
        number = channel_at(store, number)->next;
    return number;
}

uint32_t channel_new(struct store *store, const char *name)
{
    uint32_t number = pool_take(store, &store->channels), *bucket = channel_bucket(store, name);
    if (!number)
        return 0;
    struct channel *channel = channel_at(store, number);
    *channel = (struct channel){.next = *bucket};
    strcpy(channel->name, name);
    WRITTEN();
    *bucket = number;
    return number;
}

static void channel_free(struct store *store, uint32_t number)
{
    struct channel *channel = channel_at(store, number);
    uint32_t *link = channel_bucket(store, channel->name);
    while (*link != number)
        link = &channel_at(store, *link)->next;
    *link = channel->next;
    pool_give(store, &store->channels, number);
}

/* ---------------------------------------------------------------- subscriptions */

void subscription_link(struct store *store, uint32_t number)
{
    struct subscription *s = subscription_at(store, number);
    struct channel *channel = channel_at(store, s->channel);
    struct mailbox *box = mailbox_at(store, s->mailbox);
    s->previous = 0;
    s->next = channel->subscriptions;
    if (s->next)
        subscription_at(store, s->next)->previous = number;
    channel->subscriptions = number;
    channel->count++;
    s->next_own = box->subscriptions;
    box->subscriptions = number;
    box->subscription_count++;
}

void subscription_end(struct store *store, uint32_t number)
{
    struct subscription *s = subscription_at(store, number);
    struct channel *channel = channel_at(store, s->channel);
    struct mailbox *box = mailbox_at(store, s->mailbox);
    if (s->previous)
        subscription_at(store, s->previous)->next = s->next;
    else
        channel->subscriptions = s->next;
    if (s->next)
        subscription_at(store, s->next)->previous = s->previous;
    uint32_t *own = &box->subscriptions;
    while (*own != number)
        own = &subscription_at(store, *own)->next_own;
    *own = s->next_own;
    box->subscription_count--;
    if (--channel->count == 0)
        channel_free(store, s->channel);
    s->mailbox = s->channel = 0;
    pool_give(store, &store->subscriptions, number);
}

uint32_t subscription_find(const struct store *store, uint32_t box, const char *name)
{
    uint32_t number = box ? mailbox_at(store, box)->subscriptions : 0;
    while (number && strcmp(channel_at(store, subscription_at(store, number)->channel)->name, name) != 0)
        number = subscription_at(store, number)->next_own;
    return number;
}
