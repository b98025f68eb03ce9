/* SPDX-License-Identifier: MIT */
/* How the framework waits: through the poll method, for what it needs and for the socket by which a shutdown
   ends the wait. */
#include "server/wait.h"
#include "server/core.h"
#include "server/serving.h"
#include "server/shortage.h"
#include "server/stop.h"
#include "server/tasks.h"
#include "server/timer.h"
#include "server/wakeup.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RESTS = 100 };        /* how often a handler's wait is tried anew when there is no memory */
enum { NO_WAKE_PAUSE = 10 }; /* ms between two looks, where no descriptor was left for what wakes a process */

/* ---------------------------------------------------------------- waiting */

static int between(uint64_t now, uint64_t end)
{
    return now >= end ? 0 : end - now > INT32_MAX ? INT32_MAX : (int)(end - now);
}

int ms_until(uint64_t deadline)
{
    return deadline == TIMER_NEVER ? -1 : between(ss_now(), deadline);
}

/* Milliseconds until the earlier of two limits: `ms` after `start`, and `deadline` (0: none); -1: none. */
static int left_at(uint64_t now, int ms, uint64_t start, uint64_t deadline)
{
    uint64_t end = ms < 0 ? UINT64_MAX : start + (uint64_t)ms;
    if (deadline && deadline < end)
        end = deadline;
    return end == UINT64_MAX ? -1 : between(now, end);
}

static int time_left(int ms, uint64_t start, uint64_t deadline)
{
    return ms < 0 && !deadline ? -1 : left_at(ss_now(), ms, start, deadline);
}

static int poll_system(struct pollfd *fds, nfds_t count, int ms)
{
    int rc = poll(fds, count, ms);
    return rc < 0 ? -errno : rc;
}

static int poll_plainly(struct ss_server *self, struct ss_request *request, struct pollfd *fds, nfds_t count,
                        int ms)
{
    if (request)
        return methods_of(self)->await(self, request, fds, count, ms);
    return self && !thread_is_foreign() ? methods_of(self)->poll(self, fds, count, ms)
                                        : poll_system(fds, count, ms);
}

/* The same for a task of a handler, and for a handler that has some: it ends with -ECANCELED when they are to
   end. */
static int poll_of_task(struct ss_server *self, struct ss_request *request, const struct ss_tasks *tasks,
                        struct pollfd *fds, nfds_t count, int ms)
{
    struct pollfd few[8], *all = few;
    if (atomic_load(&tasks->canceled))
        return -ECANCELED;
    if (count + 1 > sizeof few / sizeof *few && !(all = calloc(count + 1, sizeof *all)))
        return -ENOMEM;
    if (count)
        memcpy(all, fds, count * sizeof *fds);
    all[count] = (struct pollfd){.fd = tasks->cancel[0], .events = POLLIN};
    int rc = poll_plainly(self, request, all, count + 1, ms);
    if (count)
        memcpy(fds, all, count * sizeof *fds);
    bool canceled = rc > 0 && all[count].revents;
    if (all != few)
        free(all);
    return canceled ? -ECANCELED : rc;
}

/* `request`: whose mailbox ends the wait, too; NULL: none. */
static int server_poll(struct ss_server *self, struct ss_request *request, struct pollfd *fds, nfds_t count,
                       int ms)
{
    const struct ss_tasks *tasks = self && atomic_load_explicit(&self->core->spawning, memory_order_relaxed)
                                       ? tasks_current(self)
                                       : NULL;
    return tasks ? poll_of_task(self, request, tasks, fds, count, ms)
                 : poll_plainly(self, request, fds, count, ms);
}

/* Is a wait of `ms` that has ended with `rc` to be begun anew? Yes after a signal, and, when there was no
   memory, after a moment in which others run. */
static bool goes_on(struct ss_server *self, int rc, int ms)
{
    if (rc != -ENOMEM || ms == 0)
        return rc == -EINTR;
    rc = poll_plainly(self, NULL, NULL, 0, REST);
    if (rc < 0 && rc != -EINTR)
        rest();
    return true;
}

/* Must this wait look at the end of the drain? Where a server does one thing at a time, the thread that would
   is inside of the handler. */
static bool keeps_time(const struct ss_server *self)
{
    return self && !serving_current() && !thread_is_foreign() &&
           pthread_equal(self->core->taker, pthread_self());
}

/* As server_poll, for a wait that a drain does not end, but the end of the drain's time. `fds` has room for
   one descriptor more. -EINTR when the drain begins or its time is over. */
