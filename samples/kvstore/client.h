/* SPDX-License-Identifier: MIT */
/* What is to be remembered of a client from one command to the next: request->data. Most have nothing to be
   remembered, and none of this. */
#ifndef KVSTORE_CLIENT_H
#define KVSTORE_CLIENT_H

#include "kvstore/text.h"
#include "kvstore/watch.h"
#include "socketserver.h"

enum { CLIENT_NAME = 64, CHANNELS = SS_MAX_SUBSCRIPTIONS };

struct queued;
struct client {
    int protocol; /* 2 or 3 */
    uint64_t id;
    char name[CLIENT_NAME + 1];
    /* A transaction. */
    bool in_transaction, spoilt;
    struct queued *first, **last;
    unsigned queued;
    size_t queued_size;
    struct watcher watcher; /* with the store's lock */
    /* The channels that it has subscribed to. */
    unsigned channel_count;
    struct text *channels[CHANNELS];
};

static inline struct client *client_of(const struct ss_handler *h)
{
    return h ? h->request->data : NULL;
}
/* Makes one where there is none. NULL: there is no memory. */
struct client *client_get(struct ss_handler *h);

#endif
