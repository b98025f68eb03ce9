/* SPDX-License-Identifier: MIT */
/* What a server that is stepped waits for. It is in the poller between two steps only: a descriptor that is
   closed inside of a step, and that a forked process still has, would stay there for good. */
#include "server/stepping.h"
#include "server/core.h"
#include "server/poller.h"
#include "server/timer.h"
#include "server/wait.h"
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    SLICE = 2
}; /* ms after which a step ends, though there is more to do: others run in this thread, too */
enum { LOOK = 10 }; /* ms until the next look at a descriptor for which there was no memory in the poller */

static _Thread_local struct stepping *inside_of;

struct stepping *stepping_current(void)
{
    return inside_of;
}

struct stepping *stepping_enter(struct stepping *stepping)
{
    struct stepping *before = inside_of;
    inside_of = stepping;
    if (stepping)
        stepping->slice_end = ss_now() + SLICE;
    return before;
}

bool stepping_is_over(const struct stepping *stepping)
{
    return ss_now() >= stepping->slice_end;
}

/* ---------------------------------------------------------------- the poller and the timer */

/* -1: no time. A timer that has told tells no more. */
static void set_timer(struct stepping *stepping, int ms)
{
    struct itimerspec time = {.it_value = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}};
    if (ms < 0 && !stepping->is_timed)
        return;
    if (ms <= 0)
        time.it_value = (struct timespec){.tv_nsec = ms < 0 ? 0 : 1};
    (void)timerfd_settime(stepping->timer, 0, &time, NULL);
    stepping->is_timed = ms >= 0;
}

int stepping_open(struct stepping *stepping)
{
    stepping->poller = NULL;
    stepping->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int rc = stepping->timer < 0 ? -errno : poller_open(&stepping->poller, POLLER_LEVEL);
    if (rc == 0)
        rc = poller_add(stepping->poller, stepping->timer, POLLIN, 0, false);
    if (rc < 0)
        stepping_close(stepping);
    else
        set_timer(stepping, 0);
    return rc;
}

void stepping_close(struct stepping *stepping)
{
    poller_close(stepping->poller);
    if (stepping->timer >= 0)
        close(stepping->timer);
}

void stepping_done(struct stepping *stepping)
{
    set_timer(stepping, -1);
}

/* It still runs on the stack that was made for the steps, and its memory ends with the process. */
void stepping_forget(struct ss_server *self)
{
    (void)stepping_enter(NULL);
    if (self->core->stepping)
        stepping_close(self->core->stepping);
    self->core->stepping = NULL;
}

/* ---------------------------------------------------------------- a wait */

/* What is waited for on the i-th one's descriptor, also by those before it. */
static short all_events(const struct pollfd *fds, nfds_t i)
{
    short events = fds[i].events;
    for (nfds_t j = 0; j < i; j++)
        events |= fds[j].fd == fds[i].fd ? fds[j].events : 0;
    return events;
}

static int watch_one(struct stepping *stepping, const struct pollfd *fds, nfds_t i)
{
    int rc = poller_add(stepping->poller, fds[i].fd, fds[i].events, 0, false);
    return rc == -EEXIST ? poller_want(stepping->poller, fds[i].fd, all_events(fds, i), 0) : rc;
}

/* Returns in how many milliseconds to look again: `ms`, or earlier. What the poller does not take is ready, a
   file, or closed; or there is no memory. */
static int watch_all(struct stepping *stepping, const struct pollfd *fds, nfds_t count, int ms)
{
    for (nfds_t i = 0; i < count; i++) {
        int rc = fds[i].fd < 0 ? 0 : watch_one(stepping, fds, i);
        if (rc == -EPERM || rc == -EBADF)
            ms = 0;
        else if (rc < 0 && (ms < 0 || ms > LOOK))
            ms = LOOK;
    }
    return ms;
}

void stepping_leave(struct stepping *stepping, const struct pollfd *fds, nfds_t count, int ms)
{
    set_timer(stepping, watch_all(stepping, fds, count, ms));
    stepping->leave(stepping);
    for (nfds_t i = 0; i < count; i++)
        if (fds[i].fd >= 0)
            poller_remove(stepping->poller, fds[i].fd);
}

static int look_at_once(struct pollfd *fds, nfds_t count)
{
    int rc = count ? poll(fds, count, 0) : 0;
    return rc < 0 ? -errno : rc;
}

int stepping_poll(struct stepping *stepping, struct pollfd *fds, nfds_t count, int ms)
{
    uint64_t deadline = ms < 0 ? TIMER_NEVER : ss_now() + (uint64_t)ms;
    int rc = look_at_once(fds, count), left = ms;
    bool is_over = stepping_is_over(stepping);
    while (rc >= 0 && (is_over || (rc == 0 && left != 0))) {
        stepping_leave(stepping, fds, count, rc == 0 ? left : 0);
        is_over = false; /* so that each step does something, however slow it is */
        rc = look_at_once(fds, count);
        left = ms_until(deadline);
    }
    return rc;
}
