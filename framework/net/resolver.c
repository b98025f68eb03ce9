/* SPDX-License-Identifier: MIT */
/* Threads for look-ups. getaddrinfo(3) takes as long as the name servers please, and cannot be cut short: who
   does not want to wait any longer leaves it to its thread, and what it finds is thrown away. So the threads
   belong to the process, and not to a server, which may be closed by then. */
#include "net/resolver.h"
#include "server/stop.h"
#include "server/wait.h"
#include "server/wakeup.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum { RESOLVER_THREADS = 32 }; /* of the process; further look-ups wait until one is free */
/* ms: when no thread can be made, it is tried again after a pause, for so long in all */
enum { NO_THREAD_PAUSE = 50, NO_THREAD_TIME = 10000 };

enum stage { QUEUED, RUNNING_NOW, DONE, GIVEN_UP };

struct call {
    struct call *next;
    int (*function)(void *);
    void *argument;
    enum stage stage;
    int rc;
    int wake[2]; /* for who waits */
};

static struct {
    pthread_mutex_t lock;
    struct call *first, **last; /* waiting for a thread */
    unsigned threads;           /* none of them is idle: one that finds no call ends */
} resolver = {.lock = PTHREAD_MUTEX_INITIALIZER, .last = &resolver.first};

/* ---------------------------------------------------------------- forks */

static void lock_resolver(void)
{
    pthread_mutex_lock(&resolver.lock);
}

static void unlock_resolver(void)
{
    pthread_mutex_unlock(&resolver.lock);
}

/* The threads are the parent's, and so are those who wait. */
static void begin_without_threads(void)
{
    resolver.threads = 0;
    resolver.first = NULL;
    resolver.last = &resolver.first;
    unlock_resolver();
}

static void watch_forks_of_resolver(void)
{
    (void)pthread_atfork(lock_resolver, unlock_resolver, begin_without_threads);
}

/* ---------------------------------------------------------------- threads */

static void call_free(struct call *call)
{
    wakeup_close(call->wake);
    free(call);
}

static struct call *take_call(void)
{
    struct call *call = resolver.first;
    if (call) {
        resolver.first = call->next;
        if (!resolver.first)
            resolver.last = &resolver.first;
        call->stage = RUNNING_NOW;
    }
    return call;
}

/* With the lock held, so that who waits does not free the call meanwhile. */
static void end_call(struct call *call, int rc)
{
    if (call->stage == GIVEN_UP) {
        free(call->argument);
        call_free(call);
        return;
    }
    call->rc = rc;
    call->stage = DONE;
    (void)wakeup_send(call->wake);
}

static void *make_calls(void *none)
{
    struct call *call;
    (void)none;
    (void)pthread_detach(pthread_self());
    lock_resolver();
    while ((call = take_call())) {
        unlock_resolver();
        int rc = call->function(call->argument);
        lock_resolver();
        end_call(call, rc);
    }
    resolver.threads--;
    unlock_resolver();
    return NULL;
}

/* Signals are for the program's own threads. */
static int make_thread_without_signals(void)
{
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = -pthread_create(&thread, NULL, make_calls, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

/* With the lock held. 0, or -EAGAIN: calls wait, and there is no thread at all. */
static int make_thread_for_calls(void)
{
    if (!resolver.first || resolver.threads >= RESOLVER_THREADS)
        return 0;
    int rc = make_thread_without_signals();
    resolver.threads += rc == 0;
    return resolver.threads ? 0 : rc;
}

/* ---------------------------------------------------------------- who waits */

static bool has_ended(const struct call *call)
{
    lock_resolver();
    bool ended = call->stage == DONE;
    unlock_resolver();
    return ended;
}

/* Looks for threads again now and then: there may have been none for this call. */
static int wait_for_call(struct ss_server *self, const struct call *call, uint64_t deadline)
{
    for (uint64_t start = ss_now();;) {
        lock_resolver();
        int made = make_thread_for_calls();
        unlock_resolver();
        int rc = server_wait(self, call->wake[0], POLLIN, made < 0 ? NO_THREAD_PAUSE : LOOK_AGAIN, deadline,
                             CANCELED);
        if (rc != -ETIMEDOUT || has_ended(call))
            return rc;
        uint64_t now = ss_now();
        if (deadline && now >= deadline)
            return -ENONET;
        if (made < 0 && now - start >= NO_THREAD_TIME)
            return made;
    }
}

static void leave_queue(const struct call *call)
{
    struct call **at = &resolver.first;
    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
    if (!*at)
        resolver.last = at;
}

/* Ends the wait; `rc`: why it is over. */
static int take_result(struct call *call, int rc, void **argument)
{
    lock_resolver();
    enum stage stage = call->stage;
    if (stage == DONE) {
        rc = call->rc;
    } else if (stage == QUEUED) {
        leave_queue(call);
    } else {
        call->stage = GIVEN_UP;
        *argument = NULL;
    }
    unlock_resolver();
    if (stage != RUNNING_NOW)
        call_free(call);
    return rc;
}

int resolver_call(struct ss_server *self, int (*function)(void *), void **argument, uint64_t deadline)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct call *call = malloc(sizeof *call);
    if (!call)
        return -ENOMEM;
    *call = (struct call){.function = function, .argument = *argument};
    int rc = wakeup_open(call->wake);
    if (rc < 0) {
        free(call);
        return rc;
    }
    pthread_once(&once, watch_forks_of_resolver);
    lock_resolver();
    *resolver.last = call;
    resolver.last = &call->next;
    unlock_resolver();
    return take_result(call, wait_for_call(self, call, deadline), argument);
}
