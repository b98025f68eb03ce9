/* SPDX-License-Identifier: MIT */
/* How a shutdown is made known to all threads and processes of a server. */
#include "server/stop.h"
#include "server/core.h"
#include "server/wakeup.h"
#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { TRIES = 20 };

/* Threads of this process that are inside of advance(), and use the sockets. Not in memory that is shared
   with other processes: one of those may be killed inside. */
static atomic_int callers;

static void settle(void)
{
    while (atomic_load(&callers) > 0)
        sched_yield();
}

void stop_forked(void)
{
    atomic_store(&callers, 0);
}

/* Sockets, not pipes: one that is shut down can be read for ever, in all processes that have it, and
   shutdown(2) needs neither room nor memory. */
static int stop_open(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0 ? -errno : 0;
}

struct ss_stop *stop_new(void)
{
    struct ss_stop *stop =
        mmap(NULL, sizeof *stop, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (stop == MAP_FAILED)
        return NULL;
    stop->drain[0] = stop->drain[1] = stop->cancel[0] = stop->cancel[1] = -1;
    if (stop_open(stop->drain) == 0 && stop_open(stop->cancel) == 0)
        return stop;
    close_pipe(stop->drain);
    munmap(stop, sizeof *stop);
    return NULL;
}

void stop_free(struct ss_stop *stop)
{
    if (!stop)
        return;
    settle();
    close_pipe(stop->drain);
    close_pipe(stop->cancel);
    munmap(stop, sizeof *stop);
}

/* Makes the first end readable for good, in all processes, by its end or by a byte. Nobody else tells them,
   so it is tried again. */
static void tell_all(const int ends[2])
{
    for (int i = 0; i < TRIES; i++)
        if (shutdown(ends[1], SHUT_WR) == 0 || send(ends[1], "", 1, MSG_NOSIGNAL) > 0)
            return;
}

static void advance(struct ss_stop *stop, int stage)
{
    int saved = errno, before;
    atomic_fetch_add(&callers, 1);
    before = atomic_load(&stop->stage);
    if (before < DRAINING)
        atomic_store(&stop->since, ss_now());
    while (before < stage && !atomic_compare_exchange_weak(&stop->stage, &before, stage))
        ;
    /* also when the stage was reached before: who has reached it may not have come to this line yet */
    tell_all(stop->drain);
    if (stage == CANCELED)
        tell_all(stop->cancel);
    atomic_fetch_sub(&callers, 1);
    errno = saved;
}

void ss_shutdown(struct ss_server *self)
{
    if (self->core)
        advance(self->core->stop, DRAINING);
}

void ss_cancel(struct ss_server *self)
{
    if (self->core)
        advance(self->core->stop, CANCELED);
}

bool ss_draining(const struct ss_server *self)
{
    return !self->core || atomic_load_explicit(&self->core->stop->stage, memory_order_acquire) >= DRAINING;
}
