/* SPDX-License-Identifier: MIT */
/* TCPServer: connections, over IPv4 and IPv6. */
#include "net/bind.h"
#include "net/lookup.h"
#include "net/options.h"
#include "net/socket.h"
#include "server/core.h"
#include "server/process.h"
#include "server/request.h"
#include "server/stop.h"
#include "server/wait.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINGER_TIME = 2000, LINGER_BYTES = 1 << 20 };

/* ---------------------------------------------------------------- binding */

static int socket_option(int fd, int name)
{
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -errno : value;
}

static int know_own_address(struct ss_server *self)
{
    socklen_t length = sizeof self->server_address.u;
    if (getsockname(self->socket, &self->server_address.u.any, &length) < 0)
        return -errno;
    self->server_address.length = length;
    self->address_family = self->server_address.u.any.sa_family;
    self->core->is_tcp = socket_option(self->socket, SO_PROTOCOL) == IPPROTO_TCP;
    return 0;
}

/* Was the descriptor `fd` opened by this program? It is so for those that the server itself has opened, on
   numbers that were free, and for those that are closed on exec. */
static bool was_not_passed(const struct ss_core *core, int fd, int error)
{
    const int own[] = {core->stop->drain[0],  core->stop->drain[1],  core->stop->cancel[0],
                       core->stop->cancel[1], core->serving.wake[0], core->serving.wake[1]};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (fd == own[i])
            return true;
    return error == -ENOTSOCK && fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

int bind_inherited(struct ss_server *self, int fd)
{
    int type = socket_option(fd, SO_TYPE), family = socket_option(fd, SO_DOMAIN), flags = fcntl(fd, F_GETFL);
    if (was_not_passed(self->core, fd, type))
        return -EBADF;
    if (type < 0 || flags < 0)
        return type < 0 ? type : -errno;
    if (type != self->socket_type)
        return -EPROTOTYPE;
    if ((self->address_family == AF_UNIX) != (family == AF_UNIX))
        return -EAFNOSUPPORT;
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    self->socket = fd;
    self->core->owner = getpid();
    self->core->is_inherited = true;
    self->core->was_blocking = !(flags & O_NONBLOCK);
    int rc = know_own_address(self);
    if (rc < 0)
        self->socket = -1;
    return rc;
}

static int prepare(const struct ss_server *self, int fd, const struct ss_address *address, bool reuse_port)
{
    int rc = 0;
    if (self->allow_reuse_address)
        rc = option_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (rc == 0 && reuse_port)
        rc = option_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (rc == 0 && address->u.any.sa_family == AF_INET6)
        rc = option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !self->dual_stack);
    if (rc == 0 && self->core->loopbacks)
        rc = setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) < 0 ? -errno : 0;
    if (rc == 0 && bind(fd, &address->u.any, address->length) < 0)
        rc = -errno;
    return rc;
}

