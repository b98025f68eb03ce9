/* SPDX-License-Identifier: MIT */
/* Streams of clients: ss_connect. */
#include "net/lookup.h"
#include "net/socket.h"
#include "server/core.h"
#include "server/serving.h"
#include "server/stop.h"
#include "server/stream.h"
#include "server/wait.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STREAM_BUFFER = 16384, DATAGRAM_BUFFER = 65536 };
enum { EMPTY_BURST = 16 }; /* empty datagrams that are taken before others run */
/* ms between two attempts when the queue of a Unix server is full: poll(2) does not tell when it has room. */
enum { BUSY_SERVER_PAUSE = 10 };

struct client {
    struct socket socket;
    int timeout, type;
    char buffers[];
};

static struct client *client_of(struct ss_stream *s)
{
    return container_of(s, struct client, socket.stream);
}

/* The server that is told of the client's descriptor: also a handler may have called ss_connect with NULL. */
static struct ss_server *keeper(const struct client *client)
{
    const struct serving *serving = serving_current();
    struct ss_server *own = client->socket.stream.server;
    return own ? own : serving ? serving->server : NULL;
}

static void adopt(const struct client *client, int fd)
{
    struct ss_server *self = keeper(client);
    if (self)
        methods_of(self)->adopt(self, fd, client);
}

/* The handler may have closed it, and the number be somebody else's by now. */
static void forget_and_close(const struct client *client, int fd)
{
    struct ss_server *self = keeper(client);
    if (!self || methods_of(self)->forget(self, fd, client))
        close(fd);
}

/* A read takes one datagram; what does not fit into `data` is lost, as with recv(2). An empty datagram is
   skipped: it is not the end. */
static ssize_t datagram_read_now(struct ss_stream *s, void *data, size_t size)
{
    ssize_t n = 0;
    for (int i = 0; i < EMPTY_BURST && n == 0; i++) {
        n = TEMP_FAILURE_RETRY(recv(s->fd, data, size, MSG_DONTWAIT));
        if (n == 0 && client_of(s)->type != SOCK_DGRAM)
            return 0;
    }
    client_of(s)->socket.unread = n == 0;
    return n > 0 ? n : n == 0 ? -EAGAIN : -errno;
}

static ssize_t datagram_read(struct ss_stream *s, void *data, size_t size)
{
    struct vain_waits vain = {0};
    for (;;) {
        ssize_t n = datagram_read_now(s, data, size);
        if (n != -EAGAIN)
            return n;
        int rc = stream_flush_above(s);
        if (rc == 0)
            rc = client_of(s)->socket.unread ? stream_pause(s, &vain, *s->timeout)
                                             : stream_wait(s, POLLIN, CANCELED, &vain);
        if (rc < 0)
            return rc;
    }
}

