/* SPDX-License-Identifier: MIT */
/* Requests that have to wait while others are served. No client may take all places: when it has as many
   requests in progress as it may, the next ones are put aside. So are requests for which no thread or process
   can be made now. */
#include "server/aside.h"
#include "server/clock.h"
#include "server/core.h"
#include "server/idle.h"
#include "server/own_mailbox.h"
#include "server/request.h"
#include "server/serving.h"
#include "server/shortage.h"
#include "server/stop.h"
#include "server/timer.h"
#include "server/wait.h"
#include "server/wakeup.h"
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = CLIENT_BUCKETS };
enum { FEW = 8 }; /* requests that a client may have in any case: browsers open six connections */
/* ms in which none of a client's requests begins or ends: then nobody waits for it */
enum { PATIENCE = 2000 };

/* A client with requests in progress. Any thread may lower the count; only the thread that serves looks for
   clients, and frees those that count none. */
struct client {
    struct client *next;
    uint64_t network;
    atomic_uint count;
    atomic_ullong moved; /* when the last one began or ended: ms, as ss_now counts */
};

struct aside {
    struct client *clients[BUCKETS];
    struct entry *first, **last; /* the requests; the deadlines of their timers say how long they wait */
};

static struct aside *aside_of(struct ss_server *self)
{
    struct serving *serving = serving_of(self);
    if (!serving->aside && (serving->aside = calloc(1, sizeof *serving->aside)))
        serving->aside->last = &serving->aside->first;
    return serving->aside;
}

/* ---------------------------------------------------------------- clients */

/* How many requests a client may have in progress. */
static unsigned limit_of(const struct ss_server *self)
{
    unsigned limit = self->max_requests_per_client;
    if (limit == 0 && self->core->takes_thread)
        limit = self->max_requests / 4 < FEW ? FEW : self->max_requests / 4;
    return limit == 0 ? UINT_MAX : limit;
}

/* Finds the client, or makes it, and frees those in the same bucket that have nothing in progress. */
static struct client *find_client(struct aside *aside, uint64_t network)
{
    struct client **at = &aside->clients[client_bucket_of(network)], *found = NULL;
    struct client **bucket = at;
    while (*at) {
        struct client *client = *at;
        if (client->network == network)
            found = client;
        if (client == found || atomic_load(&client->count) > 0) {
            at = &client->next;
            continue;
        }
        *at = client->next;
        free(client);
    }
    if (!found && (found = calloc(1, sizeof *found))) {
        found->network = network;
        found->next = *bucket;
        *bucket = found;
    }
    return found;
}

bool client_admit(struct ss_server *self, struct request *request)
{
    unsigned limit = limit_of(self);
    uint64_t network = 0;
    if (limit == UINT_MAX || !client_network(&request->request, &network))
        return true;
    struct aside *aside = aside_of(self);
    struct client *client = aside ? find_client(aside, network) : NULL;
    if (!client)
        return true; /* there is no memory to count it */
    if (atomic_load(&client->count) >= limit)
        return false;
    atomic_fetch_add(&client->count, 1);
    atomic_store(&client->moved, ss_now());
    request->client = client;
    return true;
}

void client_release(struct ss_server *self, struct client *client)
{
    if (!client)
        return;
    struct serving *serving = serving_of(self);
    atomic_store(&client->moved, ss_now());
    atomic_fetch_sub(&client->count, 1);
    if (!atomic_load(&serving->aside_count))
        return;
    atomic_store(&serving->aside_moves, true);
    if (atomic_load(&serving->waiting))
        (void)wakeup_send(serving->wake);
}

/* ---------------------------------------------------------------- requests put aside */

void turn_request_away(struct ss_server *self, struct request *request)
{
    methods_of(self)->turn_away(self, &request->request);
    methods_of(self)->shutdown_request(self, &request->request);
}

static void link_first(struct aside *aside, struct entry *entry)
{
    entry->next = aside->first;
    if (!entry->next)
        aside->last = &entry->next;
    aside->first = entry;
}

static void link_last(struct aside *aside, struct entry *entry)
{
    entry->next = NULL;
    *aside->last = entry;
    aside->last = &entry->next;
}

static struct request *unlink_at(struct ss_server *self, struct entry **at)
{
    struct entry *entry = *at;
    if (!(*at = entry->next))
        serving_of(self)->aside->last = at;
    atomic_fetch_sub(&serving_of(self)->aside_count, 1);
    return container_of(entry, struct request, entry);
}

/* A request that is put back keeps the deadline that it got at first. */
static void set_limit(const struct ss_server *self, struct timer *timer)
{
    if (timer->deadline == TIMER_NEVER && self->request_timeout >= 0)
        timer->deadline = ss_now() + (uint64_t)self->request_timeout;
}

bool aside_has_room(const struct ss_server *self)
{
    return atomic_load(&serving_of(self)->aside_count) < self->max_waiting;
}

/* Waits until the client of a request that was not admitted has a place for another one, if only for one that
   was put aside before. False: none of its requests has ended for a while. */
