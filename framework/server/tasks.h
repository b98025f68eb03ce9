/* SPDX-License-Identifier: MIT */
/* Tasks that a handler has started besides itself (ss_spawn). They and the handler end together: a wait of
   any of them ends when the handler has returned, or one of them has failed. */
#ifndef SS_TASKS_H
#define SS_TASKS_H

#include "socketserver.h"
#include <pthread.h>
#include <stdatomic.h>

/* One of them. */
struct spawned {
    struct spawned *next;
    struct ss_tasks *tasks;
    int (*run)(struct ss_handler *h, void *argument);
    void *argument;
    struct ss_handler own; /* its streams are a second one of the connection; NULL: there is none */
    bool has_thread;
    pthread_t thread;
};

struct ss_tasks {
    struct ss_handler *h;
    struct spawned *list;
    atomic_uint running;
    atomic_int error;        /* the first one of theirs, -errno; 0: none */
    atomic_bool canceled;    /* waits end */
    int cancel[2], ended[2]; /* see wakeup.h: waits end; the last one has ended */
    struct ss_tasks *outer;  /* of the handler in which this server is run, say */
};

/* The tasks to which the calling thread or coroutine belongs; NULL: to none. */
struct ss_tasks *tasks_current(const struct ss_server *self);
/* From now on it belongs to these. Returns those before. */
struct ss_tasks *tasks_enter(const struct ss_server *self, struct ss_tasks *tasks);
/* The same for the calling thread, whatever it serves with. */
struct ss_tasks *tasks_exchange(struct ss_tasks *tasks);
/* Waits of all of them end. */
void tasks_cancel(struct ss_tasks *tasks);
/* What each of them does, in its thread or coroutine. */
void tasks_run(struct spawned *spawned);
/* join.c: waits until all have ended; they are canceled. */
void tasks_end(struct ss_handler *h);

#endif