/* Each flush is one datagram. */
static int datagram_write(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    struct msghdr message = {.msg_iov = vector, .msg_iovlen = (size_t)count};
    struct vain_waits vain = {0};
    (void)more;
    while (TEMP_FAILURE_RETRY(sendmsg(s->fd, &message, MSG_NOSIGNAL)) < 0) {
        if (errno != EAGAIN)
            return -errno;
        int rc = stream_wait(s, POLLOUT, CANCELED, &vain);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int client_close(struct ss_stream *s)
{
    struct client *client = client_of(s);
    forget_and_close(client, s->fd);
    free(client);
    return 0;
}

static const struct ss_stream_class client_stream = {
    .name = "client",
    .direct = true,
    .read = socket_read,
    .read_now = socket_read_now,
    .write = socket_write,
    .write_now = socket_write_now,
    .sendfile = socket_sendfile,
    .write_eof = socket_write_eof,
    .close = client_close,
};

static const struct ss_stream_class client_datagram_stream = {
    .name = "datagram client",
    .read = datagram_read,
    .read_now = datagram_read_now,
    .write = datagram_write,
    .close = client_close,
};

/* ---------------------------------------------------------------- connecting */

/* Lets the kernel choose a name: without one a Unix datagram socket gets no answers. */
static int give_name(int fd)
{
    sa_family_t family = AF_UNIX;
    struct sockaddr_un none = {.sun_family = family};
    return bind(fd, (struct sockaddr *)&none, sizeof family) < 0 ? -errno : 0;
}

static int pause_for(struct ss_server *self, int ms)
{
    return self ? ss_sleep(self, ms) : (poll(NULL, 0, ms), 0);
}

static int try_connect(struct ss_server *self, int fd, const struct sockaddr *to, socklen_t length,
                       uint64_t deadline)
{
    while (connect(fd, to, length) < 0) {
        if (errno == EINPROGRESS) {
            int rc = server_wait(self, fd, POLLOUT, -1, deadline, CANCELED), error = 0;
            socklen_t size = sizeof error;
            if (rc == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
                error = errno;
            return rc < 0 ? rc : -error;
        }
        if (errno == EISCONN)
            return 0;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        if (deadline && ss_now() >= deadline)
            return -ETIMEDOUT;
        int rc = pause_for(self, BUSY_SERVER_PAUSE);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Resets the connection when it is closed: a normal end would keep the port for a minute. */
static int refuse_own(int fd)
{
    struct linger at_once = {.l_onoff = 1};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return -ECONNREFUSED;
}

/* A client that connects to a port on which nobody listens may be given that same port as its own, and then
   is connected to itself. A server that starts there later would find its port taken. */
static int refuse_itself(int fd, const struct sockaddr *to, socklen_t length)
{
    struct ss_address own = {.length = sizeof own.u}, other = {.length = length};
    if (getsockname(fd, &own.u.any, &own.length) < 0)
        return -errno;
    memcpy(&other.u, to, length);
    if (ss_address_port(&own) != ss_address_port(&other)) /* for nearly all this is enough */
        return 0;
    other.length = sizeof other.u;
    if (getpeername(fd, &other.u.any, &other.length) < 0)
        return -errno;
    return other.length == own.length && memcmp(&other.u, &own.u, own.length) == 0 ? refuse_own(fd) : 0;
}

static int connect_one(struct client *client, const struct sockaddr *to, socklen_t length, uint64_t deadline)
{
    int fd = socket(to->sa_family, client->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int rc = to->sa_family == AF_UNIX && client->type == SOCK_DGRAM ? give_name(fd) : 0;
    adopt(client, fd);
    if (rc == 0)
        rc = try_connect(client->socket.stream.server, fd, to, length, deadline);
    if (rc == 0)
        rc = refuse_itself(fd, to, length);
    const struct ss_server *self = keeper(client);
    if (self && self->explained)
        self->explained->connected(self, fd, to, length, rc);
    if (rc < 0) {
        forget_and_close(client, fd);
        return rc;
    }
    if (to->sa_family != AF_UNIX && client->type == SOCK_STREAM) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        client->socket.is_tcp = true;
    }
    client->socket.stream.fd = fd;
    return 0;
}

/* Each address gets its share of the time that is left, so that one which does not answer leaves some to the
   others. */
static int connect_any_of(struct client *client, const struct addrinfo *list, uint64_t deadline)
{
    int rc = -EADDRNOTAVAIL;
    unsigned count = 0;
    for (const struct addrinfo *ai = list; ai; ai = ai->ai_next)
        count++;
    for (const struct addrinfo *ai = list; ai; ai = ai->ai_next, count--) {
        uint64_t now = ss_now(), end = deadline;
        if (deadline)
            end = now + (deadline > now ? (deadline - now) / count : 0);
        rc = connect_one(client, ai->ai_addr, ai->ai_addrlen, end);
        if (rc >= 0 || rc == -ECANCELED)
            break;
    }
    return rc;
}

struct lookup {
    const struct address_text *parsed;
    int type;
    struct addrinfo *list;
};

static int look_up(void *argument)
{
    struct lookup *l = argument;
    return address_lookup(l->parsed, AF_UNSPEC, l->type, false, &l->list);
}

static uint64_t deadline_in(int ms)
{
    return ms < 0 ? 0 : ss_now() + (uint64_t)ms;
}

static int connect_host(struct client *client, const struct address_text *parsed)
{
    struct lookup l = {.parsed = parsed, .type = client->type};
    struct ss_server *self = client->socket.stream.server;
    int rc = address_lookup(parsed, AF_UNSPEC, client->type, true, &l.list);
    if (rc == -ENOENT) /* it is a name: name servers may have to be asked */
        rc = self ? ss_offload(self, look_up, &l) : look_up(&l);
    if (rc < 0)
        return rc;
    rc = connect_any_of(client, l.list, deadline_in(client->timeout));
    freeaddrinfo(l.list);
    return rc;
}

static struct client *client_new(struct ss_server *self, int type, int ms)
{
    size_t size = type == SOCK_STREAM ? STREAM_BUFFER : DATAGRAM_BUFFER;
    struct client *client = malloc(sizeof *client + 2 * size);
    if (!client)
        return NULL;
    struct ss_stream *s = &client->socket.stream;
    client->socket = (struct socket){.is_tcp = false};
    ss_stream_init(s, type == SOCK_STREAM ? &client_stream : &client_datagram_stream, NULL, client->buffers,
                   size, client->buffers + size, size);
    s->server = self;
    s->timeout = &client->timeout;
    client->timeout = ms;
    client->type = type;
    return client;
}

int ss_connect(struct ss_server *self, const char *address, int type, int ms, struct ss_stream **s)
{
    struct address_text parsed;
    int rc = address_parse(address, &parsed);
    *s = NULL;
    if (rc == 0 && parsed.kind == ADDRESS_FD)
        rc = -EINVAL;
    if (rc < 0)
        return rc;
    struct client *client = client_new(self, type, ms);
    if (!client)
        return -ENOMEM;
    rc = parsed.kind == ADDRESS_INET
             ? connect_host(client, &parsed)
             : connect_one(client, &parsed.address.u.any, parsed.address.length, deadline_in(ms));
    if (rc < 0)
        free(client);
    else
        *s = &client->socket.stream;
    return rc;
}

int ss_dup(struct ss_stream *s, struct ss_stream **copy)
{
    int type = 0;
    socklen_t size = sizeof type;
    *copy = NULL;
    if (s->below || s->fd < 0 || getsockopt(s->fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
        type != SOCK_STREAM)
        return -EOPNOTSUPP;
    int fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
    struct client *client = fd < 0 ? NULL : client_new(s->server, type, s->timeout ? *s->timeout : -1);
    if (!client) {
        int rc = fd < 0 ? -errno : -ENOMEM;
        if (fd >= 0)
            close(fd);
        return rc;
    }
    client->socket.is_tcp = container_of(s, struct socket, stream)->is_tcp;
    client->socket.stream.fd = fd;
    adopt(client, fd);
    *copy = &client->socket.stream;
    return 0;
}

void ss_set_timeout(struct ss_stream *s, int ms)
{
    if (s->timeout)
        *s->timeout = ms;
}