static bool await_place(struct ss_server *self, struct aside *aside, const struct request *request)
{
    const struct serving *serving = serving_of(self);
    uint64_t network = 0;
    struct client *client = client_network(&request->request, &network) ? find_client(aside, network) : NULL;
    int rc = 0;
    while (client && rc == 0) {
        unsigned active = atomic_load(&serving->active);
        uint64_t now = ss_now(), end = atomic_load(&client->moved) + PATIENCE;
        if (active == 0 || atomic_load(&client->count) < limit_of(self))
            return true;
        rc = now < end ? server_wait_active(self, active - 1, (int)(end - now), DRAINING) : -ETIMEDOUT;
    }
    return rc == -ECANCELED;
}

void aside_put(struct ss_server *self, struct request *request)
{
    struct aside *aside = aside_of(self);
    bool short_of_descriptors = request->reserved && serving_of(self)->can_put_aside;
    idle_ask(self, client_bucket(&request->request));
    if (!aside || !aside_has_room(self) || (short_of_descriptors && !await_place(self, aside, request))) {
        turn_request_away(self, request);
        return;
    }
    set_limit(self, &request->entry.timer);
    link_last(aside, &request->entry);
    atomic_fetch_add(&serving_of(self)->aside_count, 1);
}

bool aside_put_back(struct ss_server *self, struct request *request)
{
    struct aside *aside = aside_of(self);
    set_limit(self, &request->entry.timer);
    if (!aside || request->entry.timer.deadline <= ss_now())
        return false;
    client_release(self, request->client);
    request->client = NULL;
    link_first(aside, &request->entry);
    atomic_fetch_add(&serving_of(self)->aside_count, 1);
    atomic_store(&serving_of(self)->aside_moves, true);
    return true;
}

bool aside_can_go_on(struct ss_server *self)
{
    struct serving *serving = serving_of(self);
    return atomic_load(&serving->aside_count) && atomic_load(&serving->aside_moves);
}

/* Idle connections of the clients whose requests stay aside are asked to end. */
struct request *aside_take(struct ss_server *self)
{
    struct serving *serving = serving_of(self);
    if (!aside_can_go_on(self) || !atomic_exchange(&serving->aside_moves, false))
        return NULL;
    for (struct entry **at = &serving->aside->first; *at; at = &(*at)->next) {
        struct request *request = container_of(*at, struct request, entry);
        if (!client_admit(self, request)) {
            idle_ask(self, client_bucket(&request->request));
            continue;
        }
        unlink_at(self, at);
        atomic_store(&serving->aside_moves, true); /* another one may be able to go on, too */
        return request;
    }
    return NULL;
}

/* Closes requests that have waited too long; the oldest are in front, or nearly so. Returns the milliseconds
   until the next one has, but no more than LOOK_AGAIN: a wake-up may be lost. */
static int close_expired(struct ss_server *self)
{
    struct entry **first = &serving_of(self)->aside->first;
    uint64_t now = ss_now();
    while (*first && (*first)->timer.deadline <= now)
        turn_request_away(self, unlink_at(self, first));
    uint64_t left = *first ? (*first)->timer.deadline - now : LOOK_AGAIN;
    return left < LOOK_AGAIN ? (int)left : LOOK_AGAIN;
}

int aside_wait(struct ss_server *self)
{
    struct serving *serving = serving_of(self);
    int mail = own_mailbox_descriptor(self);
    bool aside = atomic_load(&serving->aside_count) > 0;
    if (!aside && mail < 0 && !self->core->stepping)
        return server_wait(self, ss_fileno(self), POLLIN, clock_left(self, -1), 0, DRAINING);
    int ms = clock_left(self, aside ? close_expired(self) : -1);
    struct pollfd fds[] = {{.fd = ss_fileno(self), .events = POLLIN},
                           {.fd = serving->wake[0], .events = POLLIN},
                           {.fd = self->core->stop->drain[0], .events = POLLIN},
                           {.fd = mail, .events = POLLIN}};
    atomic_store(&serving->waiting, true);
    int rc = methods_of(self)->poll(self, fds, 4, aside_can_go_on(self) ? 0 : ms);
    atomic_store(&serving->waiting, false);
    wakeup_take(serving->wake);
    if (rc > 0 && fds[2].revents)
        return -ECANCELED;
    if (rc > 0 && fds[3].revents)
        own_mailbox_empty(self);
    if (rc == -ENOMEM) {
        rest();
        rc = 0;
    }
    return rc == -EINTR || rc >= 0 ? 0 : rc;
}

struct request *aside_next(struct ss_server *self)
{
    struct serving *serving = serving_of(self);
    return atomic_load(&serving->aside_count) ? unlink_at(self, &serving->aside->first) : NULL;
}

void aside_forget(struct ss_server *self)
{
    struct request *request;
    while ((request = aside_next(self)))
        methods_of(self)->close_request(self, &request->request);
}

void aside_free(struct aside *aside)
{
    for (int i = 0; aside && i < BUCKETS; i++)
        for (struct client *next, *client = aside->clients[i]; client; client = next) {
            next = client->next;
            free(client);
        }
    free(aside);
}
