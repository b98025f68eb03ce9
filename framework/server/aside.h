/* Clients that have as many requests in progress as one may, and requests that wait for that or another
   reason. All in the thread that serves, but for client_release. */
#ifndef SS_ASIDE_H
#define SS_ASIDE_H

#include "server/core.h"
#include "server/request.h"

/* Counts a new request for its client. False: it has as many as it may. */
bool client_admit(struct ss_server *self, struct request *request);
/* Need it be asked? */
static inline bool client_is_limited(const struct ss_server *self)
{
    return self->max_requests_per_client || self->core->takes_thread;
}
/* A request is over, NULL: nobody's. Any thread. */
void client_release(struct ss_server *self, struct client *client);
/* Keeps for later a request that was not admitted; when there are too many it is closed. */
void aside_put(struct ss_server *self, struct request *request);
/* The same for one that was, and cannot be processed for now; false when that has lasted too long. */
bool aside_put_back(struct ss_server *self, struct request *request);
/* One that can go on now, admitted, NULL: none. */
struct request *aside_take(struct ss_server *self);
/* Waits for new requests, or until one of these can go on. 0, -ECANCELED, -errno. */
int aside_wait(struct ss_server *self);
/* Each of them, the oldest first; NULL: no more. */
struct request *aside_next(struct ss_server *self);
bool aside_has_room(const struct ss_server *self);
/* In a child: they are the parent's. */
void aside_forget(struct ss_server *self);
void aside_free(struct aside *aside);

#endif
