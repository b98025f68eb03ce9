/* The end of a server's own socket: its file is removed, and what was inherited is given back as it was. */
#include "net/listener.h"
#include "loop/loop.h"
#include "server/core.h"
#include "server/process.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool address_has_file(const struct ss_address *address)
{
    return address->u.any.sa_family == AF_UNIX && address->length > offsetof(struct sockaddr_un, sun_path) &&
           address->u.un.sun_path[0];
}

static bool has_ended(pid_t pid)
{
    struct pollfd process = {.fd = open_pidfd(pid), .events = POLLIN};
    if (process.fd < 0)
        return kill(pid, 0) < 0 && errno == ESRCH;
    bool ended = poll(&process, 1, 0) == 1;
    close(process.fd);
    return ended;
}

/* A child leaves to its parent what is the parent's, unless that one has gone, as when it becomes a daemon.
 */
static bool is_owner(const struct ss_core *core)
{
    return core->owner == getpid() || (core->owner > 0 && has_ended(core->owner));
}

/* By the directory that it was made in, whatever the working directory is by now. */
static void remove_file(const struct ss_server *self)
{
    const struct ss_core *core = self->core;
    struct stat st;
    const char *path = self->server_address.u.un.sun_path, *slash = strrchr(path, '/');
    if (!address_has_file(&self->server_address) || !is_owner(core))
        return;
    int directory = core->directory >= 0 ? core->directory : AT_FDCWD;
    if (core->directory >= 0 && slash)
        path = slash + 1;
    if (fstatat(directory, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == core->unix_device &&
        st.st_ino == core->unix_inode)
        (void)unlinkat(directory, path, 0);
}

/* Whether calls wait is a property of the socket, not of our descriptor: others may still use it. */
static void make_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

void server_close_socket(struct ss_server *self)
{
    struct ss_core *core = self->core;
    int fd = self->socket;
    if (fd < 0)
        return;
    remove_file(self);
    (void)loop_release(fd, NULL);
    self->socket = -1;
    if (core->was_blocking && is_owner(core) && core->shared && core->kept < 0) {
        core->kept = fd; /* some of ours may be about to accept once more, and would wait for ever */
        return;
    }
    if (core->was_blocking && is_owner(core))
        make_blocking(fd);
    close(fd);
}

void server_give_back(struct ss_core *core)
{
    if (core->kept < 0)
        return;
    if (is_owner(core))
        make_blocking(core->kept);
    close(core->kept);
    core->kept = -1;
}
