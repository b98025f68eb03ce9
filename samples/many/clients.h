/* SPDX-License-Identifier: MIT */
/* A slow client and many quick ones, in one thread. */
#ifndef MANY_CLIENTS_H
#define MANY_CLIENTS_H

#include <stdbool.h>

enum { MOST_QUICK = 40, LEAST_MS = 50 /* of the slow client */ };

#define SLOW_REQUEST "slow\n"
#define QUICK_REQUEST "quick\n"

struct client {
    int fd;
    int begins, served;  /* ms from the beginning: when it comes, and when it has its answer; -1: not yet */
    int process, thread; /* that have served it */
    int sent;            /* bytes of its request */
    int size;            /* bytes of the answer so far */
    char answer[40];
};

/* Runs clients[0], which is slow for `ms` milliseconds, and count - 1 quick ones, which come one after the
   other meanwhile. `waits`: the slow one does so with the end of its request. 0 or -errno; -ETIMEDOUT when
   not all were served. */
int clients_run(unsigned short port, struct client *clients, int count, int ms, bool waits);

#endif