/* Returns the socket or -errno. */
static int bind_to(const struct ss_server *self, const struct ss_address *address, bool reuse_port)
{
    int fd = socket(address->u.any.sa_family, self->socket_type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int rc = prepare(self, fd, address, reuse_port);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    return fd;
}

static int bind_one(struct ss_server *self, const struct ss_address *address)
{
    int fd = bind_to(self, address, self->allow_reuse_port);
    if (fd < 0)
        return fd;
    self->socket = fd;
    int rc = know_own_address(self);
    if (rc < 0) {
        close(fd);
        self->socket = -1;
    }
    return rc;
}

/* Binds the first address that can be bound. Of a wildcard IPv6 is tried first, which takes IPv4 clients,
   too. */
static int bind_any_of(struct ss_server *self, const struct lookup *l)
{
    int rc = -EADDRNOTAVAIL;
    for (int pass = l->text.host[0] ? 1 : 0; pass < 2; pass++)
        for (unsigned i = 0; i < l->count; i++)
            if ((pass || l->found[i].u.any.sa_family == AF_INET6) &&
                (rc = bind_one(self, &l->found[i])) != -EAFNOSUPPORT &&
                (rc == 0 || rc == -EADDRINUSE || rc == -EACCES))
                return rc;
    return rc;
}

/* ---------------------------------------------------------------- localhost

   One socket takes one address, and localhost is two. But of a socket that is bound to the loopback device
   every address is one of that device's, also the one for all addresses of both families. */

static struct ss_address all_addresses(unsigned port)
{
    return (struct ss_address){.length = sizeof(struct sockaddr_in6),
                               .u.in6 = {.sin6_family = AF_INET6, .sin6_port = htons((in_port_t)port)}};
}

/* Could the server bind each of them alone? Not all machines have IPv6, and one of them may be another
   program's. */
static int try_each(const struct ss_server *self, const struct lookup *l)
{
    int rc = l->count;
    for (unsigned i = 0; rc >= 0 && i < l->count; i++)
        if ((rc = bind_to(self, &l->found[i], self->allow_reuse_port)) >= 0)
            close(rc);
    return rc < 0 ? rc : 0;
}

/* Where the port is another program's at another address of this machine, the server has one of both, as of
   other names. */
static int bind_loopbacks(struct ss_server *self, const struct lookup *l)
{
    struct ss_address all = all_addresses(ss_address_port(l->found));
    int rc = try_each(self, l);
    if (rc == 0) {
        self->core->loopbacks = true;
        rc = bind_one(self, &all);
        self->core->loopbacks = rc == 0;
    } else if (rc == -EADDRINUSE) {
        return rc;
    }
    if (rc < 0)
        return bind_any_of(self, l);
    self->server_address.u.in6.sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
    return 0;
}

static int server_bind(struct ss_server *self)
{
    struct lookup l = {.family = self->address_family, .type = self->socket_type};
    int rc = address_parse(self->address, &l.text);
    if (rc < 0)
        return rc;
    if (l.text.kind == ADDRESS_FD)
        return bind_inherited(self, l.text.fd);
    if (l.text.kind != ADDRESS_INET)
        return -EAFNOSUPPORT;
    rc = lookup_any(&l);
    if (rc < 0)
        return rc;
    bool both = address_is_localhost(&l.text) && l.count == 2 && self->dual_stack;
    return both ? bind_loopbacks(self, &l) : bind_any_of(self, &l);
}

static int server_activate(struct ss_server *self)
{
    int rc = options_of_stream(self); /* before they connect, so that connections inherit them */
    return rc < 0 ? rc : listen(self->socket, self->request_queue_size) < 0 ? -errno : 0;
}

/* Only where the server allows others to bind its port anyway, or they could do so now. And not where what is
   sent to many is expected: each of the sockets would get it, and it would be handled more than once. */
int bind_again(struct ss_server *self, int *fd)
{
    bool is_of_many = self->socket_type == SOCK_DGRAM && (self->multicast_groups || self->allow_broadcast);
    if (self->address_family == AF_UNIX || is_of_many || socket_option(self->socket, SO_REUSEPORT) <= 0)
        return -EOPNOTSUPP;
    struct ss_address all = all_addresses(ss_address_port(&self->server_address));
    int first = self->socket;
    int another = bind_to(self, self->core->loopbacks ? &all : &self->server_address, true);
    if (another < 0)
        return another;
    self->socket = another; /* server_activate knows no other */
    int rc = methods_of(self)->server_activate(self);
    self->socket = first;
    if (rc < 0)
        close(another);
    else
        *fd = another;
    return rc;
}

/* ---------------------------------------------------------------- connections */

static int get_request(struct ss_server *self, struct ss_request *request)
{
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
    } client;
    socklen_t size = sizeof client;
    int fd = accept4(ss_fileno(self), &client.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;
    request->fd = fd;
    if (self->address_family == AF_UNIX)
        request->unnamed = size <= sizeof(sa_family_t);
    else
        memcpy(&request->client, &client, sizeof request->client);
    return 0;
}

/* Ends the output, and reads on until the client has ended, within limits: closing a socket with unread input
   would reset the connection, and the client might lose the end of the answer. */
static void linger(struct ss_server *self, int fd)
{
    char data[16384];
    uint64_t deadline = ss_now() + LINGER_TIME;
    ssize_t n = 1;
    if (shutdown(fd, SHUT_WR) < 0)
        return;
    for (size_t total = 0; n != 0 && total < LINGER_BYTES;) {
        n = TEMP_FAILURE_RETRY(recv(fd, data, sizeof data, 0));
        if (n > 0)
            total += (size_t)n;
        else if (n < 0 && (errno != EAGAIN || server_wait(self, fd, POLLIN, -1, deadline, CANCELED) < 0))
            return;
    }
}

static void shutdown_request(struct ss_server *self, struct ss_request *request)
{
    bool inherited = container_of(request, struct request, request)->forks != forks_made();
    if (request->linger)
        linger(self, request->fd);
    else if (inherited && !request->datagram) /* a process that a handler has forked may have it open, so
                                                 closing would not end it */
        (void)shutdown(request->fd, SHUT_WR);
    methods_of(self)->close_request(self, request);
}

const struct ss_class ss_TCPServer = {
    .name = "TCPServer",
    .base = &BaseServer,
    .server_bind = server_bind,
    .server_activate = server_activate,
    .get_request = get_request,
    .open_stream = socket_open_stream,
    .shutdown_request = shutdown_request,
};
