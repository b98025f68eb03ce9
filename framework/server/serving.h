/* What a thread serves with: the one that the server was made in, and each further one of an event loop. */
#ifndef SS_SERVING_H
#define SS_SERVING_H

#include "server/idle.h"
#include <stdatomic.h>

struct loop;

struct serving {
    struct ss_server *server;
    int *socket;         /* from which it accepts: the server's, or a further thread's own */
    atomic_uint active;  /* requests that go on elsewhere */
    atomic_bool waiting; /* the thread waits for `active` to sink */
    int wake[2];         /* tells it so */
    bool is_patient;     /* serve_forever runs: a request can wait */
    bool is_short;       /* the descriptors that are for everybody have all been taken */
    int plenty;      /* descriptors below this number are for everybody, the rest for files and the like */
    int give_way[2]; /* a byte in it is for an idle connection to take, and to end: its place is wanted */
    atomic_bool aside_moves;    /* one of those that wait may go on */
    atomic_uint aside_count;    /* how many there are */
    struct aside *aside;        /* requests that were accepted and have to wait, NULL: there never was one */
    struct ss_datagram *packet; /* a datagram is received here first */

    /* Set by the loop that the thread runs, if it runs one. */
    struct loop *loop;
    uint64_t turn;
    struct idle parked; /* connections in this loop */
    /* Is the address just past the stack of the coroutine that runs? Async-signal-safe. */
    bool (*overflowed)(const struct loop *loop, const void *address);
};

/* What the calling thread serves with when it runs a loop, else NULL. Async-signal-safe. */
struct serving *serving_current(void);
/* The calling thread runs a loop with this from now on, NULL: none. Returns what it was before. */
struct serving *serving_enter(struct serving *serving);
/* What the calling thread serves `self` with: that of its loop, else the server's first. */
struct serving *serving_of(const struct ss_server *self);

/* As ss_request_started and ss_request_ended, of the first one, for one that counts its own. */
void serving_started(struct serving *serving);
void serving_ended(struct serving *serving);
/* server.c: 0 or -errno, with nothing to be closed. Both leave the socket to the caller. */
int serving_open(struct serving *serving, struct ss_server *self, int *socket);
void serving_close(struct serving *serving);

/* listener.c: nobody can connect any more through the socket that the calling thread accepts from. */
void serving_stop_listening(struct ss_server *self);

#endif