static int poll_draining(struct ss_server *self, struct ss_request *request, struct pollfd *fds, nfds_t count,
                         int ms)
{
    if (!keeps_time(self))
        return server_poll(self, request, fds, count, ms);
    bool draining = ss_draining(self);
    int left = draining ? time_left(self->shutdown_timeout, atomic_load(&self->core->stop->since), 0) : -1;
    bool limited = left >= 0 && (ms < 0 || left < ms);
    fds[count] = (struct pollfd){.fd = draining ? -1 : self->core->stop->drain[0], .events = POLLIN};
    int rc = server_poll(self, request, fds, count + 1, limited ? left : ms);
    if (rc == 0 && limited &&
        time_left(self->shutdown_timeout, atomic_load(&self->core->stop->since), 0) == 0)
        ss_cancel(self);
    else if (rc <= 0 || !fds[count].revents)
        return rc;
    return rc > 1 ? rc - 1 : -EINTR;
}

/* One wait, which may end early with an error that goes_on knows. */
static int wait_once(struct ss_server *self, int fd, short events, int ms, int until)
{
    struct pollfd fds[3] = {{.fd = fd, .events = events}, {.fd = -1, .events = POLLIN}};
    if (self && until != NEVER)
        fds[1].fd = until == DRAINING ? self->core->stop->drain[0] : self->core->stop->cancel[0];
    nfds_t count = fds[1].fd < 0 ? 1 : 2;
    int rc = until == CANCELED ? poll_draining(self, NULL, fds, count, ms)
                               : server_poll(self, NULL, fds, count, ms);
    if (rc > 0) /* POLLNVAL: a handler has closed a descriptor that was not its own. That cancels nothing */
        return fds[1].revents & POLLNVAL ? -EBADF : fds[1].revents ? -ECANCELED : 0;
    return rc == 0 ? -ETIMEDOUT : rc;
}

int server_wait(struct ss_server *self, int fd, short events, int ms, uint64_t deadline, int until)
{
    bool limited = ms > 0 || deadline;
    uint64_t start = limited ? ss_now() : 0, now = start;
    for (;;) {
        int left = limited ? left_at(now, ms, start, deadline) : ms;
        int rc = wait_once(self, fd, events, left, until);
        if (rc >= 0 || !goes_on(self, rc, left))
            return rc;
        now = limited ? ss_now() : 0;
    }
}

int server_await(struct ss_server *self, struct ss_request *request, struct pollfd *fd, int ms, int until)
{
    const struct ss_stop *stop = self->core->stop;
    struct pollfd fds[3] = {*fd,
                            {.fd = until == DRAINING ? stop->drain[0] : stop->cancel[0], .events = POLLIN}};
    int rc =
        until == CANCELED ? poll_draining(self, request, fds, 2, ms) : server_poll(self, request, fds, 2, ms);
    if (rc > 0 && fds[1].revents)
        return -ECANCELED;
    fd->revents = rc > 0 ? fds[0].revents : 0;
    return rc < 0 && goes_on(self, rc, ms) ? 0 : rc;
}

/* Waits for the caller's descriptors and for the socket that ends such waits. `all` has room for two more. */
static int poll_cancelable(struct ss_server *self, struct pollfd *all, struct pollfd *fds, nfds_t count,
                           int ms, int until)
{
    uint64_t start = ss_now();
    int rc, left;
    if (count)
        memcpy(all, fds, count * sizeof *fds);
    const struct ss_stop *stop = self->core->stop;
    all[count] =
        (struct pollfd){.fd = until == DRAINING ? stop->drain[0] : stop->cancel[0], .events = POLLIN};
    do {
        left = ms < 0 ? -1 : time_left(ms, start, 0);
        rc = until == DRAINING ? server_poll(self, NULL, all, count + 1, left)
                               : poll_draining(self, NULL, all, count + 1, left);
    } while (goes_on(self, rc, left));
    if (rc > 0 && all[count].revents)
        return -ECANCELED;
    if (count)
        memcpy(fds, all, count * sizeof *fds);
    return rc;
}

int poll_also(struct ss_server *self, const struct ss_class *super, struct pollfd *fds, nfds_t count, int ms,
              struct pollfd *own, nfds_t own_count, int own_ms)
{
    struct pollfd few[8], *all = few;
    bool ours = own_ms >= 0 && (ms < 0 || own_ms < ms);
    if (count + own_count > sizeof few / sizeof *few && !(all = calloc(count + own_count, sizeof *all)))
        return -ENOMEM;
    if (count)
        memcpy(all, fds, count * sizeof *fds);
    if (own_count)
        memcpy(all + count, own, own_count * sizeof *own);
    int rc = super->poll(self, all, count + own_count, ours ? own_ms : ms), ready = 0;
    for (nfds_t i = 0; i < count; i++)
        ready += (fds[i].revents = all[i].revents) != 0;
    for (nfds_t i = 0; i < own_count; i++)
        own[i].revents = all[count + i].revents;
    if (all != few)
        free(all);
    return rc < 0 || ready ? (rc < 0 ? rc : ready) : rc > 0 || ours ? -EINTR : 0;
}

