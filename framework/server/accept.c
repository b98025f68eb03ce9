/* SPDX-License-Identifier: MIT */
/* How requests are taken: from the socket, or from those that were put aside. */
#include "server/accept.h"
#include "server/aside.h"
#include "server/core.h"
#include "server/idle.h"
#include "server/shortage.h"
#include <errno.h>
#include <pthread.h>

/* When no thread or process can be made for a request now, one may be later. */
static int hand_over(struct ss_server *self, struct request *request)
{
    const struct ss_class *methods = methods_of(self);
    int rc = methods->process_request(self, &request->request);
    if (rc >= 0)
        return 0;
    if (serving_of(self)->can_put_aside && (rc == -EAGAIN || out_of_resources(rc)) &&
        aside_put_back(self, request))
        return -ENOBUFS;
    request_failed(self, &request->request, rc);
    methods->shutdown_request(self, &request->request);
    return 0;
}

/* accept(2) needs a descriptor before it looks: without one it says nothing of whether somebody has come. */
static int why_none(const struct ss_server *self, int rc)
{
    return (rc == -EMFILE || rc == -ENFILE) && !is_readable(ss_fileno(self)) ? -EAGAIN : rc;
}

int accept_request(struct ss_server *self, struct request **accepted)
{
    const struct ss_class *methods = methods_of(self);
    struct request *request = request_new(self);
    if (!request)
        return -ENOMEM;
    if (!serving_current() &&
        !pthread_equal(self->core->taker, pthread_self())) /* written only once, as others read it */
        self->core->taker = pthread_self();
    int rc;
    do {
        rc = methods->get_request(self, &request->request);
    } while (rc == -EINTR);
    if (rc < 0) {
        request_free(self, request);
        return why_none(self, rc);
    }
    if (!request->request.datagram) {
        request->number = request->request.fd;
        request->reserved = request->number >= serving_of(self)->reserve_from;
        if (request->reserved)
            atomic_fetch_add(&self->core->in_reserve, 1);
    }
    *accepted = request;
    if (!methods->verify_request(self, &request->request)) {
        methods->shutdown_request(self, &request->request);
        *accepted = NULL;
    }
    return 0;
}

static int take_new_request(struct ss_server *self)
{
    struct request *request;
    int rc = accept_request(self, &request);
    if (rc < 0 || !request)
        return rc;
    if (client_is_limited(self) && serving_of(self)->can_put_aside && !client_admit(self, request)) {
        aside_put(self, request);
        return 0;
    }
    return hand_over(self, request);
}

int take_request(struct ss_server *self)
{
    struct request *waiting = aside_take(self);
    return waiting ? hand_over(self, waiting) : take_new_request(self);
}
