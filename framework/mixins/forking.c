/* SPDX-License-Identifier: MIT */
/* ForkingMixIn: a process for each request. */
#include "mixins/children.h"
#include "server/aside.h"
#include "server/core.h"
#include "server/request.h"
#include "server/stop.h"
#include "server/wait.h"
#include <errno.h>

struct forking {
    struct child *children;
    struct keeper keeper;
};

static struct forking *forking_of(struct ss_server *self)
{
    return ss_state(self, &ForkingMixIn);
}

static void defaults(struct ss_server *self)
{
    self->max_requests = 160;
    self->core->takes_thread = true;
}

static void child_ended(struct ss_server *self, struct child *child)
{
    client_release(self, child->client);
    if (child_crashed(self, child))
        methods_of(self)->child_ended(self, child->pid, child->status, 0);
    child_free(child);
    ss_request_ended(self);
}

static void collect_children(struct ss_server *self)
{
    children_reap(self, &forking_of(self)->children, child_ended);
}

static _Noreturn void run_child(struct ss_server *self, struct ss_request *request)
{
    if (!request->datagram) /* or clients could connect while the server drains, and port and name stayed in
                               use */
        methods_of(self)->close_socket(self);
    const struct ss_class *super = ss_super(self, &ForkingMixIn);
    (void)super->process_request(self, request);
    (void)server_wait_active(self, 0, INT32_MAX, NEVER); /* where super has handed it on */
    super->server_close(self);
    child_exit(0);
}

static int process_request(struct ss_server *self, struct ss_request *request)
{
    struct forking *state = forking_of(self);
    keeper_begin(&state->keeper);
    pid_t pid = child_fork(self, &state->children);
    if (pid < 0)
        return pid;
    if (pid == 0)
        run_child(self, request);
    ss_request_started(self);
    struct request *r = container_of(request, struct request, request);
    forking_of(self)->children->client = r->client;
    r->client = NULL;
    methods_of(self)->close_request(self, request);
    return 0;
}

/* Children are reaped as soon as they end, and between requests. */
static int forking_poll(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms)
{
    const struct ss_class *super = ss_super(self, &ForkingMixIn);
    struct forking *state = forking_of(self);
    if (!keeper_is_here(&state->keeper) || !state->children || (count == 0 && ms == 0))
        return super->poll(self, fds, count, ms);
    int rc = children_poll(self, super, state->children, fds, count, ms);
    if (rc == -EINTR)
        collect_children(self);
    return rc;
}

static void forked(struct ss_server *self)
{
    ss_super(self, &ForkingMixIn)->forked(self);
    children_forget(&forking_of(self)->children);
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
    children_forget(&forking_of(self)->children);
}

const struct ss_class ss_ForkingMixIn = {
    .name = "ForkingMixIn",
    .rank = RANK_RUNS,
    .state_size = sizeof(struct forking),
    .defaults = defaults,
    .process_request = process_request,
    .forked = forked,
    .service_actions = service_actions,
    .server_close = server_close,
    .poll = forking_poll,
};
