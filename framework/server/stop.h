/* SPDX-License-Identifier: MIT */
/* How a server ends. */
#ifndef SS_STOP_H
#define SS_STOP_H

#include "socketserver.h"
#include <stdatomic.h>

/* How far a shutdown has come, for all threads and processes of a server. Each pair of sockets tells it to
   those who wait until its first one can be read: once it can, it stays so for all of them. */
enum { RUNNING, DRAINING, CANCELED, NEVER };
struct ss_stop {
    atomic_int stage;
    atomic_ullong since; /* ss_now() when the drain began */
    atomic_int error;    /* why the last process failed that could not go on serving, -errno */
    atomic_uint failed;  /* such processes that their parent does not know of yet */
    int drain[2], cancel[2];
};

/* NULL with errno set. */
struct ss_stop *stop_new(void);
/* Waits until no thread of this process is inside of ss_shutdown, and frees it. NULL is harmless. */
void stop_free(struct ss_stop *stop);
/* In a child after fork(2): no thread is inside. */
void stop_forked(void);

/* server.c */
/* This process cannot go on serving: the server is shut down, unless it has other processes, which go on. */
void server_failed(struct ss_server *self);

/* drain.c: a drain begins with ss_shutdown, and its time counts from there. */
/* Serves the clients that have connected and were not taken yet, and those that were put aside; and closes
   the socket, if it is one of connections. */
void drain_queue(struct ss_server *self);
/* Waits until all requests have ended. At shutdown_timeout, and not before, it calls ss_cancel. */
void server_drain(struct ss_server *self);

#endif
