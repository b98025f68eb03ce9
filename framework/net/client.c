/* SPDX-License-Identifier: MIT */
/* Streams of clients: ss_connect. */
#include "net/connect.h"
#include "net/names.h"
#include "net/socket.h"
#include "server/core.h"
#include "server/reason.h"
#include "server/stop.h"
#include "server/stream.h"
#include "server/wait.h"
#include "tls/connect.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STREAM_BUFFER = 16384, DATAGRAM_BUFFER = 65536 };
#define TLS "tls:"         /* what an address begins with when the connection is to be encrypted */
enum { EMPTY_BURST = 16 }; /* empty datagrams that are taken before others run */

struct client {
    struct socket socket;
    int timeout, type;
    int error; /* what an earlier datagram has met, and nobody was told of yet */
    char buffers[];
};

static struct client *client_of(struct ss_stream *s)
{
    return container_of(s, struct client, socket.stream);
}

/* An error that an earlier datagram has met is told when the queue is empty: it must not hide what has come.
 */
static ssize_t receive_datagram(struct ss_stream *s, void *data, size_t size)
{
    struct client *client = client_of(s);
    ssize_t n = TEMP_FAILURE_RETRY(recv(s->fd, data, size, MSG_DONTWAIT));
    if (n < 0 && errno != EAGAIN) {
        client->error = -errno;
        n = TEMP_FAILURE_RETRY(recv(s->fd, data, size, MSG_DONTWAIT));
    }
    if (n >= 0 || errno != EAGAIN || !client->error)
        return n < 0 ? -errno : n;
    n = client->error;
    client->error = 0;
    return n;
}

/* A read takes one datagram; what does not fit into `data` is lost, as with recv(2). An empty datagram is
   skipped: it is not the end. */
static ssize_t datagram_read_now(struct ss_stream *s, void *data, size_t size)
{
    ssize_t n = 0;
    for (int i = 0; i < EMPTY_BURST && n == 0; i++) {
        n = receive_datagram(s, data, size);
        if (n == 0 && client_of(s)->type != SOCK_DGRAM)
            return 0;
    }
    client_of(s)->socket.unread = n == 0;
    return n == 0 ? -EAGAIN : n;
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

/* Tries once more: the error may be that of an earlier datagram, and then this one has not been sent. */
static int send_datagram(const struct ss_stream *s, const struct msghdr *message)
{
    ssize_t n = -1;
    for (int tries = 2; n < 0 && tries > 0; tries--) {
        n = TEMP_FAILURE_RETRY(sendmsg(s->fd, message, MSG_NOSIGNAL));
        if (n < 0 && errno == EAGAIN)
            break;
    }
    return n < 0 ? -errno : 0;
}

/* Each flush is one datagram. */
static int datagram_write(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    struct msghdr message = {.msg_iov = vector, .msg_iovlen = (size_t)count};
    struct vain_waits vain = {0};
    int rc;
    (void)more;
    while ((rc = send_datagram(s, &message)) == -EAGAIN)
        if ((rc = stream_wait(s, POLLOUT, CANCELED, &vain)) < 0)
            return rc;
    return rc;
}

static int client_close(struct ss_stream *s)
{
    struct client *client = client_of(s);
    connect_close(s->server, client, s->fd);
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
    .datagrams = true,
    .read = datagram_read,
    .read_now = datagram_read_now,
    .write = datagram_write,
    .close = client_close,
};

/* ---------------------------------------------------------------- connecting */

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
    client->error = 0;
    return client;
}

/* The local addresses that are to be used: of each family one at most. */
static int read_from(const struct ss_connect_options *options, int type, struct lookup *from)
{
    int rc = address_parse(options->from, &from->text);
    from->family = options->family;
    from->type = type;
    if (rc == 0)
        rc = from->text.kind == ADDRESS_INET ? lookup_now(from) : -EINVAL;
    return rc == -EAGAIN ? -EINVAL : rc; /* a name */
}

static int connect_host(const struct connecting *c, const struct address_text *text, int family)
{
    struct lookup *l;
    int rc = names_find(c->self, text, family, c->type, c->deadline, &l);
    if (rc < 0)
        return rc;
    rc = connect_first(c, l->found, l->count);
    free(l);
    return rc;
}

static void take_connection(struct client *client, int fd, int family)
{
    if (family != AF_UNIX && client->type == SOCK_STREAM) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        client->socket.is_tcp = true;
    }
    client->socket.stream.fd = fd;
}

static int connect_client(struct client *client, const struct address_text *text,
                          const struct ss_connect_options *options, uint64_t deadline)
{
    struct connecting c = {.self = client->socket.stream.server,
                           .owner = client,
                           .type = client->type,
                           .interface = options->interface,
                           .deadline = deadline};
    struct lookup *from = options->from ? calloc(1, sizeof *from) : NULL;
    int rc = options->from && !from ? -ENOMEM : from ? read_from(options, client->type, from) : 0;
    c.from = from;
    if (rc == 0)
        rc = text->kind == ADDRESS_INET ? connect_host(&c, text, options->family)
                                        : connect_first(&c, &text->address, 1);
    free(from);
    if (rc >= 0)
        take_connection(client, rc, text->kind == ADDRESS_INET ? AF_UNSPEC : AF_UNIX);
    return rc < 0 ? rc : 0;
}

int ss_connect_with(struct ss_server *self, const char *address, int type, int ms,
                    const struct ss_connect_options *options, struct ss_stream **s)
{
    static const struct ss_connect_options none;
    struct address_text text;
    uint64_t deadline = deadline_in(ms);
    bool encrypted = address && !strncmp(address, TLS, sizeof TLS - 1);
    int rc = address_parse(encrypted ? address + sizeof TLS - 1 : address, &text);
    reason_clear();
    *s = NULL;
    if (rc == 0 && (text.kind == ADDRESS_FD || (encrypted && type != SOCK_STREAM)))
        rc = -EINVAL;
    options = options ? options : &none;
    if (rc < 0)
        return rc;
    struct client *client = client_new(self, type, ms);
    if (!client)
        return -ENOMEM;
    rc = connect_client(client, &text, options, deadline);
    if (rc < 0) {
        free(client);
        return rc;
    }
    struct ss_stream *made = &client->socket.stream;
    if (encrypted)
        rc = tls_connect(text.kind == ADDRESS_INET ? text.host : "", options,
                         deadline ? ms_until(deadline) : -1, &made);
    if (rc == 0)
        *s = made;
    else
        (void)ss_close(made);
    return rc;
}

static int dup_socket(const struct ss_stream *s, struct ss_stream **copy)
{
    int type = 0;
    socklen_t size = sizeof type;
    if (s->fd < 0 || getsockopt(s->fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM)
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
    connect_adopt(s->server, client, fd);
    *copy = &client->socket.stream;
    return 0;
}

int ss_dup(struct ss_stream *s, struct ss_stream **copy)
{
    struct ss_stream *below;
    *copy = NULL;
    if (!s->below)
        return dup_socket(s, copy);
    if (!s->methods->dup)
        return -EOPNOTSUPP;
    int rc = ss_dup(s->below, &below);
    if (rc == 0 && (rc = s->methods->dup(s, below, copy)) < 0)
        (void)ss_close(below);
    return rc;
}

int ss_connect(struct ss_server *self, const char *address, int type, int ms, struct ss_stream **s)
{
    return ss_connect_with(self, address, type, ms, NULL, s);
}

void ss_set_timeout(struct ss_stream *s, int ms)
{
    if (s->timeout)
        *s->timeout = ms;
}
