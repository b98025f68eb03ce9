/* SPDX-License-Identifier: MIT */
/* A thread that watches the directory, and the streams by which pages hear of it. */
#include "httpserver/live.h"
#include "event_source.h"
#include "httpserver/watch.h"
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE = 100 }; /* ms after a failure */

static const char channel[] = "live";
static const struct options *options;

struct state {
    struct watch *watch;
    int stop; /* an eventfd */
    bool started;
    pthread_t thread;
};

/* The directory's state, in all processes. */
struct directory_state {
    _Atomic uint64_t word; /* no other server and no later state has it */
    /* When the last change was noticed, or the server has begun: ms, as ss_now counts. */
    _Atomic uint64_t changed;
};

/* ---------------------------------------------------------------- telling */

/* If not all of the names can be told, it is anything that was changed. 1 or -errno. */
static int tell_change(struct ss_server *self, const struct watch_changes *changes)
{
    char data[4000];
    struct directory_state *now = ss_shared(self, &LiveMixIn);
    atomic_store(&now->changed, changes->noticed);
    size_t at = (size_t)snprintf(data, sizeof data, "%" PRIx64, atomic_fetch_add(&now->word, 1) + 1),
           head = at;
    bool all = !changes->others;
    for (size_t i = 0; all && i < changes->count; i++) {
        all = !strpbrk(changes->names[i], "\r\n");
        at += (size_t)snprintf(data + at, sizeof data - at, "\n/%s", changes->names[i]);
        all = all && at < sizeof data;
    }
    if (!all)
        data[head] = 0;
    int rc = es_publish(self, channel, &(struct es_event){.event = "change", .data = data});
    return rc < 0 ? rc : 1;
}

static void report_partial(struct watch *watch)
{
    if (watch_is_partial(watch))
        fprintf(stderr,
                "httpserver: --live: not all directories are watched: there are more than %d, or than the "
                "system allows (/proc/sys/fs/inotify/max_user_watches)\n",
                WATCH_DIRECTORIES);
}

/* The thread. After a failure it waits a moment, and looks at all of the directory. */
static void *follow_changes(void *server)
{
    const struct state *state = ss_state(server, &LiveMixIn);
    static const struct timespec pause = {.tv_nsec = PAUSE * 1000000};
    struct watch_changes changes;
    int rc = 0, before;
    do {
        before = rc;
        rc = watch_next(state->watch, state->stop, &changes);
        report_partial(state->watch);
        if (rc > 0 && (rc = tell_change(server, &changes)) < 0)
            watch_repeat(state->watch);
        if (rc < 0 && rc != before)
            fprintf(stderr, "httpserver: --live: what changes cannot be told for a moment: %s\n",
                    strerror(-rc));
        if (rc < 0)
            nanosleep(&pause, NULL);
    } while (rc != 0);
    return NULL;
}

/* ---------------------------------------------------------------- the mix-in */

/* Signals are for the thread that serves. */
static int start_thread(struct ss_server *self, struct state *state)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&state->thread, NULL, follow_changes, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    state->started = rc == 0;
    return -rc;
}

static void release(struct state *state)
{
    if (state->watch)
        watch_close(state->watch);
    if (state->stop >= 0)
        close(state->stop);
    state->watch = NULL;
    state->stop = -1;
}

/* Called once, and again for further sockets. */
static int server_activate(struct ss_server *self)
{
    struct state *state = ss_state(self, &LiveMixIn);
    struct timespec now;
    int rc = ss_super(self, &LiveMixIn)->server_activate(self);
    if (rc < 0 || state->started)
        return rc;
    clock_gettime(CLOCK_REALTIME, &now);
    struct directory_state *first = ss_shared(self, &LiveMixIn);
    atomic_store(&first->word, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
    atomic_store(&first->changed, ss_now());
    state->stop = eventfd(0, EFD_CLOEXEC);
    rc = state->stop < 0 ? -errno : watch_open(options->directory, options->dotfiles != 0, &state->watch);
    if (rc == 0)
        report_partial(state->watch);
    if (rc == 0)
        rc = start_thread(self, state);
    if (rc < 0)
        release(state);
    return rc;
}

static void server_close(struct ss_server *self)
{
    struct state *state = ss_state(self, &LiveMixIn);
    ss_super(self, &LiveMixIn)->server_close(self);
    if (!state->started)
        return;
    eventfd_write(state->stop, 1);
    pthread_join(state->thread, NULL);
    state->started = false;
    release(state);
}

const struct ss_class LiveMixIn = {
    .name = "LiveMixIn",
    .state_size = sizeof(struct state),
    .shared_size = sizeof(struct directory_state),
    .server_activate = server_activate,
    .server_close = server_close,
};

void live_begin(const struct options *what)
{
    options = what;
}

/* ---------------------------------------------------------------- what pages fetch */

/* It subscribes before it tells the state, so that no change is between the two; and says how long ago that
   came about: a page that was loaded before has not got it. */
static int open_stream(struct es *es)
{
    char data[40];
    const struct directory_state *now = ss_shared(es_server(es), &LiveMixIn);
    int rc = ss_subscribe(es_handler(es), channel, SS_END);
    if (rc < 0)
        return rc;
    uint64_t word = atomic_load(&now->word), ago = ss_now() - atomic_load(&now->changed);
    snprintf(data, sizeof data, "%" PRIx64 " %" PRIu64, word, ago);
    return es_send(es, &(struct es_event){.event = "state", .data = data});
}

static const struct es_class Stream = {.options = {.retry = 1000}, .open = open_stream};

static int send_script(struct ss_handler *h)
{
    static const struct http_field fields[] = {{.name = "Cache-Control", .value = "no-cache"},
                                               {.name = NULL}};
    return http_send_content(h, &(struct http_content){.type = "text/javascript; charset=utf-8",
                                                       .data = live_script,
                                                       .size = (int64_t)strlen(live_script),
                                                       .fields = fields});
}

int live_do_GET(struct ss_handler *h)
{
    const char *path = http_request(h)->path;
    if (strcmp(path, LIVE_EVENTS) == 0)
        return es_serve(h, &Stream);
    return strcmp(path, LIVE_SCRIPT) == 0 ? send_script(h) : http_do_GET(h);
}
