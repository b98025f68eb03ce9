/* PreforkingMixIn: processes that are there before the requests, each a server by itself. The parent
   serves nobody; it replaces children that die. */
#include "core.h"
#include <signal.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { RESPAWN_PAUSE = 1000 }; /* ms between the starts of a child that dies at once */

struct preforking {
    struct child *children;
    bool is_child;
    bool trouble;
};

static struct preforking *state_of(struct ss_server *self)
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

static _Noreturn void run_child(struct ss_server *self, pid_t parent)
{
    die_with_parent(parent);
    state_of(self)->is_child = true;
    children_forget(&state_of(self)->children);
    self->workers = 0;
    const struct ss_class *super = ss_super(self, &PreforkingMixIn);
    int rc = super->serve_forever(self);
    super->server_close(self);
    child_exit(rc < 0);
}

static int spawn(struct ss_server *self)
{
    pid_t parent = getpid(), pid = child_fork(self, &state_of(self)->children);
    if (pid == 0)
        run_child(self, parent);
    if (pid > 0)
        ss_request_started(self);
    return pid < 0 ? pid : 0;
}

static void child_ended(struct ss_server *self, struct child *child)
{
    if (ss_now() - child->started < RESPAWN_PAUSE)
        state_of(self)->trouble = true;
    child_free(child);
    ss_request_ended(self);
}

static void collect_children(struct ss_server *self)
{
    children_reap(self, &state_of(self)->children, child_ended);
}

/* As many as there should be. When they die at once, or cannot be made for now, the next try is a little
   later; when there are none at all, that is an error. */
static int fill_up(struct ss_server *self, unsigned count)
{
    int rc;
    if (state_of(self)->trouble)
        (void)server_wait(self, -1, 0, RESPAWN_PAUSE, 0, DRAINING);
    state_of(self)->trouble = false;
    for (rc = 0; rc == 0 && atomic_load(&self->core->active) < count && !ss_draining(self);)
        rc = spawn(self);
    if (rc < 0 && atomic_load(&self->core->active) > 0) {
        state_of(self)->trouble = true;
        rc = 0;
    }
    return rc;
}

static int serve_forever(struct ss_server *self)
{
    unsigned count = worker_count(self);
    int rc = 0;
    while (!ss_draining(self) && (rc = fill_up(self, count)) == 0) {
        if (!state_of(self)->trouble)
            rc = server_wait_active(self, count - 1, -1, DRAINING);
        methods_of(self)->service_actions(self);
    }
    if (rc < 0)
        ss_shutdown(self);
    server_close_socket(self);
    server_drain(self);
    return rc == -ECANCELED ? 0 : rc;
}

static int preforking_poll(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms)
{
    const struct ss_class *super = ss_super(self, &PreforkingMixIn);
    struct preforking *state = state_of(self);
    if (state->is_child || !state->children)
        return super->poll(self, fds, count, ms);
    int rc = children_poll(self, super, state->children, fds, count, ms);
    if (rc == -EINTR)
        collect_children(self);
    return rc;
}

static void server_close(struct ss_server *self)
{
    ss_super(self, &PreforkingMixIn)->server_close(self);
    collect_children(self);
}

const struct ss_class ss_PreforkingMixIn = {
    .name = "PreforkingMixIn",
    .base = NULL,
    .state_size = sizeof(struct preforking),
    .serve_forever = serve_forever,
    .server_close = server_close,
    .poll = preforking_poll,
};
