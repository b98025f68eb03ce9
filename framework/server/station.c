/* SPDX-License-Identifier: MIT */
/* Stations: what is woken when there is a message for one of its mailboxes. */
#include "server/core.h"
#include "server/mail.h"
#include "server/process.h"
#include "server/store.h"
#include "server/wakeup.h"
#include <errno.h>
#include <unistd.h>

void station_init(struct station *station, struct ss_server *self,
                  void (*arrived)(struct station *, struct request *, void *))
{
    *station = (struct station){.server = self, .fd = -1, .arrived = arrived};
}

int station_open_descriptor(struct station *station)
{
    if (station->fd >= 0)
        return 0;
    int rc = wakeup_open_named(&station->fd, &station->name);
    if (rc == 0 && station->opened && (rc = station->opened(station)) < 0) {
        close(station->fd);
        station->fd = -1;
    }
    return rc;
}

/* With the store's lock held: two threads may open the station of their process at once. */
static int add_record(struct store *store, struct station *station)
{
    int rc = station_open_descriptor(station);
    if (rc < 0)
        return rc;
    uint32_t number = pool_take(store, &store->stations);
    if (!number)
        return -ENOBUFS;
    *station_at(store, number) = (struct station_record){.pid = getpid(), .name = station->name};
    atomic_fetch_add(&store->opened, 1);
    station->record = number;
    return 0;
}

int station_open(struct station *station)
{
    struct store *store = station->server->core->store;
    if (!store)
        return -ENOMEM;
    store_lock(store);
    int rc = station->record ? 0 : add_record(store, station);
    store_unlock(store);
    return rc;
}

/* With the store's lock held. */
static void remove_record(struct store *store, uint32_t number)
{
    station_at(store, number)->pid = 0;
    atomic_fetch_sub(&store->opened, 1);
    pool_give(store, &store->stations, number);
}

void station_close(struct station *station)
{
    struct store *store = station->server->core->store;
    if (station->record) {
        store_lock(store);
        remove_record(store, station->record);
        store_unlock(store);
    }
    station_forget(station);
}

void station_forget(struct station *station)
{
    if (station->fd >= 0)
        close(station->fd);
    station->fd = -1;
    station->record = 0;
}

/* ---------------------------------------------------------------- who is told of a message */

static struct station *station_of_loop(const struct ss_server *self)
{
    struct serving *serving = serving_current();
    return serving && serving->server == self ? &serving->station : NULL;
}

struct station *station_of_caller(const struct ss_server *self, const struct store *store)
{
    struct station *own = station_of_loop(self);
    return own && own->record && station_at(store, own->record)->pid == getpid() ? own : NULL;
}

/* When the list was not empty, somebody has sent a wake-up already. */
uint64_t station_call(struct store *store, struct station *own, uint32_t number)
{
    struct mailbox *box = mailbox_at(store, number);
    struct station_record *record = station_at(store, box->station);
    if (!box->waiting)
        return 0;
    if (own && own->record == box->station) {
        box->waiting = false;
        own->arrived(own, box->request, box->waiter);
        return 0;
    }
    bool wake = !record->first_called || record->unsure;
    mailbox_call(store, number);
    return wake ? record->name : 0;
}

void station_deliver(struct station *station)
{
    struct store *store = station->server->core->store;
    uint32_t number;
    if (!station->record)
        return;
    store_lock(store);
    station_at(store, station->record)->unsure = false;
    while ((number = station_at(store, station->record)->first_called)) {
        const struct mailbox *box = mailbox_at(store, number);
        mailbox_uncall(store, number);
        station->arrived(station, box->request, box->waiter);
    }
    store_unlock(store);
}

struct station *station_of(struct ss_server *self)
{
    struct station *own = station_of_loop(self);
    return own ? own : &self->core->hall.station;
}

/* ---------------------------------------------------------------- the wake-up itself */

/* What this process sends wake-ups with; it keeps one. */
int station_sender(struct ss_server *self)
{
    atomic_int *sender = &self->core->sender;
    int fd = atomic_load(sender), none = -1;
    if (fd >= 0 || (fd = wakeup_open_sender()) < 0 || atomic_compare_exchange_strong(sender, &none, fd))
        return fd;
    close(fd); /* another thread was faster */
    return none;
}

/* The wake-up has failed, for want of memory: the next message sends another one. */
static void note_lost(struct store *store, uint64_t name)
{
    store_lock(store);
    for (uint32_t i = 1; i <= store->stations.used; i++)
        if (station_at(store, i)->pid && station_at(store, i)->name == name)
            station_at(store, i)->unsure = true;
    store_unlock(store);
}

void station_wake(struct ss_server *self, uint64_t name)
{
    if (name && wakeup_send_named(atomic_load(&self->core->sender), name) < 0)
        note_lost(self->core->store, name);
}

void stations_wake(struct ss_server *self)
{
    struct store *store = self->core->store;
    for (uint32_t i = 1; i <= store->stations.used; i++) {
        store_lock(store);
        const struct station_record *record = station_at(store, i);
        uint64_t name = record->pid && record->first_called ? record->name : 0;
        store_unlock(store);
        station_wake(self, name);
    }
}

static void clear_station(struct store *store, uint32_t number)
{
    for (uint32_t i = 1; i <= store->mailboxes.used; i++)
        if (mailbox_at(store, i)->number && mailbox_at(store, i)->station == number)
            mailbox_clear(store, i);
    remove_record(store, number);
}

void stations_child_ended(struct ss_server *self, pid_t pid)
{
    struct store *store = self->core->store;
    if (!store || atomic_load(&store->opened) == 0 || station_sender(self) < 0)
        return;
    store_lock(store);
    for (uint32_t i = 1; i <= store->stations.used; i++)
        if (station_at(store, i)->pid == pid)
            clear_station(store, i);
    store_unlock(store);
    stations_wake(self); /* the process may have called a mailbox, and not sent the wake-up */
}
