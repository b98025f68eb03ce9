/* SPDX-License-Identifier: MIT */
/* The threads of a process that wait for messages, outside of event loops. */
#ifndef SS_HALL_H
#define SS_HALL_H

#include "server/mail.h"
#include "server/poller.h"
#include <pthread.h>

struct hall {
    struct station station;
    pthread_mutex_t lock;
    struct poller
        *poller; /* the descriptors for which threads wait that do not lead; NULL: none did so far */
    struct hall_waiter *first; /* those threads */
    bool led;                  /* one thread more, which leads */
};

void hall_init(struct hall *hall, struct ss_server *self);
void hall_free(struct hall *hall);
/* In a child after fork(2): none of the parent's threads is here. */
void hall_forget(struct hall *hall);
/* Opens the poller, if it is not. A thread that does not wait in here may call station_deliver only when
   there is one. 0 or -errno. */
int hall_open_poller(struct ss_server *self);
/* BaseServer's await. */
int hall_await(struct ss_server *self, struct ss_request *request, struct pollfd *fds, nfds_t count, int ms);
/* A station's `arrived`, for a thread that waits in here. */
void hall_arrived(struct station *station, struct request *request, void *waiter);

#endif
