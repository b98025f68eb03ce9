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
    size_t request_state[SS_MAX_MRO];       /* [i]: where mro[i]'s begins, behind a struct request */
    size_t request_state_size;              /* of all together */
    struct ss_handler_class handler;        /* resolved */
    bool streams;                           /* its instances get them */
    bool is_tcp;                            /* the socket; SCTP, say, has addresses like it */
    bool is_dear;           /* a request takes a thread or a process: no client gets them all */
    bool was_blocking;      /* the socket was inherited so, and becomes so again */
    bool shared;            /* other threads or processes of ours accept from the same socket */
    int kept;               /* the socket, until the last of those that share it has ended; -1 */
    pid_t owner;            /* the process that bound the socket */
    struct serving serving; /* of the thread that the server was made for */
    struct ss_stop *stop;   /* shared memory */
    pthread_t taker;        /* the thread that takes requests, if it is no loop's */
    uint64_t canceled_at;   /* when children were first seen to go on all the same */
};

/* The complete table of a server. */
#define methods_of(self) ((const struct ss_class *)(self)->core->methods)

/* class.c */
int core_resolve(struct ss_core *core, const struct ss_class *const *bases);
/* Calls the `init` of each class. */
void core_init_variables(struct ss_server *self);
/* Names a mistake in the program on stderr, as an assertion would, and ends it by abort(3). */
_Noreturn void give_up(const char *format, ...) SS_PRINTF(1, 2);
/* For such a message; the class may be NULL. */
const char *class_name(const struct ss_class *cls);

/* server.c */
/* After fork, in the child: nothing of the parent's requests is ours. */
void server_forked(struct ss_server *self);

#endif
