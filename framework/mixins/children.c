/* SPDX-License-Identifier: MIT */
/* Children of a server: processes that are forked to work on its requests, and whose end is noticed without a
   signal handler. A pidfd tells of it, of nothing else, and is nobody else's. Where the kernel has none it is
   a pipe that closes with the process; but whoever inherits it keeps it open, and a process may close it and
   go on, so such a child is looked at now and then, and one that cannot be waited for is looked at as well.
 */
#include "mixins/children.h"
#include "server/core.h"
#include "server/mail.h"
#include "server/process.h"
#include "server/stop.h"
#include "server/wait.h"
#include "server/wakeup.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GRACE = 1000 };                      /* ms for a child whose waits were ended; then it is killed */
enum { FIRST_PAUSE = 1, LAST_PAUSE = 256 }; /* ms between two looks, twice as long each time */

/* ---------------------------------------------------------------- making them */

/* Too few descriptors, or too little memory, say nothing of the kernel. */
static bool has_pidfds(void)
{
    static atomic_int known; /* 1: yes, -1: no */
    if (atomic_load(&known) == 0) {
        int fd = open_pidfd(getpid());
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
            return true;
        atomic_store(&known, fd < 0 ? -1 : 1);
        if (fd >= 0)
            close(fd);
    }
    return atomic_load(&known) > 0;
}

/* What is in the buffers would be written by the child once more, or be lost when it ends. Not fflush(NULL),
   which waits for a thread that sits in getchar(). */
static void flush_output(void)
{
    FILE *files[] = {stdout, stderr};
    for (int i = 0; i < 2; i++) {
        if (ftrylockfile(files[i]) != 0)
            continue;
        fflush_unlocked(files[i]);
        funlockfile(files[i]);
    }
}

/* When no descriptor is left it is looked at instead. */
static void watch(struct child *child)
{
    child->is_pidfd = has_pidfds();
    if (child->is_pidfd)
        child->fd = open_pidfd(child->pid);
    child->pause = child->fd < 0 ? FIRST_PAUSE : LAST_PAUSE;
    child->look = ss_now() + (uint64_t)child->pause;
}

pid_t child_fork(struct ss_server *self, struct child **children)
{
    int alive[2] = {-1, -1};
    struct child *child = calloc(1, sizeof *child);
    if (!child)
        return -ENOMEM;
    if (!has_pidfds() && open_pipe(alive) < 0)
        alive[0] = alive[1] = -1;
    flush_output();
    pid_t pid = process_fork();
    int rc = -errno;
    if (pid == 0) { /* the other end of the pipe closes with the process, however it ends */
        if (alive[0] >= 0)
            close(alive[0]);
        free(child);
        methods_of(self)->forked(self);
        return 0;
    }
    if (alive[1] >= 0)
        close(alive[1]);
    *child = (struct child){.next = *children, .pid = pid, .fd = alive[0], .started = ss_now()};
    if (pid < 0) {
        child_free(child);
        return rc;
    }
    watch(child);
    *children = child;
    return pid;
}

void child_free(struct child *child)
{
    if (child->fd >= 0)
        close(child->fd);
    free(child);
}

void children_forget(struct child **children)
{
    for (struct child *next, *c = *children; c; c = next) {
        next = c->next;
        child_free(c);
    }
    *children = NULL;
}

void child_exit(int status)
{
    flush_output();
    _exit(status);
}

/* ---------------------------------------------------------------- their end */

/* -ECHILD: somebody else has waited for it, or it is nobody's business by the application's choice. */
static bool child_has_ended(struct child *child)
{
    pid_t pid = waitpid(child->pid, &child->status, WNOHANG);
    return pid == child->pid || (pid < 0 && errno == ECHILD);
}

/* Its descriptor is not there, or has told all that it can. */
static bool must_be_looked_at(const struct child *child)
{
    return child->fd < 0 || child->told;
}

static void look_later(struct child *child, uint64_t now)
{
    if (now < child->look)
        return;
    if (child->is_pidfd && child->fd < 0 && (child->fd = open_pidfd(child->pid)) >= 0)
        return;
    if (must_be_looked_at(child))
        child->pause = child->pause * 2 < LAST_PAUSE ? child->pause * 2 : LAST_PAUSE;
    child->look = now + (uint64_t)child->pause;
}

void children_reap(struct ss_server *self, struct child **children,
                   void (*ended)(struct ss_server *, struct child *))
{
    uint64_t now = *children ? ss_now() : 0;
    while (*children) {
        struct child *child = *children;
        if (!child_has_ended(child)) {
            look_later(child, now);
            children = &child->next;
            continue;
        }
        *children = child->next;
        stations_child_ended(self, child->pid);
        ended(self, child);
    }
}

bool child_crashed(const struct ss_server *self, const struct child *child)
{
    return WIFSIGNALED(child->status) && atomic_load(&self->core->stop->stage) < CANCELED;
}

static void kill_all(struct child *children)
{
    for (; children; children = children->next)
        kill(children->pid, SIGKILL);
}

void keeper_begin(struct keeper *keeper)
{
    keeper->thread = pthread_self();
    keeper->is_set = true;
}

bool keeper_is_here(const struct keeper *keeper)
{
    return keeper->is_set && pthread_equal(keeper->thread, pthread_self());
}

/* ---------------------------------------------------------------- waiting for it */

/* Waits of children that were ended are given a moment; what still runs then does not wait at all.
   Milliseconds until the next look. */
static int grace_left(struct ss_core *core, struct child *children)
{
    if (atomic_load(&core->stop->stage) < CANCELED)
        return -1;
    uint64_t now = ss_now();
    if (!core->canceled_at)
        core->canceled_at = now;
    if (now - core->canceled_at < GRACE)
        return (int)(GRACE - (now - core->canceled_at));
    kill_all(children);
    return GRACE;
}

/* Milliseconds until a child is to be looked at though nothing tells of it; no more than `ms`, -1: never. */
static int next_look(const struct child *children, int ms)
{
    uint64_t now = 0;
    for (const struct child *c = children; c; c = c->next) {
        if (c->is_pidfd && !must_be_looked_at(c))
            continue;
        now = now ? now : ss_now();
        int left = c->look <= now ? 0 : (int)(c->look - now);
        ms = ms < 0 || left < ms ? left : ms;
    }
    return ms;
}

/* The others are no entries for poll(2), which takes no more than there may be descriptors. */
static bool is_watched(const struct child *child)
{
    return child->fd >= 0 && !child->told;
}

/* A descriptor that has told once would tell again at once, though the child may have closed its pipe and go
   on, or somebody closes what he does not know. */
static void note_told(struct child *children, const struct pollfd *fds)
{
    uint64_t now = ss_now();
    for (struct child *c = children; c; c = c->next) {
        if (!is_watched(c) || !fds++->revents)
            continue;
        c->told = true;
        c->pause = FIRST_PAUSE;
        c->look = now;
    }
}

int children_poll(struct ss_server *self, const struct ss_class *super, struct child *children,
                  struct pollfd *fds, nfds_t count, int ms)
{
    nfds_t n = 0;
    for (struct child *c = children; c; c = c->next)
        n++;
    struct pollfd *own = calloc(n + 1, sizeof *own);
    if (!own)
        return -ENOMEM;
    n = 0;
    for (struct child *c = children; c; c = c->next)
        if (is_watched(c))
            own[n++] = (struct pollfd){.fd = c->fd, .events = POLLIN};
    int own_ms = next_look(children, grace_left(self->core, children));
    int rc = poll_also(self, super, fds, count, ms, own, n, own_ms);
    note_told(children, own);
    free(own);
    return rc;
}
