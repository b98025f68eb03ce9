/* A request, and the way that it takes from being accepted to its handler. */
#ifndef SS_REQUEST_H
#define SS_REQUEST_H

#include "server/timer.h"
#include "socketserver.h"
#include <stddef.h>

/* What can stand in a queue of things to run, and have a time limit. */
struct task;
struct entry {
    struct entry *next;
    struct timer timer;
    struct task *task; /* NULL: a request, to be begun */
};

/* A request as mix-ins keep it. */
struct request {
    struct ss_request request;
    struct entry entry; /* of the mix-in that holds it; the timer's deadline: when parking ends */
    unsigned forks;     /* forks_made() when it was taken */
    int number;         /* of the connection's descriptor, whatever the handler has done to request.fd; -1 */
    struct request *older, *newer; /* in a list of idle ones */
    struct client *client;         /* whose number of requests it counts in, NULL: nobody's */
    bool counted;                  /* ss_request_started was called for it */
    bool known;                    /* to the poller */
    bool late;                     /* taken in the drain: it may not have had the time to say something */
    bool expired;                  /* parked too long, or the server drains: close it */
};

/* Its bytes. What classes keep for it (ss_request_state) is behind them, aligned for anything. */
enum { REQUEST_SIZE = (sizeof(struct request) + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1) };

/* Parked connections, in the order in which they became idle. */
struct idle {
    struct request *oldest, *newest;
};
void idle_add(struct idle *idle, struct request *request);
void idle_remove(struct idle *idle, const struct request *request);

struct request *request_new(const struct ss_server *self);
void request_free(const struct ss_server *self, struct request *request);
/* Descriptors, memory: what may be there in a moment. */
bool out_of_resources(int rc);
/* Calls handle_error unless `error` is no news or >= 0. */
void request_failed(struct ss_server *self, struct ss_request *request, int error);

#endif