/* A handler that never has to wait learns here that it must end. */
static int let_others_run(struct ss_server *self)
{
    int rc = poll_plainly(self, NULL, NULL, 0, 0);
    if (ss_draining(self) && keeps_time(self) &&
        time_left(self->shutdown_timeout, atomic_load(&self->core->stop->since), 0) == 0)
        ss_cancel(self);
    if (atomic_load_explicit(&self->core->stop->stage, memory_order_relaxed) >= CANCELED)
        return -ECANCELED;
    if (atomic_load_explicit(&self->core->spawning, memory_order_relaxed)) {
        const struct ss_tasks *tasks = tasks_current(self);
        if (tasks && atomic_load(&tasks->canceled))
            return -ECANCELED;
    }
    return rc < 0 && rc != -EINTR ? rc : 0;
}

int ss_sleep(struct ss_server *self, int ms)
{
    if (ms <= 0)
        return let_others_run(self);
    int rc = poll_cancelable(self, (struct pollfd[2]){{0}}, NULL, 0, ms, CANCELED);
    return rc < 0 ? rc : 0;
}

int ss_offload(struct ss_server *self, int (*function)(void *), void *argument)
{
    return methods_of(self)->offload(self, function, argument);
}

/* How many descriptors are ready now, or -errno. */
static int poll_now(struct pollfd *fds, nfds_t count)
{
    int rc = poll_system(fds, count, 0);
    for (int i = 0; rc == -EINTR || (rc == -ENOMEM && i < RESTS); i++) {
        if (rc == -ENOMEM)
            rest();
        rc = poll_system(fds, count, 0);
    }
    return rc;
}

/* An event loop says what has become ready. It may have been used up since, so poll(2) is asked, too. */
static int poll_for_state(struct ss_server *self, struct pollfd *all, struct pollfd *fds, nfds_t count,
                          int ms, int until)
{
    uint64_t start = ss_now();
    int rc;
    do {
        rc = poll_cancelable(self, all, fds, count, ms < 0 ? -1 : time_left(ms, start, 0), until);
        if (rc <= 0 || !serving_current())
            return rc;
        rc = poll_now(fds, count);
    } while (rc == 0);
    return rc;
}

static int poll_until(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms, int until)
{
    enum { STREAK = 16 };
    struct pollfd few[8], *all = few;
    /* The poll method may wait for a change, so what is ready already must be found before. */
    int rc = poll_now(fds, count);
    if (rc < 0)
        return rc;
    if (rc > 0)
        note_poll();
    if (rc > 0 || ms == 0) {
        int canceled = ms == 0 || polls_made() % STREAK == 0 ? ss_sleep(self, 0) : 0;
        if (rc == 0 && canceled == 0 && until == DRAINING && ss_draining(self))
            canceled = -ECANCELED;
        return canceled < 0 ? canceled : rc;
    }
    if (count + 2 > sizeof few / sizeof *few && !(all = calloc(count + 2, sizeof *all)))
        return -ENOMEM;
    for (nfds_t i = 0; i < count; i++) /* a handler can close a descriptor, and open the number again */
        methods_of(self)->adopt(self, fds[i].fd, NULL);
    rc = poll_for_state(self, all, fds, count, ms, until);
    if (rc > 0)
        note_poll();
    if (all != few)
        free(all);
    return rc;
}

int ss_poll(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms)
{
    return count == 0 && ms >= 0 ? ss_sleep(self, ms) : poll_until(self, fds, count, ms, CANCELED);
}

int ss_poll_idle(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms)
{
    return poll_until(self, fds, count, ms, DRAINING);
}

/* ---------------------------------------------------------------- requests that go on elsewhere */

int server_wait_active(struct ss_server *self, unsigned limit, int ms, int until)
{
    struct serving *serving = serving_of(self);
    int rc = 0, pause = serving->wake[0] < 0 ? NO_WAKE_PAUSE : ms < 0 ? -1 : LOOK_AGAIN;
    if (atomic_load(&serving->active) <= limit)
        return 0;
    uint64_t deadline = ms < 0 ? 0 : ss_now() + (uint64_t)ms;
    atomic_store(&serving->waiting, true);
    while (rc == 0 && atomic_load(&serving->active) > limit) {
        rc = wait_once(self, serving->wake[0], POLLIN, time_left(pause, ss_now(), deadline), until);
        if (rc == 0)
            wakeup_take(serving->wake);
        if (goes_on(self, rc, LOOK_AGAIN) || (rc == -ETIMEDOUT && (!deadline || ss_now() < deadline)))
            rc = 0;
        if (rc == -ETIMEDOUT && atomic_load(&serving->active) <= limit)
            rc = 0;
    }
    atomic_store(&serving->waiting, false);
    return rc;
}

/* ---------------------------------------------------------------- threads that are about to end */

void server_wait_thread(struct ss_server *self, const atomic_bool *over)
{
    const int *wake = self->core->serving.wake;
    while (!atomic_load(over))
        if (server_wait(self, wake[0], POLLIN, LOOK_AGAIN, 0, NEVER) == 0)
            wakeup_take(wake);
}

void thread_is_over(struct ss_server *self, atomic_bool *over)
{
    atomic_store(over, true);
    (void)wakeup_send(self->core->serving.wake);
}
