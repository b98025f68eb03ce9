/* SPDX-License-Identifier: MIT */
/* Stations: what is woken when there is a message for one of its mailboxes. */
#include "server/core.h"
#include "server/mail.h"
#include "server/process.h"
#include "server/store.h"
#include "server/wakeup.h"
#include <errno.h>
#include <signal.h>
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
    int fd, rc = wakeup_open_named(&fd, &station->name);
    if (rc == 0)
        station->fd = fd;
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
    struct station_record *record = station_at(store, number);
    record->name = station->name;
    record->first_called = record->last_called = 0;
    record->round++;
    WRITTEN();
    record->pid = getpid();
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
    if (station->record) {
        struct store *store = station->server->core->store;
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

static void tell_waiter(struct station *station, struct mailbox *box)
{
    station->arrived(station, box->parked ? box->waiter : NULL, box->parked ? NULL : box->waiter);
    atomic_store_explicit(&box->told, true, memory_order_release);
}

/* The wake-up of the station, if none was sent since it has looked at its list. */
static struct wake wake_of(const struct store *store, uint32_t number)
{
    const struct station_record *record = station_at(store, number);
    bool is_woken = atomic_load(&record->woken) == record->round;
    return (struct wake){.name = is_woken ? 0 : record->name, .station = number, .round = record->round};
}

struct wake station_call(struct store *store, struct station *own, uint32_t number)
{
    struct mailbox *box = mailbox_at(store, number);
    if (!box->waiting && !box->called)
        return (struct wake){.name = 0};
    if (own && own->record == box->station) {
        mailbox_uncall(store, number);
        box->waiting = false;
        tell_waiter(own, box);
        return (struct wake){.name = 0};
    }
    if (!box->called)
        mailbox_call(store, number);
    return wake_of(store, box->station);
}

void station_deliver(struct station *station)
{
    struct store *store = station->server->core->store;
    uint32_t number;
    if (!station->record)
        return;
    store_lock(store);
    station_at(store, station->record)->round++;
    while ((number = station_at(store, station->record)->first_called)) {
        struct mailbox *box = mailbox_at(store, number);
        mailbox_uncall(store, number);
        tell_waiter(station, box);
    }
    store_unlock(store);
}

struct station *station_of(struct ss_server *self)
{
    struct station *own = station_of_loop(self);
    return own ? own : &self->core->hall.station;
}

/* ---------------------------------------------------------------- the wake-up itself */

/* What this process sends wake-ups with; it keeps one. Another thread may have opened the parent's while that
   forked: then its number was copied, and it was not. So a child opens its own. In the lower half is the
   descriptor, plus 1, in the upper one whose it is. */
static unsigned long long as_sender(int fd)
{
    return (unsigned long long)forks_above() << 32 | (unsigned)(fd + 1);
}

static int descriptor_of(unsigned long long sender)
{
    return sender && sender >> 32 == forks_above() ? (int)(sender & UINT32_MAX) - 1 : -1;
}

int station_sender(struct ss_server *self)
{
    unsigned long long before = atomic_load(&self->core->sender);
    int fd = descriptor_of(before);
    if (fd >= 0 || (fd = wakeup_open_sender()) < 0 ||
        atomic_compare_exchange_strong(&self->core->sender, &before, as_sender(fd)))
        return fd;
    close(fd); /* another thread was faster */
    return descriptor_of(before);
}

void station_close_sender(struct ss_core *core)
{
    int fd = descriptor_of(atomic_exchange(&core->sender, 0));
    if (fd >= 0)
        close(fd);
}

void stations_wake_repaired(struct ss_server *self)
{
    atomic_bool *repaired = &self->core->store->repaired;
    if (atomic_load_explicit(repaired, memory_order_relaxed) && atomic_exchange(repaired, false))
        stations_wake(self);
}

static void clear_station(struct store *store, uint32_t number)
{
    for (uint32_t i = 1; i <= store->mailboxes.used; i++)
        if (mailbox_at(store, i)->number && mailbox_at(store, i)->station == number)
            mailbox_clear(store, i);
    remove_record(store, number);
}

/* Nobody has that name any more: the process was killed, and its parent does not know that it was one of the
   server's. (A process may have a network of its own, where nobody has any of these names.) */
static void clear_if_dead(struct store *store, const struct wake *wake)
{
    store_lock(store);
    const struct station_record *record = station_at(store, wake->station);
    if (record->pid && record->name == wake->name && kill(record->pid, 0) < 0 && errno == ESRCH)
        clear_station(store, wake->station);
    store_unlock(store);
}

/* When it fails, for want of memory, the next message sends another one. */
void station_wake(struct ss_server *self, const struct wake *wake)
{
    struct store *store = self->core->store;
    int rc = wake->name ? wakeup_send_named(station_sender(self), wake->name) : -ENOENT;
    if (rc == 0)
        atomic_store(&station_at(store, wake->station)->woken, wake->round);
    if (rc == -ECONNREFUSED)
        clear_if_dead(store, wake);
}

void stations_wake(struct ss_server *self)
{
    struct store *store = self->core->store;
    for (uint32_t i = 1; i <= store->stations.used; i++) {
        struct wake wake = {.name = 0};
        store_lock(store);
        if (station_at(store, i)->pid && station_at(store, i)->first_called)
            wake = wake_of(store, i);
        store_unlock(store);
        station_wake(self, &wake);
    }
}

void stations_child_ended(struct ss_server *self, pid_t pid)
{
    struct store *store = self->core->store;
    if (!store || atomic_load(&store->opened) == 0)
        return;
    store_lock(store);
    for (uint32_t i = 1; i <= store->stations.used; i++)
        if (station_at(store, i)->pid == pid)
            clear_station(store, i);
    store_unlock(store);
    if (station_sender(self) >= 0)
        stations_wake(self); /* the process may have called a mailbox, and not sent the wake-up */
}
