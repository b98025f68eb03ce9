/* SPDX-License-Identifier: MIT */
#include "server/own_mailbox.h"
#include "server/mail.h"
#include "server/wakeup.h"

enum { BURST = 64 }; /* messages that are handled before requests are taken */

/* Nothing needs to be told: the thread that serves waits for the station's descriptor itself. */
static void arrived(struct station *station, struct request *request, void *waiter)
{
    (void)station, (void)request, (void)waiter;
}

/* With several loops in a process it is the first one's. */
void own_mailbox_open(struct ss_server *self)
{
    struct ss_core *core = self->core;
    const struct ss_class *last = core->mro[core->count - 1]; /* BaseServer */
    struct own_mailbox *own = &core->own_mailbox;
    if (!serving_is_first(self) || methods_of(self)->handle_message == last->handle_message)
        return;
    station_init(&own->station, self, arrived);
    if (mailbox_open(&own->station, &own->number, &own->ref) < 0) {
        station_close(&own->station);
        return;
    }
    (void)mailbox_begin_wait(self, own->number);
    atomic_store(&own->is_open, true);
}

void own_mailbox_close(struct ss_server *self)
{
    struct own_mailbox *own = &self->core->own_mailbox;
    if (!serving_is_first(self) || !atomic_exchange(&own->is_open, false))
        return;
    mailbox_close(self, own->number);
    station_close(&own->station);
}

int own_mailbox_descriptor(const struct ss_server *self)
{
    const struct own_mailbox *own = &self->core->own_mailbox;
    return atomic_load(&own->is_open) && serving_is_first(self) ? own->station.fd : -1;
}

void own_mailbox_empty(struct ss_server *self)
{
    struct own_mailbox *own = &self->core->own_mailbox;
    struct ss_message message;
    wakeup_take_named(own->station.fd);
    station_deliver(&own->station);
    for (int i = 0; i < BURST && mailbox_receive(self, own->number, &message) == 0; i++)
        methods_of(self)->handle_message(self, &message);
    if (mailbox_begin_wait(self, own->number)) /* the rest, after others */
        (void)wakeup_send_named(own->station.fd, own->station.name);
}
