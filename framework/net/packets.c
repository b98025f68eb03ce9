/* SPDX-License-Identifier: MIT */
/* How datagrams are received: several at a time (recvmmsg), where a thread has the socket for itself. They
   are then taken one after another. */
#include "net/packets.h"
#include "server/core.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Datagrams that are received at once, if they fit into so many bytes: more would save hardly anything. */
enum { BATCH = 16, BATCH_MEMORY = 2 << 20 };

struct packet {
    struct ss_datagram datagram;
    struct iovec place;
    union packet_control control;
};

struct packets {
    unsigned room, next; /* how many there can be, and which is to be taken next */
    bool emptied;        /* the last ones were all that there were */
    struct mmsghdr headers[BATCH];
    struct packet packet[]; /* and behind them the data */
};

bool packets_wildcard(const struct ss_address *address)
{
    return (address->u.any.sa_family == AF_INET && address->u.in.sin_addr.s_addr == htonl(INADDR_ANY)) ||
           (address->u.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&address->u.in6.sin6_addr));
}

bool packets_several(const struct ss_server *self)
{
    return self->core->loopbacks || packets_wildcard(&self->server_address);
}

/* ---------------------------------------------------------------- memory

   The size of the next datagram is not known, so it is received into a buffer that holds any, and then
   copied. */

/* What is received at once is this thread's alone. Others that have the socket would be idle beside it: the
   processes and loops of a server that share one, whoever passed it on, and a handler that reads from it. */
static unsigned room_for(const struct ss_server *self, const struct serving *serving)
{
    const struct ss_core *core = self->core;
    bool alone = serving->can_put_aside && !core->shared && core->has_streams && !core->is_inherited;
    return alone && self->max_packet_size <= BATCH_MEMORY / BATCH ? BATCH : 1;
}

/* Says where a datagram's address, and that which it was sent to, are to be stored. */
static void prepare_header(const struct ss_server *self, struct packets *p, unsigned i)
{
    struct msghdr *header = &p->headers[i].msg_hdr;
    header->msg_namelen = sizeof p->packet[i].datagram.client_address.u;
    if (packets_several(self)) {
        header->msg_control = &p->packet[i].control;
        header->msg_controllen = sizeof p->packet[i].control;
    }
}

static struct packets *packets_new(const struct ss_server *self, unsigned room)
{
    size_t own = sizeof(struct packets) + room * sizeof(struct packet);
    struct packets *p = malloc(own + room * self->max_packet_size);
    if (!p)
        return NULL;
    memset(p, 0, own);
    p->room = room;
    for (unsigned i = 0; i < room; i++) {
        struct packet *packet = &p->packet[i];
        packet->datagram.data = (char *)p + own + i * self->max_packet_size;
        packet->datagram.local_address = self->server_address;
        packet->place = (struct iovec){packet->datagram.data, self->max_packet_size};
        p->headers[i].msg_hdr = (struct msghdr){
            .msg_name = &packet->datagram.client_address.u, .msg_iov = &packet->place, .msg_iovlen = 1};
        prepare_header(self, p, i);
    }
    return p;
}

static struct packets *packets_of(const struct ss_server *self, struct serving *serving)
{
    struct packets *p = serving->packets;
    unsigned room = p && (p->room > 1 || serving->held) ? p->room : room_for(self, serving);
    if (p && p->room == room)
        return p;
    struct packets *larger = packets_new(self, room);
    if (!larger)
        return p ? p : packets_new(self, 1);
    free(p);
    return serving->packets = larger;
}

static struct ss_datagram *datagram_copy(const struct ss_datagram *from)
{
    /* not calloc, which does without malloc's cache of the thread */
    struct ss_datagram *datagram = malloc(sizeof *datagram + from->size);
    if (datagram) {
        *datagram = *from;
        datagram->data = (char *)(datagram + 1);
        memcpy(datagram->data, from->data, from->size);
    }
    return datagram;
}

/* ---------------------------------------------------------------- where they were sent to */

/* `own` is an address of this machine, also for a multicast or broadcast, which a reply cannot come from. */
static void take_in_address(struct ss_address *local, struct in_addr own)
{
    if (local->u.any.sa_family == AF_INET) {
        local->u.in.sin_addr = own;
    } else {
        memset(&local->u.in6.sin6_addr, 0, 10);
        memset(&local->u.in6.sin6_addr.s6_addr[10], 0xff, 2);
        memcpy(&local->u.in6.sin6_addr.s6_addr[12], &own, sizeof own);
    }
}

