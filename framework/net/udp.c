/* SPDX-License-Identifier: MIT */
/* UDPServer: datagrams, and the streams through which a handler reads and answers them. */
#include "net/options.h"
#include "net/packets.h"
#include "server/core.h"
#include "server/stop.h"
#include "server/stream.h"
#include "server/wait.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ms for which a Unix client may keep its queue full before its reply is given up. poll(2) does not tell when
   there is room, and other clients may be waiting. */
enum { FULL_QUEUE_TIME = 1000 };

static void defaults(struct ss_server *self)
{
    self->socket_type = SOCK_DGRAM;
    self->allow_reuse_address = false;
}

/* A socket that is bound to every interface asks the kernel which address each datagram was sent to: the
   reply must come from that one. */
static int server_activate(struct ss_server *self)
{
    int rc = options_of_datagrams(self);
    if (rc < 0 || !packets_several(self))
        return rc;
    if (self->address_family == AF_INET)
        return option_set(self->socket, IPPROTO_IP, IP_PKTINFO, 1);
    rc = option_set(self->socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    return rc == 0 ? option_set(self->socket, IPPROTO_IP, IP_PKTINFO, 1) : rc; /* it may take IPv4, too */
}

static int get_request(struct ss_server *self, struct ss_request *request)
{
    request->fd = *serving_of(self)->socket;
    return packets_take(self, &request->datagram);
}

/* ---------------------------------------------------------------- replying */

/* Sets the reply's source: the address that the datagram was sent to. */
static void set_source(struct msghdr *message, union packet_control *control, const struct ss_address *local,
                       const struct ss_address *client)
{
    struct cmsghdr *c = &control->align;
    message->msg_control = control;
    if (local->u.any.sa_family == AF_INET) {
        struct in_pktinfo info = {.ipi_spec_dst = local->u.in.sin_addr};
        message->msg_controllen = CMSG_SPACE(sizeof info);
        *c = (struct cmsghdr){CMSG_LEN(sizeof info), IPPROTO_IP, IP_PKTINFO};
        memcpy(CMSG_DATA(c), &info, sizeof info);
    } else {
        struct in6_pktinfo info = {.ipi6_addr = local->u.in6.sin6_addr,
                                   .ipi6_ifindex = client->u.in6.sin6_scope_id};
        message->msg_controllen = CMSG_SPACE(sizeof info);
        *c = (struct cmsghdr){CMSG_LEN(sizeof info), IPPROTO_IPV6, IPV6_PKTINFO};
        memcpy(CMSG_DATA(c), &info, sizeof info);
    }
}

static int wait_to_reply(struct ss_stream *s, bool is_unix, int *waited)
{
    if (!is_unix)
        return server_wait(s->server, s->fd, POLLOUT, s->timeout ? *s->timeout : -1, 0, CANCELED);
    int pause = *waited < 64 ? *waited + 1 : 64;
    if ((*waited += pause) > FULL_QUEUE_TIME)
        return -ETIMEDOUT;
    return ss_sleep(s->server, pause);
}

enum { SEND_FLAGS = MSG_NOSIGNAL | MSG_DONTWAIT };

/* Not inlined: most servers have one address. */
__attribute__((noinline)) static ssize_t send_from(int fd, const struct ss_address *from,
                                                   const struct ss_address *to, struct iovec data)
{
    union packet_control control = {0};
    struct msghdr message = {
        .msg_name = (void *)(uintptr_t)&to->u, .msg_namelen = to->length, .msg_iov = &data, .msg_iovlen = 1};
    if (from && !packets_wildcard(from)) /* the kernel has not said which one it was: it chooses */
        set_source(&message, &control, from, to);
    return sendmsg(fd, &message, SEND_FLAGS);
}

/* Tries once more: the error may be that of an earlier datagram. 0 or -errno. */
static int send_now(const struct ss_server *self, int fd, const struct ss_address *from,
                    const struct ss_address *to, struct iovec data)
{
    ssize_t n = -1;
    for (int errors = 0; n < 0 && errors < 2; errors += n < 0 && errno != EINTR) {
        n = packets_several(self)
                ? send_from(fd, from, to, data)
                : sendto(fd, data.iov_base, data.iov_len, SEND_FLAGS, &to->u.any, to->length);
        if (n < 0 && errno == EAGAIN)
            break;
    }
    return n < 0 ? -errno : 0;
}

int ss_send_to(struct ss_server *self, const struct ss_address *from, const struct ss_address *to,
               const void *data, size_t size)
{
    if (!self->core || self->socket_type != SOCK_DGRAM || !to || !to->length)
        return -EINVAL;
    int fd = ss_fileno(self);
    struct iovec all = {(void *)(uintptr_t)data, size};
    int rc = fd < 0 ? -EBADF : send_now(self, fd, from, to, all);
    if (self->explained)
        self->explained->sent(self, fd, to, &all, rc);
    return rc;
}

/* The client has gone, or its address is one that nobody can have. That is no failure of the server's: who
   sends datagrams may write into them which address he likes, and could fill a log so. */
static bool cannot_be_reached(int rc)
{
    return rc == -ECONNREFUSED || rc == -ENOENT || rc == -EINVAL || rc == -ENETUNREACH ||
           rc == -EHOSTUNREACH || rc == -EACCES || rc == -EPERM;
}

/* Sends what the handler has written until now; nothing is no datagram. */
static int datagram_flush(struct ss_stream *s)
{
    struct ss_datagram *datagram = s->request->datagram;
    bool is_unix = datagram->local_address.u.any.sa_family == AF_UNIX;
    struct iovec data = {s->wbuf, s->wend};
    int waited = 0, rc = 0;
    s->wend = 0;
    if (data.iov_len == 0 || !datagram->client_address.length)
        return 0; /* without an address there is nobody to answer */
    do
        rc = send_now(s->server, s->fd, &datagram->local_address, &datagram->client_address, data);
    while (rc == -EAGAIN && (rc = wait_to_reply(s, is_unix, &waited)) == 0);
    return cannot_be_reached(rc) ? 0 : rc;
}

/* All input is in the buffer from the start. */
static const struct ss_stream_class datagram_stream = {.name = "datagram", .flush = datagram_flush};

static int open_stream(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    struct ss_datagram *datagram = h->request->datagram;
    struct ss_stream *s = ss_alloc(h, sizeof *s + self->max_packet_size);
    if (!s)
        return -ENOMEM;
    ss_stream_init(s, &datagram_stream, NULL, datagram->data, datagram->size, (char *)(s + 1),
                   self->max_packet_size);
    stream_serve(s, h);
    s->rend = datagram->size;
    s->eof = true;
    *stream = s;
    return 0;
}

const struct ss_class ss_UDPServer = {
    .name = "UDPServer",
    .base = &TCPServer,
    .defaults = defaults,
    .server_activate = server_activate,
    .get_request = get_request,
    .open_stream = open_stream,
};
