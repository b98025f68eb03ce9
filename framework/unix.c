/* UnixStreamServer and UnixDatagramServer: what differs is the address, a file or an abstract name. */
#include "core.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void init(struct ss_server *self)
{
    self->address_family = AF_UNIX;
}

static bool has_file(const struct ss_address *address)
{
    return address->u.any.sa_family == AF_UNIX && address->length > offsetof(struct sockaddr_un, sun_path) &&
           address->u.un.sun_path[0];
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

static int bind_file(const struct ss_server *self, int fd, const struct ss_address *address)
{
    /* Linux gives the file the socket's own permissions, less the umask: too few for a moment
       rather than too many. */
    if (has_file(address) && self->socket_mode >= 0 && fchmod(fd, (mode_t)self->socket_mode) < 0)
        return -errno;
    int rc = bind(fd, &address->u.any, address->length) < 0 ? -errno : 0;
    if (rc == -EADDRINUSE && has_file(address) && is_stale(address, self->socket_type)) {
        (void)unlink(address->u.un.sun_path);
        rc = bind(fd, &address->u.any, address->length) < 0 ? -errno : 0;
    }
    return rc;
}

static int know_own_file(struct ss_server *self)
{
    struct stat st;
    const char *path = self->server_address.u.un.sun_path;
    if (!has_file(&self->server_address))
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
    if ((rc = bind_file(self, fd, &parsed.address)) < 0) {
        close(fd);
        return rc;
    }
    self->socket = fd;
    self->server_address = parsed.address;
    if ((rc = know_own_file(self)) < 0)
        server_close_socket(self);
    return rc;
}

static void remove_file(struct ss_server *self)
{
    struct stat st;
    const char *path = self->server_address.u.un.sun_path;
    if (self->core->owner != getpid() || !has_file(&self->server_address))
        return;
    if (lstat(path, &st) == 0 && st.st_dev == self->core->unix_device && st.st_ino == self->core->unix_inode)
        (void)unlink(path);
}

void server_close_socket(struct ss_server *self)
{
    if (self->socket < 0)
        return;
    remove_file(self);
    (void)loop_release(self->socket, NULL);
    close(self->socket);
    self->socket = -1;
}

const struct ss_class ss_UnixStreamServer = {
    .name = "UnixStreamServer",
    .base = &TCPServer,
    .init = init,
    .server_bind = server_bind,
};

const struct ss_class ss_UnixDatagramServer = {
    .name = "UnixDatagramServer",
    .base = &UDPServer,
    .init = init,
    .server_bind = server_bind,
};