static void take_local_address(struct ss_address *local, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            take_in_address(local, info.ipi_spec_dst);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            if (!IN6_IS_ADDR_MULTICAST(&info.ipi6_addr) && !IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr))
                local->u.in6.sin6_addr = info.ipi6_addr;
        }
    }
}

/* ---------------------------------------------------------------- receiving */

/* A datagram of `size` bytes is there, which may be more than there was room for. */
static void note_packet(const struct ss_server *self, struct packet *packet, size_t size)
{
    struct ss_datagram *datagram = &packet->datagram;
    datagram->truncated = size > self->max_packet_size;
    datagram->size = datagram->truncated ? self->max_packet_size : size;
    if (datagram->client_address.length <= sizeof(sa_family_t)) { /* a Unix client without a name */
        datagram->client_address.length = 0;
        datagram->client_address.u.any.sa_family = AF_UNIX;
    }
}

/* Takes from a header what the kernel has stored there, and prepares it for the next time. */
static void take_header(const struct ss_server *self, struct packets *p, unsigned i)
{
    struct packet *packet = &p->packet[i];
    struct msghdr *header = &p->headers[i].msg_hdr;
    packet->datagram.client_address.length = header->msg_namelen;
    if (header->msg_control) {
        packet->datagram.local_address = self->server_address;
        take_local_address(&packet->datagram.local_address, header);
    }
    note_packet(self, packet, p->headers[i].msg_len);
    prepare_header(self, p, i);
}

enum { RECEIVE_FLAGS = MSG_DONTWAIT | MSG_TRUNC };

/* The three return how many datagrams were received, or -errno. */
static int receive_batch(const struct ss_server *self, int fd, struct packets *p)
{
    int n = recvmmsg(fd, p->headers, p->room, RECEIVE_FLAGS, NULL);
    if (n < 0)
        return -errno;
    for (unsigned i = 0; i < (unsigned)n; i++)
        take_header(self, p, i);
    return n;
}

static int receive_asked(const struct ss_server *self, int fd, struct packets *p)
{
    ssize_t n = recvmsg(fd, &p->headers[0].msg_hdr, RECEIVE_FLAGS);
    if (n < 0)
        return -errno;
    p->headers[0].msg_len = (unsigned)n;
    take_header(self, p, 0);
    return 1;
}

/* For a socket that has only one address: it takes the kernel less time. */
static int receive_plain(const struct ss_server *self, int fd, struct packets *p)
{
    struct ss_address *client = &p->packet->datagram.client_address;
    client->length = sizeof client->u;
    ssize_t n = recvfrom(fd, p->packet->datagram.data, self->max_packet_size, RECEIVE_FLAGS, &client->u.any,
                         &client->length);
    if (n < 0)
        return -errno;
    note_packet(self, p->packet, (size_t)n);
    return 1;
}

/* Tries once more: the error may be that of an earlier reply. */
static int receive(const struct ss_server *self, int fd, struct packets *p)
{
    int n = -1;
    for (int tries = 2; tries > 0 && n < 0 && n != -EAGAIN; tries--)
        n = p->room > 1             ? receive_batch(self, fd, p)
            : packets_several(self) ? receive_asked(self, fd, p)
                                    : receive_plain(self, fd, p);
    return n;
}

/* A batch that was not full has emptied the queue; or an error has come meanwhile, of which poll tells. So
   the wait comes next, except in a drain, before which there may be no wait any more. */
static int refill(const struct ss_server *self, struct serving *serving, struct packets *p)
{
    bool was_emptied = p->emptied && serving->can_put_aside;
    p->emptied = false;
    int n = was_emptied ? -EAGAIN : receive(self, *serving->socket, p);
    if (n < 0)
        return n;
    p->emptied = (unsigned)n < p->room;
    serving->held = (unsigned)n;
    p->next = 0;
    return 0;
}

int packets_take(struct ss_server *self, struct ss_datagram **datagram)
{
    struct serving *serving = serving_of(self);
    struct packets *p = packets_of(self, serving);
    int rc = !p ? -ENOMEM : serving->held ? 0 : refill(self, serving, p);
    if (rc < 0)
        return rc;
    *datagram = datagram_copy(&p->packet[p->next].datagram);
    if (!*datagram)
        return -ENOMEM;
    serving->held--;
    p->next++;
    return 0;
}
