/* SPDX-License-Identifier: MIT */
#include "kvstore/client.h"
#include "kvstore/command.h"
#include "kvstore/db.h"
#include <stdatomic.h>
#include <stdlib.h>

static void client_free(void *data)
{
    struct client *client = data;
    if (client->watcher.count) {
        db_lock();
        watch_end(&client->watcher);
        db_unlock();
    }
    transaction_end(client);
    for (unsigned i = 0; i < client->channel_count; i++)
        free(client->channels[i]);
    free(client);
}

struct client *client_get(struct ss_handler *h)
{
    static atomic_ullong last;
    struct client *client = client_of(h);
    if (client || !(client = calloc(1, sizeof *client)))
        return client;
    client->protocol = 2;
    client->id = atomic_fetch_add(&last, 1) + 1;
    client->last = &client->first;
    h->request->data = client;
    h->request->free_data = client_free;
    return client;
}
