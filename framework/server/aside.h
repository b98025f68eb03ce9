/* SPDX-License-Identifier: MIT */
/* How many requests a client has, and requests that are put aside. All functions but client_release belong to
   the thread that serves. */
#ifndef SS_ASIDE_H
#define SS_ASIDE_H

#include "server/core.h"
#include "server/request.h"

/* Counts a new request for its client. False: the client has as many as it may. */
bool client_admit(struct ss_server *self, struct request *request);
/* Is there a limit for each client, so that client_admit must be called? */
static inline bool client_is_limited(const struct ss_server *self)
{
    return self->max_requests_per_client || self->core->takes_thread;
}
/* One of the client's requests is over. NULL is harmless. Any thread. */
void client_release(struct ss_server *self, struct client *client);
/* Keeps a request that was not admitted for later, or closes it when too many are kept. Where descriptors are
   short it waits until the client has a place, as long as the client's requests end one after the other. */
void aside_put(struct ss_server *self, struct request *request);
/* Tells the client of a request that no handler has seen that there is no place for it, and ends it. */
void turn_request_away(struct ss_server *self, struct request *request);
/* Is one of them to be taken, if it can go on, before a new one? */
bool aside_can_go_on(struct ss_server *self);
/* Keeps a request that was admitted, and cannot be processed now. False: it has waited too long, and is the
   caller's. */
bool aside_put_back(struct ss_server *self, struct request *request);
/* Takes a request that can go on now, and counts it for its client. NULL: there is none. */
struct request *aside_take(struct ss_server *self);
/* Waits for a new request, or until one that was put aside can go on. 0, -ECANCELED, -errno. */
int aside_wait(struct ss_server *self);
/* Takes the first request, whether it can go on or not. NULL: there are no more. */
struct request *aside_next(struct ss_server *self);
bool aside_has_room(const struct ss_server *self);
/* In a child after fork(2): closes its copies of the parent's requests. */
void aside_forget(struct ss_server *self);
void aside_free(struct aside *aside);

#endif
