/* UnixStreamServer and UnixDatagramServer: what differs is the address, a file or an abstract name. */
#include "net/listener.h"
#include "net/lookup.h"
#include "server/core.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 3 };                         /* to bind, where leftovers are found */
enum { LOCK_TIME = 2000, LOCK_PAUSE = 10 }; /* ms */

static void defaults(struct ss_server *self)
{
    self->address_family = AF_UNIX;
}

/* A socket's file outlives its server. Nobody answers there: it is a leftover. */
static bool is_stale(const struct ss_address *address, int type)
{
    struct stat st;
    if (lstat(address->u.un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool refused = connect(fd, &address->u.any, address->length) < 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

/* ---------------------------------------------------------------- one at a time

   A socket that is bound and does not listen yet looks like a leftover, and of two servers that find one,
   both would remove the file: the second one that of the first. So there is a lock on the directory, from
   before a socket is bound until it listens. */

static void open_directory(struct ss_core *core, const char *path)
{
    char name[sizeof((struct sockaddr_un *)0)->sun_path + 1] = ".";
    const char *slash = strrchr(path, '/');
    if (slash)
        snprintf(name, sizeof name, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    if (core->directory >= 0)
        close(core->directory);
    core->directory = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (core->directory < 0)
        core->directory = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Who may not read the directory goes on without. -EADDRINUSE when somebody else takes too long. */
static int lock(const struct ss_core *core)
{
    uint64_t deadline = ss_now() + LOCK_TIME;
    while (flock(core->directory, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return 0;
        if (ss_now() > deadline)
            return -EADDRINUSE;
        (void)poll(NULL, 0, LOCK_PAUSE);
    }
    return 0;
}

void unix_unlock(struct ss_core *core)
{
    if (core->directory >= 0)
        (void)flock(core->directory, LOCK_UN);
}

/* With the lock: the name is free afterwards. The file itself is removed without it, which may take a while.
 */
static int move_away(const char *path, char *aside, size_t size)
{
    if (snprintf(aside, size, "%s.%d~", path, (int)getpid()) >= (int)size)
        return -ENAMETOOLONG;
    return rename(path, aside) < 0 ? -errno : 0;
}

static int try_bind(const struct ss_server *self, int fd, const struct ss_address *address)
{
    char aside[2 * sizeof address->u.un.sun_path];
    int rc = lock(self->core);
    if (rc < 0)
        return rc;
    rc = bind(fd, &address->u.any, address->length) < 0 ? -errno : 0;
    if (rc != -EADDRINUSE || !is_stale(address, self->socket_type))
        return rc;
    rc = move_away(address->u.un.sun_path, aside, sizeof aside);
    unix_unlock(self->core);
    if (rc == 0)
        (void)unlink(aside);
    return -EAGAIN;
}

static int bind_file(const struct ss_server *self, int fd, const struct ss_address *address)
{
    /* Linux gives the file the socket's own permissions, less the umask: too few for a moment
       rather than too many. */
    if (self->socket_mode >= 0 && fchmod(fd, (mode_t)self->socket_mode) < 0)
        return -errno;
    open_directory(self->core, address->u.un.sun_path);
    int rc = -EAGAIN;
    for (int i = 0; i < TRIES && rc == -EAGAIN; i++)
        rc = try_bind(self, fd, address);
    return rc == -EAGAIN ? -EADDRINUSE : rc;
}

static int bind_name(const struct ss_server *self, int fd, const struct ss_address *address)
{
    if (address_has_file(address))
        return bind_file(self, fd, address);
    return bind(fd, &address->u.any, address->length) < 0 ? -errno : 0;
}

static int know_own_file(struct ss_server *self)
{
    struct stat st;
    const char *path = self->server_address.u.un.sun_path;
    if (!address_has_file(&self->server_address))
        return 0;
    if (self->socket_mode >= 0 && chmod(path, (mode_t)self->socket_mode) < 0)
        return -errno;
    if (lstat(path, &st) < 0)
        return -errno;
    self->core->owner = getpid();
    self->core->unix_device = st.st_dev;
    self->core->unix_inode = st.st_ino;
    return 0;
}

static int server_bind(struct ss_server *self)
{
    struct address_text parsed;
    int rc = address_parse(self->address, &parsed);
    if (rc < 0)
        return rc;
    if (parsed.kind == ADDRESS_FD)
        return bind_inherited(self, parsed.fd);
    if (parsed.kind != ADDRESS_UNIX)
        return -EAFNOSUPPORT;
    int fd = socket(AF_UNIX, self->socket_type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if ((rc = bind_name(self, fd, &parsed.address)) < 0) {
        close(fd);
        return rc;
    }
    self->socket = fd;
    self->server_address = parsed.address;
    if ((rc = know_own_file(self)) < 0)
        server_close_socket(self);
    return rc;
}

const struct ss_class ss_UnixStreamServer = {
    .name = "UnixStreamServer",
    .base = &TCPServer,
    .defaults = defaults,
    .server_bind = server_bind,
};

const struct ss_class ss_UnixDatagramServer = {
    .name = "UnixDatagramServer",
    .base = &UDPServer,
    .defaults = defaults,
    .server_bind = server_bind,
};
