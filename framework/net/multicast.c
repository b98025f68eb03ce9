/* SPDX-License-Identifier: MIT */
/* Multicast, of IPv4 and IPv6. */
#include "net/options.h"
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

/* A group as text: an address, and the interface behind a percent sign. */
struct group {
    struct ss_address address;
    unsigned interface; /* 0: which one the routes name */
};

static int interface_of(const char *name, unsigned *interface)
{
    *interface = if_nametoindex(name);
    return *interface ? 0 : -ENODEV;
}

static int parse_group(const char *text, struct group *group)
{
    char host[64];
    const char *percent = strchrnul(text, '%');
    size_t size = (size_t)(percent - text);
    if (size >= sizeof host)
        return -EINVAL;
    memcpy(host, text, size);
    host[size] = 0;
    memset(group, 0, sizeof *group);
    struct sockaddr_in *in = &group->address.u.in;
    struct sockaddr_in6 *in6 = &group->address.u.in6;
    if (inet_pton(AF_INET, host, &in->sin_addr) == 1 && IN_MULTICAST(ntohl(in->sin_addr.s_addr)))
        in->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1 && IN6_IS_ADDR_MULTICAST(&in6->sin6_addr))
        in6->sin6_family = AF_INET6;
    else
        return -EINVAL;
    group->address.length = in->sin_family == AF_INET ? sizeof *in : sizeof *in6;
    return *percent ? interface_of(percent + 1, &group->interface) : 0;
}

/* A socket of IPv6 that takes IPv4, too, is in groups of both. */
int multicast_change(int fd, int family, const char *text, bool join)
{
    struct group group;
    int rc = parse_group(text, &group);
    if (rc < 0)
        return rc;
    bool is_v4 = group.address.u.any.sa_family == AF_INET;
    if (!is_v4 && family != AF_INET6)
        return -EAFNOSUPPORT;
    struct group_req request = {.gr_interface = group.interface};
    memcpy(&request.gr_group, &group.address.u, group.address.length);
    int name = join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP;
    return setsockopt(fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, name, &request, sizeof request) < 0 ? -errno : 0;
}

static int send_ipv4_by(int fd, unsigned interface, int ttl, bool loop)
{
    struct ip_mreqn request = {.imr_ifindex = (int)interface};
    if (interface && setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request) < 0)
        return -errno;
    int rc = ttl ? option_set(fd, IPPROTO_IP, IP_MULTICAST_TTL, ttl) : 0;
    return rc == 0 ? option_set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, loop) : rc;
}

static int send_ipv6_by(int fd, unsigned interface, int ttl, bool loop)
{
    int rc = interface ? option_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)interface) : 0;
    if (rc == 0 && ttl)
        rc = option_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, ttl);
    return rc == 0 ? option_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, loop) : rc;
}

int multicast_send_by(int fd, int family, const char *name, int ttl, bool loop)
{
    unsigned interface = 0;
    int rc = name ? interface_of(name, &interface) : 0;
    if (rc == 0 && family == AF_INET6)
        rc = send_ipv6_by(fd, interface, ttl, loop);
    return rc == 0 ? send_ipv4_by(fd, interface, ttl, loop) : rc; /* also where it takes IPv4, too */
}
