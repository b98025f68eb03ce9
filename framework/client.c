/* The other side: connections to servers, as streams. */
#include "core.h"
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STREAM_BUFFER = 16384, DATAGRAM_BUFFER = 65536 };
enum { EMPTY_BURST = 16 };       /* datagrams taken before others run */
enum { BUSY_SERVER_PAUSE = 10 }; /* ms; a Unix server with a full queue cannot be waited for */

struct client {
    struct ss_stream stream;
    int timeout, type;
    char buffers[];
};

/* One datagram is one read: what does not fit into `data` is lost, as with recv(2). An empty one is not the
   end, and has nothing to be read. */
static ssize_t datagram_read_now(struct ss_stream *s, void *data, size_t size)
{
    ssize_t n = 0;
    for (int i = 0; i < EMPTY_BURST && n == 0; i++) {
        n = recv(s->fd, data, size, MSG_DONTWAIT);
        if (n == 0 && container_of(s, struct client, stream)->type != SOCK_DGRAM)
            return 0;
    }
    s->unread = n == 0;
    return n > 0 ? n : n == 0 || errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t datagram_read(struct ss_stream *s, void *data, size_t size)
{
    struct vain vain = {0};
    for (;;) {
        ssize_t n = datagram_read_now(s, data, size);
        if (n != -EAGAIN)
            return n;
        int rc = ss_flush(s);
        if (rc == 0)
            rc = s->unread ? stream_pause(s, &vain, *s->timeout) : stream_wait(s, POLLIN, CANCELED, &vain);
        if (rc < 0)
            return rc;
    }
}

/* Each flush is one datagram. */
static int datagram_write(struct ss_stream *s, struct iovec *vector, int count, bool more)
{
    struct msghdr message = {.msg_iov = vector, .msg_iovlen = (size_t)count};
    struct vain vain = {0};
    (void)more;
    while (sendmsg(s->fd, &message, MSG_NOSIGNAL) < 0) {
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        int rc = stream_wait(s, POLLOUT, CANCELED, &vain);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static const struct ss_stream_class client_datagram_stream = {
    .name = "datagram client",
    .read = datagram_read,
    .read_now = datagram_read_now,
    .write = datagram_write,
};

/* ---------------------------------------------------------------- connecting */

/* A Unix datagram socket without a name could not be answered. */
static void give_name(int fd)
{
    sa_family_t family = AF_UNIX;
    (void)bind(fd, (struct sockaddr *)&(struct sockaddr_un){.sun_family = family}, sizeof family);
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

static int connect_one(struct ss_server *self, const struct sockaddr *to, socklen_t length, int type,
                       uint64_t deadline)
{
    int fd = socket(to->sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0)
        return -errno;
    if (to->sa_family == AF_UNIX && type == SOCK_DGRAM)
        give_name(fd);
    loop_adopt(fd);
    int rc = try_connect(self, fd, to, length, deadline);
    if (rc < 0) {
        loop_release(fd);
        close(fd);
        return rc;
    }
    if (to->sa_family != AF_UNIX && type == SOCK_STREAM)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* Each address gets its share of the time that is left, so that one that swallows everything leaves
   some to the others. */
static int connect_any_of(struct ss_server *self, const struct addrinfo *list, int type, uint64_t deadline)
{
    int rc = -EADDRNOTAVAIL;
    unsigned count = 0;
    for (const struct addrinfo *ai = list; ai; ai = ai->ai_next)
        count++;
    for (const struct addrinfo *ai = list; ai; ai = ai->ai_next, count--) {
        uint64_t now = ss_now(), end = deadline;
        if (deadline)
            end = now + (deadline > now ? (deadline - now) / count : 0);
        rc = connect_one(self, ai->ai_addr, ai->ai_addrlen, type, end);
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

static int connect_host(struct ss_server *self, const struct address_text *parsed, int type,
                        uint64_t deadline)
{
    struct lookup l = {.parsed = parsed, .type = type};
    int rc = address_lookup(parsed, AF_UNSPEC, type, true, &l.list);
    if (rc == -ENOENT) /* a name: servers may have to be asked */
        rc = self ? ss_offload(self, look_up, &l) : look_up(&l);
    if (rc < 0)
        return rc;
    rc = connect_any_of(self, l.list, type, deadline);
    freeaddrinfo(l.list);
    return rc;
}

static struct client *client_new(struct ss_server *self, int fd, int type, int ms)
{
    size_t size = type == SOCK_STREAM ? STREAM_BUFFER : DATAGRAM_BUFFER;
    struct client *client = malloc(sizeof *client + 2 * size);
    if (!client)
        return NULL;
    ss_stream_init(&client->stream, type == SOCK_STREAM ? &socket_stream : &client_datagram_stream, NULL,
                   client->buffers, size, client->buffers + size, size);
    client->stream.server = self;
    client->stream.fd = fd;
    client->stream.timeout = &client->timeout;
    client->timeout = ms;
    client->type = type;
    return client;
}

int ss_connect(struct ss_server *self, const char *address, int type, int ms, struct ss_stream **s)
{
    struct address_text parsed;
    uint64_t deadline = ms < 0 ? 0 : ss_now() + (uint64_t)ms;
    int rc = address_parse(address, &parsed);
    if (rc == 0 && parsed.kind == ADDRESS_FD)
        rc = -EINVAL;
    if (rc < 0)
        return rc;
    int fd = parsed.kind == ADDRESS_INET
                 ? connect_host(self, &parsed, type, deadline)
                 : connect_one(self, &parsed.address.u.any, parsed.address.length, type, deadline);
    if (fd < 0)
        return fd;
    struct client *client = client_new(self, fd, type, ms);
    if (!client) {
        loop_release(fd);
        close(fd);
        return -ENOMEM;
    }
    *s = &client->stream;
    return 0;
}

void ss_set_timeout(struct ss_stream *s, int ms)
{
    if (s->timeout)
        *s->timeout = ms;
}

int ss_close(struct ss_stream *s)
{
    if (!s)
        return 0;
    int rc = ss_flush(s);
    loop_release(s->fd);
    close(s->fd);
    free(container_of(s, struct client, stream));
    return rc;
}
