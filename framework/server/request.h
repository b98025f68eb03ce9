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
    struct entry entry; /* for the mix-in that holds the request. While it is parked, its idle time is over at
                           the timer's deadline, and `next` is the one that was parked after it */
    unsigned forks;     /* what forks_made() said when the request was taken */
    int number; /* the connection's descriptor, whatever the handler has done to request.fd; -1: a datagram */
    struct request *older; /* the one that was parked before it */
    struct client *client; /* whose limit it counts towards; NULL: nobody's */
    /* Flags, for whoever has the request: one thread at a time, a pool's under its lock. */
    bool counted : 1;  /* ss_request_started was called for it */
    bool reserved : 1; /* it has one of the reserved descriptors */
    bool known : 1;    /* an event loop has its descriptor registered */
    bool late : 1; /* it was taken when the drain had begun: what the client has sent may still be on its way
                    */
    bool expired : 1; /* its idle time is over */
    bool ending : 1;  /* it was parked, and is to be closed: the server drains, or others need its place */
    bool has_good_bye : 1; /* it is parked, and one of its streams says something when it is closed */
    bool called : 1;       /* there was a message for it before a pool had parked it */
    bool spawned : 1;      /* it is none: an event loop runs a function for it */
    bool quiet : 1;        /* an event loop has resumed it, and no input has come while it was parked */
    uint32_t box;          /* its mailbox; 0: none */
};
/* An idle connection takes little more than this. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct request) <= 152, "a parked connection has grown");

/* Parked connections, in the order in which they became idle. */
struct idle {
    struct request *oldest, *newest;
};
void idle_add(struct idle *idle, struct request *request);
void idle_remove(struct idle *idle, const struct request *request);

/* The memory of a request, with nothing in it; NULL: there is none. */
struct request *request_new(const struct ss_server *self);
void request_free(const struct ss_server *self, struct request *request);
/* What tells clients apart: the IPv4 address, or the upper half of an IPv6 address (a client may choose the
   lower half). False: nothing does. */
bool client_network(const struct ss_request *request, uint64_t *network);
/* The same as a number below CLIENT_BUCKETS, which few others have, too; -1: nothing does. */
enum { CLIENT_BUCKETS = 256 };
unsigned client_bucket_of(uint64_t network);
int client_bucket(const struct ss_request *request);
/* Is it to be closed without a word? */
bool request_is_over(const struct request *request);
/* The server ends a connection that was to be parked: tells its `resume`, if it has one. Returns what comes
   of that, 0 or -errno; or else `why` it ends, unless that is -ECANCELED. */
int request_end(struct ss_server *self, struct request *request, int why);
/* Calls handle_error if `error` is one. */
void request_failed(struct ss_server *self, struct ss_request *request, int error);

#endif
