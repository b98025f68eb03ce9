/* ForkingMixIn: a process for each request. Also what every mix-in with processes needs: children
   whose end is noticed through a pipe, without a signal handler and without polling. */
#include "core.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GRACE = 1000 }; /* ms for a child whose waits were ended; then it is killed */

/* ---------------------------------------------------------------- children */

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

pid_t child_fork(struct ss_server *self, struct child **children)
{
    int alive[2];
    struct child *child = calloc(1, sizeof *child);
    if (!child)
        return -ENOMEM;
    int rc = open_pipe(alive);
    if (rc < 0) {
        free(child);
        return rc;
    }
    flush_output();
    pid_t pid = process_fork();
    if (pid == 0) {
        close(alive[0]); /* the other end closes with the process, however it ends */
        server_forked(self);
        free(child);
        return 0;
    }
    rc = -errno;
    close(alive[1]);
    if (pid < 0) {
        close(alive[0]);
        free(child);
        return rc;
    }
    *child = (struct child){.next = *children, .pid = pid, .alive = alive[0], .started = ss_now()};
    *children = child;
    return pid;
}

void child_exit(int status)
{
    flush_output();
    _exit(status);
}

static bool has_ended(const struct child *child)
{
    return waitpid(child->pid, NULL, WNOHANG) != 0;
}

void children_reap(struct ss_server *self, struct child **children,
                   void (*ended)(struct ss_server *, struct child *))
{
    while (*children) {
        struct child *child = *children;
        if (!has_ended(child)) {
            children = &child->next;
            continue;
        }
        *children = child->next;
        close(child->alive);
        if (ended)
            ended(self, child);
        free(child);
    }
}

void children_kill(struct child *children)
{
    for (; children; children = children->next)
        kill(children->pid, SIGKILL);
}

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
    children_kill(children);
    return GRACE;
}

int children_poll(struct ss_server *self, const struct ss_class *super, struct child *children,
                  struct pollfd *fds, nfds_t count, int ms)
{
    nfds_t n = 0;
    for (struct child *c = children; c; c = c->next)
        n++;
    struct pollfd *alive = calloc(n + 1, sizeof *alive);
    if (!alive)
        return -ENOMEM;
    n = 0;
    for (struct child *c = children; c; c = c->next)
        alive[n++] = (struct pollfd){.fd = c->alive, .events = POLLIN};
    int rc = poll_also(self, super, fds, count, ms, alive, n, grace_left(self->core, children));
    free(alive);
    return rc;
}

/* ---------------------------------------------------------------- the mix-in */

struct forking {
    struct child *children;
};

static struct forking *state_of(struct ss_server *self)
{
    return ss_state(self, &ForkingMixIn);
}

static void init(struct ss_server *self)
{
    self->max_requests = 40;
}

static void child_ended(struct ss_server *self, struct child *child)
{
    (void)child;
    ss_request_ended(self);
}

static void collect_children(struct ss_server *self)
{
    children_reap(self, &state_of(self)->children, child_ended);
}

static void forget_children(struct ss_server *self)
{
    for (struct child *next, *c = state_of(self)->children; c; c = next) {
        next = c->next;
        close(c->alive);
        free(c);
    }
    state_of(self)->children = NULL;
}

static _Noreturn void run_child(struct ss_server *self, struct ss_request *request)
{
    forget_children(self);
    if (!request->datagram) /* or clients could connect while the server drains, and port and name stayed in
                               use */
        server_close_socket(self);
    const struct ss_class *super = ss_super(self, &ForkingMixIn);
    (void)super->process_request(self, request);
    (void)server_wait_active(self, 0, -1, NEVER); /* where super has handed it on */
    super->server_close(self);
    child_exit(0);
}

static int process_request(struct ss_server *self, struct ss_request *request)
{
    pid_t pid = child_fork(self, &state_of(self)->children);
    if (pid < 0)
        return pid;
    if (pid == 0)
        run_child(self, request);
    ss_request_started(self);
    methods_of(self)->close_request(self, request);
    return 0;
}

/* Children are reaped as soon as they end, and between requests. */
static int forking_poll(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms)
{
    const struct ss_class *super = ss_super(self, &ForkingMixIn);
    struct forking *state = state_of(self);
    if (!state->children || (count == 0 && ms == 0))
        return super->poll(self, fds, count, ms);
    int rc = children_poll(self, super, state->children, fds, count, ms);
    if (rc == -EINTR)
        collect_children(self);
    return rc;
}

static void service_actions(struct ss_server *self)
{
    collect_children(self);
    ss_super(self, &ForkingMixIn)->service_actions(self);
}

static void server_close(struct ss_server *self)
{
    ss_super(self, &ForkingMixIn)->server_close(self);
    collect_children(self);
    forget_children(self);
}

const struct ss_class ss_ForkingMixIn = {
    .name = "ForkingMixIn",
    .base = NULL,
    .state_size = sizeof(struct forking),
    .init = init,
    .process_request = process_request,
    .service_actions = service_actions,
    .server_close = server_close,
    .poll = forking_poll,
};
