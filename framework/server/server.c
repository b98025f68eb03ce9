/* SPDX-License-Identifier: MIT */
/* The life of a server: it is made, bound, serves, and is closed. */
#include "server/accept.h"
#include "server/aside.h"
#include "server/background.h"
#include "server/clock.h"
#include "server/core.h"
#include "server/handler.h"
#include "server/listener.h"
#include "server/process.h"
#include "server/reason.h"
#include "server/serve.h"
#include "server/shared.h"
#include "server/signals.h"
#include "server/stepping.h"
#include "server/stop.h"
#include "server/store.h"
#include "server/wait.h"
#include "server/wakeup.h"
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int serving_open(struct serving *serving, struct ss_server *self, int *socket)
{
    *serving =
        (struct serving){.server = self, .socket = socket, .reserve_from = INT_MAX, .end_idle = {-1, -1}};
    station_init(&serving->station, self, NULL);
    return wakeup_open(serving->wake);
}

void serving_close(struct serving *serving)
{
    wakeup_close(serving->wake);
    aside_free(serving->aside);
    free(serving->packets);
}

static void core_free(struct ss_core *core)
{
    for (int i = 0; i < core->count; i++)
        free(core->state[i]);
    shared_close(core);
    clock_clear(core);
    background_clear(core);
    stop_free(core->stop);
    hall_free(&core->hall);
    station_close_sender(core);
    store_free(core->store);
    serving_close(&core->serving);
    listener_close_kept(core);
    free(core);
}

int ss_server_init(struct ss_server *self, const struct ss_class *const *bases, const char *address,
                   const struct ss_handler_class *handler)
{
    memset(self, 0, sizeof *self);
    self->socket = -1;
    if (!bases || !address || !handler)
        return -EINVAL;
    struct ss_core *core = calloc(1, sizeof *core);
    if (!core)
        return -ENOMEM;
    core->kept_socket = -1;
    atomic_init(&core->sender, 0);
    hall_init(&core->hall, self);
    station_init(&core->own_mailbox.station, self, NULL);
    forks_watch();
    int rc = serving_open(&core->serving, self, &self->socket);
    if (rc == 0)
        rc = core_resolve(core, bases);
    if (rc == 0)
        rc = shared_open(core);
    if (rc == 0 && !(core->stop = stop_new()))
        rc = -errno;
    if (rc < 0) {
        core_free(core);
        return rc;
    }
    self->core = core;
    self->address = address;
    self->RequestHandlerClass = handler;
    core_init_variables(self);
    handler_resolve(self, handler);
    return 0;
}

static bool is_bound(const struct ss_server *self)
{
    return self->core && self->socket >= 0;
}

int ss_server_bind(struct ss_server *self)
{
    if (!self->core || (self->core->has_served && ss_draining(self)))
        return -EBADF;
    if (is_bound(self))
        return -EINVAL; /* as bind(2) */
    if (!self->core->store)
        self->core->store = store_new(self);
    reason_clear();
    int rc = methods_of(self)->server_bind(self);
    if (rc == 0)
        rc = methods_of(self)->server_activate(self);
    if (rc < 0)
        methods_of(self)->close_socket(self);
    return rc;
}

/* The process that serves owns the socket: the one that has bound it may have become a daemon by a fork
   since. */
static void own_socket(struct ss_core *core)
{
    if (core->owner > 0)
        core->owner = getpid();
}

int server_serve(struct ss_server *self)
{
    own_socket(self->core);
    self->core->has_served = true;
    int rc = background_begin(self);
    if (rc < 0)
        ss_shutdown(self);
    int served = methods_of(self)->serve_forever(self), ended = background_end(self);
    rc = rc < 0 ? rc : served < 0 ? served : ended;
    listener_close_kept(self->core);
    return rc;
}

int ss_serve_forever(struct ss_server *self)
{
    struct signals_before before;
    if (!is_bound(self))
        return self->core && ss_draining(self) ? 0 : -EBADF; /* 0: it has served, and was shut down */
    if (self->core->stepping)
        return -EBUSY;
    signals_block(&before);
    thread_enters();
    int rc = server_serve(self);
    thread_leaves();
    signals_unblock(&before);
    return rc;
}

int ss_handle_request(struct ss_server *self)
{
    struct signals_before before;
    if (!is_bound(self))
        return -EBADF;
    if (self->core->stepping)
        return -EBUSY;
    const struct ss_class *methods = methods_of(self);
    signals_block(&before);
    thread_enters();
    own_socket(self->core);
    int rc = take_request(self);
    if (rc == -EAGAIN && (rc = server_wait(self, self->socket, POLLIN, self->timeout, 0, DRAINING)) == 0)
        rc = take_request(self);
    if (rc == -ETIMEDOUT)
        methods->handle_timeout(self);
    clock_tick(self);
    thread_leaves();
    signals_unblock(&before);
    return rc == -ETIMEDOUT || rc == -EAGAIN ? 0 : rc;
}

void ss_server_close(struct ss_server *self)
{
    if (!self->core)
        return;
    if (self->core->stepping)
        self->core->stepping->end(self->core->stepping);
    thread_enters();
    methods_of(self)->server_close(self);
    thread_leaves();
    core_free(self->core);
    self->core = NULL;
}

void server_failed(struct ss_server *self)
{
    if (!self->core->is_child)
        ss_shutdown(self);
}
