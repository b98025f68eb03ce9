/* SPDX-License-Identifier: MIT */
/* The private part of a server, and how a class is put together. */
#ifndef SS_CORE_H
#define SS_CORE_H

#include "server/hall.h"
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

/* What a server keeps for itself: its class, put together, and what all its threads share. */
struct repeated;
struct background;
struct stepping;

/* What ExplainMixIn, which stands far above, says for those below it. */
struct ss_explaining {
    /* connect(2) to that address has come to `rc`, 0 or -errno. */
    void (*connected)(const struct ss_server *self, int fd, const struct sockaddr *to, socklen_t length,
                      int rc);
    /* A datagram was sent by ss_send_to. */
    void (*sent)(const struct ss_server *self, int fd, const struct ss_address *to, const struct iovec *data,
                 int rc);
    /* The look-up of a host and a port has come to `rc`: -errno, or how many addresses there are. */
    void (*found)(const struct ss_server *self, const char *host, const char *port,
                  const struct ss_address *addresses, int rc);
    /* As ss_explain. */
    void (*noted)(const struct ss_handler *h, const char *call, const char *note);
};

struct ss_core {
    int count; /* of the classes in mro */
    const struct ss_class
        *mro[SS_MAX_MRO];                 /* the server's classes in the order of search: Python's __mro__ */
    struct ss_class methods[SS_MAX_MRO];  /* [i]: the complete table of mro[i] and all that follow */
    void *state[SS_MAX_MRO];              /* [i]: ss_state of mro[i] */
    size_t request_state[SS_MAX_MRO];     /* [i]: where ss_request_state of mro[i] begins in a request */
    size_t request_size;                  /* of a struct request with all these behind it */
    struct ss_shared *shares[SS_MAX_MRO]; /* [i]: what all processes share for mro[i]; NULL: nothing */
    void *mapping;                        /* in which these lie, and its size; NULL: there are none */
    size_t mapping_size;
    struct ss_handler_class handler; /* the handler class, put together */
    bool has_streams;                /* its instances have rfile and wfile */
    bool is_tcp;       /* the socket is TCP's; another stream socket (SCTP) may have such addresses, too */
    bool loopbacks;    /* bound to ::1 and 127.0.0.1, by one socket; see tcp.c */
    bool takes_thread; /* each request takes a thread or a process, so no client may have them all */
    bool has_served;   /* ss_serve_forever was called */
    bool is_inherited; /* the socket was opened by another program, */
    bool was_blocking; /* as a blocking one, and is given back as such */
    bool shared;       /* further threads or processes of the server accept from the same socket */
    int kept_socket;   /* closed by the server, but kept open until the last of those has ended; -1: none */
    pid_t owner;       /* the process that bound the socket; 0: it is nobody's to give back or to remove */
    bool is_child;     /* this process was forked by a mix-in of the server */
    struct serving serving; /* of the thread that the server was made for */
    atomic_uint spawning;   /* handlers of this process that have tasks besides themselves; see tasks.h */
    atomic_uint in_reserve; /* connections that have one of the reserved descriptors; see idle.c */
    struct ss_stop *stop;   /* in memory that all processes of the server share */
    pthread_t taker;        /* the thread that takes requests, unless it runs a loop */
    struct store *store;    /* shared by all processes of the server, too; NULL: there was no memory for it */
    struct hall hall;       /* threads that wait for messages, outside of loops */
    atomic_ullong sender;   /* see station_sender; 0: none yet */
    struct own_mailbox {
        struct station station;
        uint32_t number;
        struct ss_ref ref;
        atomic_bool is_open;
    } own_mailbox;                  /* see own_mailbox.h */
    struct background *backgrounds; /* the functions of ss_background */
    struct repeated *repeated;      /* the functions of ss_every, the next one first; see clock.c */
    struct stepping *stepping;      /* see stepping.h; NULL: nobody steps this server */
    uint64_t canceled_at; /* when a drain first found children that go on after ss_cancel; 0: not yet */
};

/* The complete table of a server. */
#define methods_of(self) ((const struct ss_class *)(self)->core->methods)

/* class.c */
/* Puts the class together from its bases. 0, -EINVAL, -ENOMEM. */
int core_resolve(struct ss_core *core, const struct ss_class *const *bases);
/* Where the class stands among the server's; -1: it is none of them, or the server is closed (`core` NULL).
 */
int core_position(const struct ss_core *core, const struct ss_class *cls);
/* Calls the `defaults` of all classes, and then their `init`. */
void core_init_variables(struct ss_server *self);
/* Names a mistake in the program on stderr, as an assertion would, and ends it by abort(3). */
_Noreturn void give_up(const char *format, ...) SS_PRINTF(1, 2);
/* For such a message; the class may be NULL. */
const char *class_name(const struct ss_class *cls);

#endif
