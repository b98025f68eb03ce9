/* SPDX-License-Identifier: MIT */
/* A request as the framework keeps it. */
#ifndef SS_REQUEST_H
#define SS_REQUEST_H

#include "server/timer.h"
#include "socketserver.h"

/* What can be queued to run, and can have a time limit: a task of an event loop, or a request that waits. */
struct task;
struct entry {
    struct entry *next;
    struct timer timer;
    struct task *task; /* NULL: this is a request's, which has no task yet */
};

struct request {
    struct ss_request request;
    struct entry
        entry; /* for the mix-in that holds the request; while it is parked, the timer's deadline ends that */
    unsigned forks; /* what forks_made() said when the request was taken */
    int number; /* the connection's descriptor, whatever the handler has done to request.fd; -1: a datagram */
    struct request *older, *newer; /* in a list of parked ones */
    struct client *client;         /* whose limit it counts towards; NULL: nobody's */
    bool counted;                  /* ss_request_started was called for it */
    bool known;                    /* an event loop has its descriptor registered */
    bool late; /* it was taken when the drain had begun: what the client has sent may still be on its way */
    bool expired; /* it was parked for too long, or the server drains: it is to be closed */
};

/* Parked connections, in the order in which they became idle. */
struct idle {
    struct request *oldest, *newest;
};
void idle_add(struct idle *idle, struct request *request);
void idle_remove(struct idle *idle, const struct request *request);

/* The memory of a request, with nothing in it; NULL: there is none. */
struct request *request_new(const struct ss_server *self);
void request_free(const struct ss_server *self, struct request *request);
/* Did a call fail with `rc` for want of descriptors or memory, which may come free in a moment? */
bool out_of_resources(int rc);
/* Calls handle_error if `error` is one. */
void request_failed(struct ss_server *self, struct ss_request *request, int error);

#endif
