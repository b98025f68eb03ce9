/* SPDX-License-Identifier: MIT */
/* What is in mailboxes, and the lists of those whose requests are to be told of it. The store's lock is held.
 */
#include "server/store.h"

/* ---------------------------------------------------------------- who is to be told */

void mailbox_call(struct store *store, uint32_t number)
{
    struct mailbox *box = mailbox_at(store, number);
    struct station_record *record = station_at(store, box->station);
    box->called = true;
    WRITTEN();
    box->waiting = false;
    box->next_called = 0;
    box->previous_called = record->last_called;
    if (record->last_called)
        mailbox_at(store, record->last_called)->next_called = number;
    else
        record->first_called = number;
    record->last_called = number;
}

void mailbox_uncall(struct store *store, uint32_t number)
{
    struct mailbox *box = mailbox_at(store, number);
    struct station_record *record = station_at(store, box->station);
    if (!box->called)
        return;
    box->called = false;
    if (box->previous_called)
        mailbox_at(store, box->previous_called)->next_called = box->next_called;
    else
        record->first_called = box->next_called;
    if (box->next_called)
        mailbox_at(store, box->next_called)->previous_called = box->previous_called;
    else
        record->last_called = box->previous_called;
}

/* ---------------------------------------------------------------- letters */

bool mailbox_has_room(const struct store *store, const struct mailbox *box, size_t size)
{
    return atomic_load_explicit(&box->count, memory_order_relaxed) < store->max_count &&
           size <= store->max_size - box->bytes;
}

static void add_to_count(struct mailbox *box, int more)
{
    unsigned count = atomic_load_explicit(&box->count, memory_order_relaxed) + (unsigned)more;
    atomic_store_explicit(&box->count, count, memory_order_release);
}

bool mailbox_put(struct store *store, struct mailbox *box, uint32_t message)
{
    uint32_t number = pool_take(store, &store->letters);
    if (!number)
        return false;
    *(struct letter *)pool_at(store, &store->letters, number) = (struct letter){.message = message};
    message_at(store, message)->references++;
    WRITTEN();
    if (box->last)
        ((struct letter *)pool_at(store, &store->letters, box->last))->next = number;
    else
        box->first = number;
    box->last = number;
    add_to_count(box, 1);
    box->bytes += message_at(store, message)->size;
    return true;
}

uint32_t mailbox_take(struct store *store, struct mailbox *box, uint32_t previous)
{
    uint32_t *link =
        previous ? &((struct letter *)pool_at(store, &store->letters, previous))->next : &box->first;
    uint32_t number = *link;
    const struct letter letter = *(struct letter *)pool_at(store, &store->letters, number);
    *link = letter.next;
    if (box->last == number)
        box->last = previous;
    add_to_count(box, -1);
    box->bytes -= message_at(store, letter.message)->size;
    pool_give(store, &store->letters, number);
    return letter.message;
}

void mailbox_clear(struct store *store, uint32_t number)
{
    struct mailbox *box = mailbox_at(store, number);
    while (box->subscriptions)
        subscription_end(store, box->subscriptions);
    while (box->first)
        message_drop(store, mailbox_take(store, box, 0));
    message_drop(store, box->held);
    mailbox_uncall(store, number);
    WRITTEN();
    box->number = 0;
    pool_give(store, &store->mailboxes, number);
}
