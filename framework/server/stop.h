/* How a server ends. */
#ifndef SS_STOP_H
#define SS_STOP_H

#include "socketserver.h"
#include <stdatomic.h>

/* How far a shutdown has come, for all threads and processes of a server. The pairs of sockets make it known
   to whoever waits for the first of each: once readable, they stay so for everyone. */
enum { RUNNING, DRAINING, CANCELED, NEVER };
struct ss_stop {
    atomic_int stage;
    atomic_ullong since; /* ss_now() when the drain began */
    atomic_int error;    /* why the last process failed that could not go on serving, -errno */
    atomic_uint failed;  /* such processes that their parent does not know of yet */
    int drain[2], cancel[2];
};

/* Returns when nobody of this process is inside of ss_shutdown; a child has none who is. */
void shutdown_settle(void);
void shutdown_forked(void);
/* It cannot go on serving. One of several processes leaves the others be, and ends by itself. */
void server_failed(struct ss_server *self);
bool server_is_worker(const struct ss_server *self);

/* drain.c; the time of a drain counts from ss_shutdown. */
/* Serves those who have connected and were not taken yet, or wait aside, and closes the socket of a stream
   server. */
void drain_queue(struct ss_server *self);
/* Waits until all requests have ended; cuts them short at shutdown_timeout, for no other reason. */
void server_drain(struct ss_server *self);

#endif
