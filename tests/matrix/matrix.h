/* SPDX-License-Identifier: MIT */
/* The matrix test: every server class under every mix-in at every kind of address, with one handler.
 *
 * A trial is one combination. Its checks run one after another in a process of their own; each has a
 * server of its own in yet another process, whose exit status, standard error and belongings are looked
 * at when it ends. So what a check leaves behind disturbs nobody, and a server may fork and crash. */
#ifndef MATRIX_H
#define MATRIX_H

#include "socketserver.h"
#include <stdatomic.h>

enum { PATIENCE = 20000 };    /* ms until something that must happen counts as never */
enum { AT_ONCE = 2000 };      /* ms: generous for what takes a few */
enum { CROWD = 100 };         /* clients at once */
enum { IDLE = 30 };           /* clients that wait for nothing */
enum { BIG_ANSWER = 300000 }; /* bytes: more than a socket buffers */
enum { MAX_CLIENTS = CROWD + 20 };

/* ---- handler.c: the same object for all combinations ---- */

/* Seen by all processes of a trial. */
struct shared {
    atomic_int taken, shut;   /* successful get_request, shutdown_request */
    atomic_int turned_away;   /* verify_request said false */
    atomic_bool refuse;       /* it shall */
    atomic_int deputy, told;  /* see start_deputy; how often it was told */
    atomic_int failed, error; /* calls of handle_error, the last one's error */
};

/* What handlers find in server->context. */
struct hub {
    struct shared *shared;
    int events; /* they tell what has happened, a letter each */
    int gate;   /* some wait until this can be read */
};

/* The first byte of a request says what the handler is to do:
     e  echo everything                     i  "SIZE TRUNCATED" of a datagram
     p  echo one line, then park            w  wait a moment, then echo
     f  fail with -EUCLEAN                  b  an endless answer
     s  in progress when the drain begins: event s, then d; waits for the gate; a big answer
     x  stuck: event x, then d; waits for ever; event c when the wait was cancelled
     c  a chat, waits for it                k  a chat, is parked meanwhile
     l  a late reply, waits for it          L  a late reply, is parked meanwhile
     q  ss_shutdown, then "bye" */
extern const struct ss_handler_class MatrixHandler;
/* The leftmost class of every server: counts, and refuses. */
extern const struct ss_class Matrix;

/* ---- chat.c: the part of the handler that has to do with messages ---- */

int do_chat(struct ss_handler *h);
int do_reply(struct ss_handler *h);
int do_reply_parked(struct ss_handler *h);

/* ---- trial ---- */

struct model {
    const char *name;
    const struct ss_class *mixins[3];
    unsigned workers;
    int streams; /* connections that it serves at once; 0: as many as come */
};

struct place {
    const struct ss_class *base;
    const char *name;
    const char *address; /* a %s for a path or name */
    bool stream;
};

/* Where the mix-in stands that masks every byte (tests/masked.h), beside those of the model. */
enum side { PLAIN /* nowhere */, LEFT, RIGHT };

enum { MAX_TRIAL_BASES = 7 };

struct trial {
    const struct model *model;
    const struct place *place;
    enum side side;
    const char *prefix; /* of names that nobody else uses */
    int number;
    char address[108]; /* as given to the server */
    /* settings of the server to be launched; 0: the default */
    int shutdown_timeout;
    size_t max_packet_size;
    struct shared *shared;
    /* the server that runs */
    pid_t pid;                /* 0: none */
    int alive;                /* reads an end when its last process has ended */
    int events, gate, errors; /* the hub's other ends; its standard error */
    struct ss_address server_address;
    int clients[MAX_CLIENTS], client_count; /* closed when the check is over */
    int idle_ms;                            /* found by check_idle */
};

/* A check returns NULL for success, NOT_APPLICABLE, or what is wrong. */
extern const char NOT_APPLICABLE[];
struct check {
    const char *name;
    const char *(*run)(struct trial *t);
};
extern const struct check serving_checks[], talking_checks[], stopping_checks[]; /* end with a NULL name */
const char *check_cycles(struct trial *t);

/* A text that lasts until the next call. */
const char *because(const char *format, ...) SS_PRINTF(1, 2);

/* ---- launch.c: the server's process ---- */

/* The class of a trial, NULL at its end. */
void trial_bases(const struct trial *t, const struct ss_class *bases[MAX_TRIAL_BASES]);
/* A new address for the next server. */
void name_address(struct trial *t);
/* Starts a server and waits until it has answered; NULL or what is wrong. */
const char *launch(struct trial *t);
/* Waits for an event; false if it does not come. */
bool expect_event(struct trial *t, char event);
void open_gate(struct trial *t);
/* Tells it to shut down. */
void tell(struct trial *t);
/* Waits for its end; it must have exited with `status`, have written `lines` lines of errors and have
   closed what it accepted. NULL or what is wrong. */
const char *ended(struct trial *t, int status, int lines);
/* tell and ended, for a server that has nothing to complain about. */
const char *stop(struct trial *t);
/* Makes sure that nothing of a check is left. */
void clean_up(struct trial *t);
/* Another process that is told in the server's place, where that is better (signals.c). */
void start_deputy(struct ss_server *server, struct shared *shared);
void end_deputy(struct shared *shared, int *status);
/* A process of its own for `work`, with a place for its standard error; see alive and errors above. */
int spawn(struct trial *t, int (*work)(struct trial *t, void *argument), void *argument);

/* ---- stock.c: what a process owns ---- */

struct stock {
    int descriptors, threads, children;
    size_t heap; /* bytes allocated */
};
void take_stock(struct stock *stock);
/* Says on stderr what is more than before; the number of such things. Threads are given a moment to
   leave /proc. */
int compare_stock(const struct stock *before, bool heap);
/* Has the C library count precisely; may start the program anew. */
void prepare_stock(char **argv);

/* ---- client.c: plain sockets, so that the framework is not tested with itself ---- */

/* Connects a client; -1 if that is not possible. */
int client(struct trial *t);
/* Sends it all, reading what comes back until `expected` bytes are there; false if either fails. */
bool exchange(const struct trial *t, int fd, const char *request, size_t size, char *reply, size_t expected);
/* Sends all of it. */
bool send_all(const struct trial *t, int fd, const char *data, size_t size);
/* The server has closed the connection, within `ms`, with nothing more sent. */
bool at_end(int fd, int ms);
/* A new client gets `size` bytes back, the first an e. */
bool echo(struct trial *t, size_t size);
/* Nobody listens any more, within `ms`. */
bool nobody_listens(struct trial *t, int ms);
void close_clients(struct trial *t);
/* Vanishes without a word (TCP: RST). */
void vanish(struct trial *t, int fd, bool reset);

#endif
