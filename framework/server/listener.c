/* SPDX-License-Identifier: MIT */
/* The end of a server's own socket. One that was inherited gets back its blocking mode. */
#include "server/listener.h"
#include "server/process.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

static bool process_has_ended(pid_t pid)
{
    struct pollfd process = {.fd = open_pidfd(pid), .events = POLLIN};
    if (process.fd < 0)
        return kill(pid, 0) < 0 && errno == ESRCH;
    bool ended = poll(&process, 1, 0) == 1;
    close(process.fd);
    return ended;
}

/* A child leaves a socket to the parent that has bound it, unless that has ended: so a program becomes a
   daemon. */
bool listener_is_ours(const struct ss_core *core)
{
    return core->owner == getpid() || (core->owner > 0 && process_has_ended(core->owner));
}

/* The blocking mode belongs to the socket and not to the descriptor, and another program may use the socket,
   too. */
static void make_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

void listener_close(struct ss_server *self)
{
    struct ss_core *core = self->core;
    int fd = self->socket;
    if (fd < 0)
        return;
    (void)methods_of(self)->forget(self, fd, self);
    self->socket = -1;
    if (core->was_blocking && listener_is_ours(core) && core->shared && core->kept_socket < 0) {
        core->kept_socket = fd; /* another thread or process that is about to accept would wait for ever */
        return;
    }
    if (core->was_blocking && listener_is_ours(core))
        make_blocking(fd);
    close(fd);
}

void serving_stop_listening(struct ss_server *self)
{
    struct serving *serving = serving_of(self);
    if (serving == &self->core->serving) {
        methods_of(self)->close_socket(self);
    } else if (*serving->socket >= 0) {
        (void)methods_of(self)->forget(self, *serving->socket, self);
        close(*serving->socket);
        *serving->socket = -1;
    }
}

void listener_close_kept(struct ss_core *core)
{
    if (core->kept_socket < 0)
        return;
    if (listener_is_ours(core))
        make_blocking(core->kept_socket);
    close(core->kept_socket);
    core->kept_socket = -1;
}
