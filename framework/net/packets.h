/* SPDX-License-Identifier: MIT */
/* Datagrams as they come from a server's socket. */
#ifndef NET_PACKETS_H
#define NET_PACKETS_H

#include "socketserver.h"

/* Room for the address that a datagram was sent to. A socket of both families may give it as IPv4 or IPv6. */
union packet_control {
    struct cmsghdr align;
    char room[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))];
};

/* Is it the address of all interfaces? */
bool packets_wildcard(const struct ss_address *address);
/* Has the server's socket several addresses? */
bool packets_several(const struct ss_server *self);

/* Stores the next datagram, whose memory is the caller's (see free). 0; -EAGAIN: there is none; -ENOMEM:
   there is one, and it is taken the next time; -errno. Never waits. */
int packets_take(struct ss_server *self, struct ss_datagram **datagram);

#endif
