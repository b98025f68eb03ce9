/* The private part of a server, and how a class is put together. */
#ifndef SS_CORE_H
#define SS_CORE_H

#include "server/serving.h"
#include "server/stop.h"
#include "socketserver.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#define SS_MAX_MRO 16
#define container_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* The ranks of our mix-ins: a process that serves by itself cannot be made from inside of a loop or a
   pool. */
enum { RANK_PREFORKS = 1, RANK_RUNS = 2 };

/* Its class resolved, and what goes on. */
struct ss_core {
    int count;                              /* of mro */
    unsigned forks;                         /* between this process and the one that made the server */
    const struct ss_class *mro[SS_MAX_MRO]; /* Python's __mro__ */
    struct ss_class methods[SS_MAX_MRO];    /* [i]: the table as seen from mro[i] on */
    void *state[SS_MAX_MRO];                /* [i]: for mro[i] */
    struct ss_handler_class handler;        /* resolved */
    bool streams;                           /* its instances get them */
    bool is_tcp;                            /* the socket; SCTP, say, has addresses like it */
    atomic_bool waiting;                    /* somebody waits for `active` to sink */
    atomic_bool aside_moves;                /* one of those that wait may go on */
    bool is_short;                          /* the descriptors that are for everybody have all been taken */
    bool is_dear;       /* a request takes a thread or a process: no client gets them all */
    bool is_patient;    /* serve_forever runs: a request can wait */
    bool was_blocking;  /* the socket was inherited so, and becomes so again */
    bool shared;        /* other threads or processes of ours accept from the same socket */
    bool clone;         /* another thread's copy: owns little */
    atomic_uint active; /* requests that go on elsewhere */
    int wake[2];        /* tells who waits for `active` */
    int give_way[2];    /* a byte in it is for an idle connection to take, and to end: its place is wanted */
    int plenty;         /* descriptors below this number are for everybody, the rest for files and the like */
    int kept;           /* the socket, until the last of those that share it has ended; -1 */
    pid_t owner;        /* the process that bound the socket */
    struct serving serving;
    struct ss_stop *stop;       /* shared memory */
    struct ss_datagram *packet; /* a datagram is received here first */
    struct aside *aside;        /* requests that were accepted and have to wait, NULL: there never was one */
    atomic_uint aside_count;
    pthread_t taker;      /* the thread that takes requests */
    uint64_t canceled_at; /* when children were first seen to go on all the same */
};

static inline const struct ss_class *methods_of(const struct ss_server *self)
{
    return &self->core->methods[0];
}

/* class.c */
int core_resolve(struct ss_core *core, const struct ss_class *const *bases);
/* Calls the `init` of each class. */
void core_init_variables(struct ss_server *self);
/* A mistake in the program that would have no end, as an assertion that names the class: abort(3). */
_Noreturn void give_up(const char *function, const char *name, const char *mistake);

/* server.c */
/* A copy of the server for another thread, with its own count of requests; `socket` is its own. */
int server_clone(const struct ss_server *self, int socket, struct ss_server *copy);
void server_clone_free(struct ss_server *copy);
/* After fork, in the child: nothing of the parent's requests is ours. */
void server_forked(struct ss_server *self);

#endif
