/* SPDX-License-Identifier: MIT */
/* PreforkingMixIn: processes that are there before the requests, each a server by itself. The parent
   serves nobody; it replaces children that end. */
#include "mixins/children.h"
#include "server/clock.h"
#include "server/core.h"
#include "server/stop.h"
#include "server/wait.h"
#include "server/wakeup.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { RESPAWN_PAUSE = 1000 }; /* ms before a child is replaced that has failed, or has ended soon */

struct preforking {
    struct child *children;
    struct keeper keeper;
    struct child *failed; /* have ended and are not told of yet: perhaps nobody can serve */
    int error;            /* why the last of them failed, -errno; 0: none has since they were replaced */
    bool trouble;         /* before the next one is made there is a pause */
    bool proven;          /* there was one that did not end soon */
};

static struct preforking *preforking_of(struct ss_server *self)
{
    return ss_state(self, &PreforkingMixIn);
}

static unsigned worker_count(const struct ss_server *self)
{
    long cpus = self->workers ? (long)self->workers : sysconf(_SC_NPROCESSORS_ONLN);
    return cpus < 1 ? 1 : (unsigned)cpus;
}

/* A child does not outlive a parent that was killed: nobody could stop it any more. */
static void die_with_parent(pid_t parent)
{
#ifdef __linux__
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
    if (getppid() != parent)
        _exit(1);
}

static _Noreturn void run_server(struct ss_server *self, pid_t parent)
{
    die_with_parent(parent);
    self->workers = 0;
    const struct ss_class *super = ss_super(self, &PreforkingMixIn);
    int rc = super->serve_forever(self);
    if (rc >= 0 || atomic_load(&self->core->serving.active) == 0)
        super->server_close(self);
    if (rc < 0) {
        atomic_store(&self->core->stop->error, rc);
        atomic_fetch_add(&self->core->stop->failed, 1);
    }
    child_exit(rc < 0);
}

static int spawn(struct ss_server *self)
{
    pid_t parent = getpid(), pid = child_fork(self, &preforking_of(self)->children);
    if (pid == 0)
        run_server(self, parent);
    if (pid > 0)
        ss_request_started(self);
    return pid < 0 ? pid : 0;
}

/* ---------------------------------------------------------------- children that have ended */

/* Why it could not go on serving, if that is what has ended it: -errno, else 0. */
static int why_failed(struct ss_server *self, const struct child *child)
{
    struct ss_stop *stop = self->core->stop;
    if (!WIFEXITED(child->status) || WEXITSTATUS(child->status) != 1 || atomic_load(&stop->failed) == 0)
        return 0;
    atomic_fetch_sub(&stop->failed, 1);
    return atomic_load(&stop->error);
}

static void tell(struct ss_server *self, struct child *child, int error)
{
    if (!ss_draining(self) || child_crashed(self, child))
        methods_of(self)->child_ended(self, child->pid, child->status, error);
    child_free(child);
}

static void child_ended(struct ss_server *self, struct child *child)
{
    struct preforking *p = preforking_of(self);
    int error = why_failed(self, child);
    bool soon = ss_now() - child->started < RESPAWN_PAUSE;
    p->proven |= !soon;
    p->trouble |= soon || error < 0;
    ss_request_ended(self);
    if (error == 0) {
        tell(self, child, 0);
        return;
    }
    p->error = error;
    child->next = p->failed;
    p->failed = child;
}

static void tell_of_failed(struct ss_server *self)
{
    struct preforking *p = preforking_of(self);
    while (p->failed) {
        struct child *child = p->failed;
        p->failed = child->next;
        tell(self, child, p->error);
    }
    p->error = 0;
}

static void collect_servers(struct ss_server *self)
{
    children_reap(self, &preforking_of(self)->children, child_ended);
}

static bool is_broken(int socket)
{
    struct pollfd fd = {.fd = socket, .events = POLLIN};
    return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLERR | POLLHUP | POLLNVAL));
}

/* The socket is everybody's; and when all fail that were made first, others will. */
static bool is_hopeless(struct ss_server *self)
{
    const struct preforking *p = preforking_of(self);
    return p->error &&
           (is_broken(self->socket) || (!p->proven && atomic_load(&self->core->serving.active) == 0));
}

/* ---------------------------------------------------------------- as many as there should be */

/* None at all is an error at the start; later there were some, and there will be again. */
static int fill_up(struct ss_server *self, unsigned count)
{
    struct preforking *p = preforking_of(self);
    int rc = 0;
    while (rc == 0 && atomic_load(&self->core->serving.active) < count && !ss_draining(self))
        rc = spawn(self);
    if (rc < 0 && (p->proven || atomic_load(&self->core->serving.active) > 0)) {
        p->trouble = true;
        rc = 0;
    }
    return rc;
}

static int replace(struct ss_server *self, unsigned count)
{
    struct preforking *p = preforking_of(self);
    uint64_t end = ss_now() + RESPAWN_PAUSE;
    if (p->trouble && !is_hopeless(self))
        (void)server_wait_active(self, 0, RESPAWN_PAUSE, DRAINING);
    if (p->trouble && !is_hopeless(self))
        (void)server_wait(self, -1, 0, -1, end, DRAINING);
    if (is_hopeless(self))
        return p->error;
    p->trouble = false;
    tell_of_failed(self);
    return fill_up(self, count);
}

static int serve_forever(struct ss_server *self)
{
    unsigned count = worker_count(self);
    int ms = self->core->stepping ? LOOK_AGAIN : -1; /* somebody may call ss_every between two steps */
    self->core->shared = true;
    keeper_begin(&preforking_of(self)->keeper);
    int rc = fill_up(self, count);
    while (rc == 0 && !ss_draining(self)) {
        rc = server_wait_active(self, count - 1, clock_left(self, ms), DRAINING);
        clock_tick(self);
        if (rc == 0)
            rc = replace(self, count);
        else if (rc == -ETIMEDOUT)
            rc = 0;
    }
    if (rc < 0)
        ss_shutdown(self);
    methods_of(self)->close_socket(self);
    server_drain(self);
    children_forget(&preforking_of(self)->failed);
    return rc == -ECANCELED ? 0 : rc;
}

static void forked(struct ss_server *self)
{
    ss_super(self, &PreforkingMixIn)->forked(self);
    children_forget(&preforking_of(self)->children);
    children_forget(&preforking_of(self)->failed);
}

static int preforking_poll(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms)
{
    const struct ss_class *super = ss_super(self, &PreforkingMixIn);
    struct preforking *state = preforking_of(self);
    if (!keeper_is_here(&state->keeper) || !state->children)
        return super->poll(self, fds, count, ms);
    int rc = children_poll(self, super, state->children, fds, count, ms);
    if (rc == -EINTR)
        collect_servers(self);
    return rc;
}

static void server_close(struct ss_server *self)
{
    ss_super(self, &PreforkingMixIn)->server_close(self);
    collect_servers(self);
}

const struct ss_class ss_PreforkingMixIn = {
    .name = "PreforkingMixIn",
    .rank = RANK_PREFORKS,
    .state_size = sizeof(struct preforking),
    .serve_forever = serve_forever,
    .server_close = server_close,
    .forked = forked,
    .poll = preforking_poll,
};
