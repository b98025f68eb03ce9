/* SPDX-License-Identifier: MIT */
/* Channels: a message for all who have subscribed. A channel is there as long as it has subscribers. */
#include "server/core.h"
#include "server/mail.h"
#include "server/store.h"
#include <errno.h>
#include <string.h>

static int check_name(const char *name)
{
    if (!name || !*name)
        return -EINVAL;
    return strnlen(name, SS_MAX_CHANNEL_NAME + 1) > SS_MAX_CHANNEL_NAME ? -ENAMETOOLONG : 0;
}

/* ---------------------------------------------------------------- subscriptions */

static int subscribe(struct store *store, uint32_t box, const char *name, int policy)
{
    if (subscription_find(store, box, name))
        return -EALREADY;
    if (mailbox_at(store, box)->subscription_count == SS_MAX_SUBSCRIPTIONS)
        return -ENOBUFS;
    uint32_t channel = channel_find(store, name), number = pool_take(store, &store->subscriptions);
    if (number && !channel)
        channel = channel_new(store, name);
    if (!number || !channel) {
        if (number)
            pool_give(store, &store->subscriptions, number);
        return -ENOBUFS;
    }
    *subscription_at(store, number) =
        (struct subscription){.mailbox = box, .channel = channel, .policy = policy};
    subscription_link(store, number);
    return 0;
}

int ss_subscribe(struct ss_handler *h, const char *channel, int policy)
{
    struct request *request = container_of(h->request, struct request, request);
    int rc = check_name(channel);
    if (rc == 0 && policy != SS_DROP_OLDEST && policy != SS_END)
        rc = -EINVAL;
    if (rc == 0)
        rc = mail_open(h->server, request);
    if (rc < 0)
        return rc;
    struct store *store = h->server->core->store;
    store_lock(store);
    rc = subscribe(store, request->box, channel, policy);
    store_unlock(store);
    return rc;
}

int ss_unsubscribe(struct ss_handler *h, const char *channel)
{
    const struct request *request = container_of(h->request, struct request, request);
    struct store *store = h->server->core->store;
    int rc = check_name(channel);
    if (rc < 0 || !request->box)
        return rc < 0 ? rc : -ENOENT;
    store_lock(store);
    uint32_t number = subscription_find(store, request->box, channel);
    if (number)
        subscription_end(store, number);
    store_unlock(store);
    return number ? 0 : -ENOENT;
}

int ss_subscribers(struct ss_server *self, const char *channel)
{
    int rc = check_name(channel);
    if (rc == 0)
        rc = mail_check(self, 0);
    if (rc < 0)
        return rc;
    struct store *store = self->core->store;
    store_lock(store);
    uint32_t number = channel_find(store, channel);
    rc = number ? (int)channel_at(store, number)->count : 0;
    store_unlock(store);
    return rc;
}

/* ---------------------------------------------------------------- messages */

/* Drops the oldest message that has come through a channel: one that was posted was promised to its sender.
 */
static bool drop_oldest(struct store *store, struct mailbox *box)
{
    uint32_t previous = 0, number = box->first;
    while (number) {
        const struct letter *letter = pool_at(store, &store->letters, number);
        if (message_at(store, letter->message)->name_size)
            break;
        previous = number;
        number = letter->next;
    }
    if (number)
        message_drop(store, mailbox_take(store, box, previous));
    return number;
}

/* There is a message that the mailbox cannot get, or not keep. */
static void miss(struct mailbox *box, int policy)
{
    if (policy == SS_END)
        box->ended = true;
    else
        box->dropped++;
}

static bool make_room_for(struct store *store, struct mailbox *box, size_t size, int policy)
{
    while (!mailbox_has_room(store, box, size)) {
        miss(box, policy);
        if (box->ended || !drop_oldest(store, box))
            return false;
    }
    return true;
}

/* Stations that are to be woken when the lock was given back. */
enum { WAKES = 32 };
struct wakes {
    struct wake wake[WAKES];
    int count;
    bool more; /* than there is room for */
};

static void wake_all(struct ss_server *self, const struct wakes *wakes)
{
    for (int i = 0; i < wakes->count; i++)
        station_wake(self, &wakes->wake[i]);
    if (wakes->more)
        stations_wake(self);
}

static void give(struct store *store, struct station *own, const struct subscription *s, uint32_t message,
                 struct wakes *wakes)
{
    struct mailbox *box = mailbox_at(store, s->mailbox);
    if (box->ended)
        return;
    if (make_room_for(store, box, message_at(store, message)->size, s->policy) &&
        !mailbox_put(store, box, message))
        miss(box, s->policy);
    struct wake wake = station_call(store, own, s->mailbox);
    if (wake.name && wakes->count == WAKES)
        wakes->more = true;
    else if (wake.name)
        wakes->wake[wakes->count++] = wake;
}

/* `except`: the mailbox that does not get it; 0: all do. */
static int publish_locked(struct ss_server *self, const char *name, const struct text *text, uint32_t except,
                          struct wakes *wakes)
{
    struct store *store = self->core->store;
    uint32_t channel = channel_find(store, name);
    if (!channel)
        return 0;
    uint32_t message = message_new(store, text, name);
    if (!message)
        return -ENOBUFS;
    struct station *own = station_of_caller(self, store);
    message_at(store, message)->references = 1; /* ours */
    for (uint32_t number = channel_at(store, channel)->subscriptions; number;) {
        const struct subscription *s = subscription_at(store, number);
        if (s->mailbox != except)
            give(store, own, s, message, wakes);
        number = s->next;
    }
    int got = (int)message_at(store, message)->references - 1;
    message_drop(store, message);
    return got;
}

static int publish(struct ss_server *self, const char *channel, const struct text *text, uint32_t except)
{
    struct wakes wakes = {.count = 0};
    int rc = check_name(channel);
    if (rc == 0)
        rc = mail_check_send(self, text);
    if (rc < 0)
        return rc;
    store_lock(self->core->store);
    rc = publish_locked(self, channel, text, except, &wakes);
    store_unlock(self->core->store);
    wake_all(self, &wakes);
    stations_wake_repaired(self);
    return rc;
}

int ss_publish_tagged(struct ss_server *self, const char *channel, unsigned tag, const void *data,
                      size_t size)
{
    return publish(self, channel, &(struct text){data, size, tag}, 0);
}

int ss_publish(struct ss_server *self, const char *channel, const void *data, size_t size)
{
    return ss_publish_tagged(self, channel, 0, data, size);
}

int ss_publish_others_tagged(struct ss_handler *h, const char *channel, unsigned tag, const void *data,
                             size_t size)
{
    uint32_t own = container_of(h->request, struct request, request)->box;
    return publish(h->server, channel, &(struct text){data, size, tag}, own);
}

int ss_publish_others(struct ss_handler *h, const char *channel, const void *data, size_t size)
{
    return ss_publish_others_tagged(h, channel, 0, data, size);
}
