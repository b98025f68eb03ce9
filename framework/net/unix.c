/* SPDX-License-Identifier: MIT */
/* UnixStreamServer and UnixDatagramServer: TCPServer and UDPServer with another kind of address, a file or an
   abstract name. */
#include "net/bind.h"
#include "net/lookup.h"
#include "server/core.h"
#include "server/listener.h"
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 3 }; /* attempts to bind, where there is the file of a server that has gone */
enum { LOCK_TIME = 2000, LOCK_PAUSE = 10 }; /* ms */

/* The socket's file. Each of the two classes has one in its state. */
struct socket_file {
    bool is_open;  /* `directory` */
    int directory; /* that the file was made in, whatever the working directory is by now */
    dev_t device;  /* both tell it from another file that has its name */
    ino_t inode;
};

/* Which of the two classes it is that this server is based on. */
static const struct ss_class *class_of(const struct ss_server *self)
{
    return ss_state(self, &UnixStreamServer) ? &UnixStreamServer : &UnixDatagramServer;
}

static struct socket_file *file_of(const struct ss_server *self)
{
    return ss_state(self, class_of(self));
}

static void defaults(struct ss_server *self)
{
    self->address_family = AF_UNIX;
}

static bool has_file(const struct ss_address *address)
{
    return address->u.any.sa_family == AF_UNIX && address->length > offsetof(struct sockaddr_un, sun_path) &&
           address->u.un.sun_path[0];
}

/* Is the file a leftover? A socket's file outlives its server, and then nobody listens on it. */
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

   A socket that is bound and does not listen yet looks like a leftover. If two servers start at the same
   time, the second could remove the file of the first. So a server locks the directory from before it binds
   its socket until it listens. */

static void close_directory(struct socket_file *file)
{
    if (file->is_open)
        close(file->directory);
    file->is_open = false;
}

static void open_directory(struct socket_file *file, const char *path)
{
    char name[sizeof((struct sockaddr_un *)0)->sun_path + 1] = ".";
    const char *slash = strrchr(path, '/');
    if (slash)
        snprintf(name, sizeof name, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    close_directory(file);
    file->directory = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file->directory < 0)
        file->directory = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    file->is_open = file->directory >= 0;
}

/* A server that may not read the directory goes on without the lock. -EADDRINUSE when another one holds it
   for too long. */
static int lock(const struct socket_file *file)
{
    uint64_t deadline = ss_now() + LOCK_TIME;
    while (file->is_open && flock(file->directory, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return 0;
        if (ss_now() > deadline)
            return -EADDRINUSE;
        nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE * 1000000L}, NULL);
    }
    return 0;
}

static void unlock(const struct socket_file *file)
{
    if (file->is_open)
        (void)flock(file->directory, LOCK_UN);
}

/* Frees the name, under the lock. The file is removed later without it, as that may take a while. */
static int move_away(const char *path, char *aside, size_t size)
{
    if (snprintf(aside, size, "%s.%d~", path, (int)getpid()) >= (int)size)
        return -ENAMETOOLONG;
    return rename(path, aside) < 0 ? -errno : 0;
}

static int try_bind(const struct ss_server *self, int fd, const struct ss_address *address)
{
    char aside[2 * sizeof address->u.un.sun_path];
    int rc = lock(file_of(self));
    if (rc < 0)
        return rc;
    rc = bind(fd, &address->u.any, address->length) < 0 ? -errno : 0;
    if (rc != -EADDRINUSE || !is_stale(address, self->socket_type))
        return rc;
    rc = move_away(address->u.un.sun_path, aside, sizeof aside);
    unlock(file_of(self));
    if (rc == 0)
        (void)unlink(aside);
    return -EAGAIN;
}

static int bind_file(const struct ss_server *self, int fd, const struct ss_address *address)
{
    /* Linux gives the file the permissions of the socket, less the umask: so it never has more than it
       should. */
    if (self->socket_mode >= 0 && fchmod(fd, (mode_t)self->socket_mode) < 0)
        return -errno;
    open_directory(file_of(self), address->u.un.sun_path);
    int rc = -EAGAIN;
    for (int i = 0; i < TRIES && rc == -EAGAIN; i++)
        rc = try_bind(self, fd, address);
    return rc == -EAGAIN ? -EADDRINUSE : rc;
}

static int bind_name(const struct ss_server *self, int fd, const struct ss_address *address)
{
    if (has_file(address))
        return bind_file(self, fd, address);
    return bind(fd, &address->u.any, address->length) < 0 ? -errno : 0;
}

static int know_own_file(struct ss_server *self)
{
    struct stat st;
    const char *path = self->server_address.u.un.sun_path;
    if (!has_file(&self->server_address))
        return 0;
    if ((self->socket_mode >= 0 && chmod(path, (mode_t)self->socket_mode) < 0) || lstat(path, &st) < 0) {
        int rc = -errno;
        (void)unlink(path); /* the lock is held, so it is still the one that was made */
        return rc;
    }
    struct socket_file *file = file_of(self);
    self->core->owner = getpid();
    file->device = st.st_dev;
    file->inode = st.st_ino;
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
    return know_own_file(self);
}

static int server_activate(struct ss_server *self)
{
    int rc = ss_super(self, class_of(self))->server_activate(self);
    unlock(file_of(self));
    return rc;
}

/* ---------------------------------------------------------------- the end */

static void remove_file(const struct ss_server *self)
{
    const struct socket_file *file = file_of(self);
    struct stat st;
    const char *path = self->server_address.u.un.sun_path, *slash = strrchr(path, '/');
    if (!has_file(&self->server_address) || !listener_is_ours(self->core))
        return;
    int directory = file->is_open ? file->directory : AT_FDCWD;
    if (file->is_open && slash)
        path = slash + 1;
    if (fstatat(directory, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == file->device &&
        st.st_ino == file->inode)
        (void)unlinkat(directory, path, 0);
}

static void close_socket(struct ss_server *self)
{
    if (self->socket >= 0)
        remove_file(self);
    unlock(file_of(self)); /* if server_activate has not done so */
    ss_super(self, class_of(self))->close_socket(self);
}

static void server_close(struct ss_server *self)
{
    ss_super(self, class_of(self))->server_close(self);
    close_directory(file_of(self));
}

const struct ss_class ss_UnixStreamServer = {
    .name = "UnixStreamServer",
    .base = &TCPServer,
    .state_size = sizeof(struct socket_file),
    .defaults = defaults,
    .server_bind = server_bind,
    .server_activate = server_activate,
    .server_close = server_close,
    .close_socket = close_socket,
};

const struct ss_class ss_UnixDatagramServer = {
    .name = "UnixDatagramServer",
    .base = &UDPServer,
    .state_size = sizeof(struct socket_file),
    .defaults = defaults,
    .server_bind = server_bind,
    .server_activate = server_activate,
    .server_close = server_close,
    .close_socket = close_socket,
};
