/* SPDX-License-Identifier: MIT */
/* Mailboxes: they are opened for requests, named by refs, and filled and emptied. */
#include "server/mail.h"
#include "server/core.h"
#include "server/store.h"
#include <errno.h>
#include <string.h>

/* ---------------------------------------------------------------- their life */

int mailbox_open(struct station *station, uint32_t *number, struct ss_ref *ref)
{
    struct store *store = station->server->core->store;
    int rc = station_open(station);
    if (rc < 0)
        return rc;
    store_lock(store);
    uint32_t taken = pool_take(store, &store->mailboxes);
    if (taken) {
        struct mailbox *box = mailbox_at(store, taken);
        *box = (struct mailbox){.station = station->record};
        WRITTEN();
        box->number = ++store->number;
        *ref = (struct ss_ref){.number = box->number, .place = taken};
        *number = taken;
    }
    store_unlock(store);
    return taken ? 0 : -ENOBUFS;
}

void mailbox_close(struct ss_server *self, uint32_t number)
{
    struct store *store = self->core->store;
    store_lock(store);
    mailbox_clear(store, number);
    store_unlock(store);
}

/* Its owner may ask without the lock. */
static bool has_mail(const struct mailbox *box)
{
    return atomic_load_explicit(&box->count, memory_order_acquire) ||
           atomic_load_explicit(&box->ended, memory_order_relaxed);
}

static void show(const struct store *store, uint32_t number, struct ss_message *shown)
{
    const struct message *message = message_at(store, number);
    shown->data = (const char *)(message + 1);
    shown->size = message->size;
    shown->tag = message->tag;
    shown->channel = message->name_size ? shown->data + shown->size : NULL;
}

int mailbox_receive(struct ss_server *self, uint32_t number, struct ss_message *message)
{
    struct store *store = self->core->store;
    struct mailbox *box = mailbox_at(store, number);
    if (!has_mail(box))
        return -EAGAIN;
    store_lock(store);
    int rc = box->ended ? -ENOBUFS : box->first ? 0 : -EAGAIN;
    message_drop(store, box->held);
    box->held = 0;
    if (rc == 0) {
        box->held = mailbox_take(store, box, 0);
        show(store, box->held, message);
        message->dropped = box->dropped;
        box->dropped = 0;
    }
    store_unlock(store);
    return rc;
}

/* ---------------------------------------------------------------- those of requests */

int mail_open(struct ss_server *self, struct request *request)
{
    struct ss_ref ref;
    const struct serving *serving = serving_current();
    if (request->box)
        return 0;
    if (serving && serving->server != self)
        return -EOPNOTSUPP;
    return mailbox_open(station_of(self), &request->box, &ref);
}

void mail_close(struct ss_server *self, struct request *request)
{
    mailbox_close(self, request->box);
    request->box = 0;
}

bool mail_waits(const struct ss_server *self, const struct request *request)
{
    return request->box && has_mail(mailbox_at(self->core->store, request->box));
}

static bool wait_for_letter(const struct ss_server *self, uint32_t number, void *waiter, bool parked)
{
    struct store *store = self->core->store;
    store_lock(store);
    struct mailbox *box = mailbox_at(store, number);
    bool waits = has_mail(box);
    mailbox_uncall(store, number);
    box->waiting = !waits;
    box->waiter = waiter;
    box->parked = parked;
    atomic_store_explicit(&box->told, false, memory_order_relaxed);
    message_drop(store, box->held); /* the handler that has received it waits for the next one */
    box->held = 0;
    store_unlock(store);
    return waits;
}

bool mailbox_begin_wait(const struct ss_server *self, uint32_t number)
{
    return wait_for_letter(self, number, NULL, false);
}

bool mail_begin_wait(const struct ss_server *self, const struct request *request, void *waiter)
{
    return wait_for_letter(self, request->box, waiter, false);
}

bool mail_begin_parking(const struct ss_server *self, struct request *request)
{
    return wait_for_letter(self, request->box, request, true);
}

bool mail_has_ended(const struct ss_server *self, const struct request *request)
{
    return request->box && atomic_load(&mailbox_at(self->core->store, request->box)->ended);
}

void mail_end_wait(struct ss_server *self, const struct request *request)
{
    struct store *store = self->core->store;
    if (atomic_load_explicit(&mailbox_at(store, request->box)->told, memory_order_acquire))
        return;
    store_lock(store);
    mailbox_at(store, request->box)->waiting = false;
    mailbox_uncall(store, request->box);
    store_unlock(store);
}

/* ---------------------------------------------------------------- for everybody */

int ss_ref(struct ss_handler *h, struct ss_ref *ref)
{
    struct request *request = container_of(h->request, struct request, request);
    int rc = mail_open(h->server, request);
    if (rc == 0)
        *ref = (struct ss_ref){.number = mailbox_at(h->server->core->store, request->box)->number,
                               .place = request->box};
    return rc;
}

int ss_server_ref(const struct ss_server *self, struct ss_ref *ref)
{
    const struct ss_core *core = self->core;
    if (!core || !atomic_load(&core->own_mailbox.is_open))
        return -EAGAIN;
    *ref = core->own_mailbox.ref;
    return 0;
}

int ss_receive(struct ss_handler *h, struct ss_message *message)
{
    const struct request *request = container_of(h->request, struct request, request);
    return request->box ? mailbox_receive(h->server, request->box, message) : -EAGAIN;
}

int mail_check(struct ss_server *self, size_t size)
{
    if (!self->core || (!self->core->store && self->socket < 0))
        return -EBADF;
    if (!self->core->store)
        return -ENOMEM;
    return size > self->core->store->max_message ? -EMSGSIZE : 0;
}

int mail_check_send(struct ss_server *self, const struct text *text)
{
    int rc = text->tag > UINT16_MAX ? -EINVAL : mail_check(self, text->size),
        sender = rc == 0 ? station_sender(self) : rc;
    return sender < 0 ? sender : 0;
}

static int put_new(struct store *store, struct mailbox *box, const struct text *text)
{
    uint32_t message = message_new(store, text, NULL);
    if (!message)
        return -ENOBUFS;
    if (mailbox_put(store, box, message))
        return 0;
    message_free(store, message);
    return -ENOBUFS;
}

static int post(struct ss_server *self, struct store *store, struct ss_ref ref, const struct text *text,
                struct wake *wake)
{
    if (ref.place == 0 || ref.place > store->mailboxes.used || ref.number == 0)
        return -ESTALE;
    struct mailbox *box = mailbox_at(store, ref.place);
    if (box->number != ref.number)
        return -ESTALE;
    int rc = mailbox_has_room(store, box, text->size) ? put_new(store, box, text) : -EAGAIN;
    if (rc == 0)
        *wake = station_call(store, station_of_caller(self, store), ref.place);
    return rc;
}

int ss_post_tagged(struct ss_server *self, struct ss_ref ref, unsigned tag, const void *data, size_t size)
{
    const struct text text = {data, size, tag};
    int rc = mail_check_send(self, &text);
    if (rc < 0)
        return rc;
    struct store *store = self->core->store;
    struct wake wake = {.name = 0};
    store_lock(store);
    rc = post(self, store, ref, &text, &wake);
    store_unlock(store);
    station_wake(self, &wake);
    stations_wake_repaired(self);
    return rc;
}

int ss_post(struct ss_server *self, struct ss_ref ref, const void *data, size_t size)
{
    return ss_post_tagged(self, ref, 0, data, size);
}
