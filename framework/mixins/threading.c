/* SPDX-License-Identifier: MIT */
/* ThreadingMixIn: a thread for each request. */
#include "server/core.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct worker {
    struct worker *next;
    pthread_t thread;
    struct ss_server *server;
    struct ss_request *request;
};

/* Threads that have ended are joined by the one that serves: when the server is closed, none is left
   that could still look at it. */
struct threading {
    pthread_mutex_t lock;
    struct worker *ended;
};

static void defaults(struct ss_server *self)
{
    struct threading *state = ss_state(self, &ThreadingMixIn);
    pthread_mutex_init(&state->lock, NULL);
    self->max_requests = 1024;
    self->core->takes_thread = true;
}

static void *run_request(void *argument)
{
    struct worker *w = argument;
    struct threading *state = ss_state(w->server, &ThreadingMixIn);
    thread_enters(); /* for good */
    (void)ss_super(w->server, &ThreadingMixIn)->process_request(w->server, w->request);
    pthread_mutex_lock(&state->lock);
    w->next = state->ended;
    state->ended = w;
    pthread_mutex_unlock(&state->lock);
    ss_request_ended(w->server);
    return NULL;
}

static void join_ended(struct ss_server *self)
{
    struct threading *state = ss_state(self, &ThreadingMixIn);
    pthread_mutex_lock(&state->lock);
    struct worker *w = state->ended;
    state->ended = NULL;
    pthread_mutex_unlock(&state->lock);
    while (w) {
        struct worker *next = w->next;
        pthread_join(w->thread, NULL);
        free(w);
        w = next;
    }
}

static int process_request(struct ss_server *self, struct ss_request *request)
{
    join_ended(self);
    struct worker *w = malloc(sizeof *w);
    if (!w)
        return -ENOMEM;
    *w = (struct worker){.server = self, .request = request};
    ss_request_started(self);
    int rc = pthread_create(&w->thread, NULL, run_request, w);
    if (rc == 0)
        return 0;
    ss_request_ended(self);
    free(w);
    return -rc;
}

static void server_close(struct ss_server *self)
{
    ss_super(self, &ThreadingMixIn)->server_close(self);
    join_ended(self);
    pthread_mutex_destroy(&((struct threading *)ss_state(self, &ThreadingMixIn))->lock);
}

const struct ss_class ss_ThreadingMixIn = {
    .name = "ThreadingMixIn",
    .rank = RANK_RUNS,
    .state_size = sizeof(struct threading),
    .defaults = defaults,
    .process_request = process_request,
    .server_close = server_close,
};
