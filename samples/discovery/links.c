/* SPDX-License-Identifier: MIT */
#include "discovery/links.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- finding them */

static void copy_address(struct ss_address *to, const struct sockaddr *from)
{
    memset(to, 0, sizeof *to);
    if (!from || (from->sa_family != AF_INET && from->sa_family != AF_INET6))
        return;
    to->length = from->sa_family == AF_INET ? sizeof to->u.in : sizeof to->u.in6;
    memcpy(&to->u, from, to->length);
}

int links_find(struct links *links)
{
    struct ifaddrs *all;
    if (getifaddrs(&all) < 0)
        return -errno;
    links->count = 0;
    for (const struct ifaddrs *one = all; one && links->count < LINKS; one = one->ifa_next) {
        struct link *link = &links->of[links->count];
        copy_address(&link->address, one->ifa_addr);
        copy_address(&link->mask, one->ifa_netmask);
        copy_address(&link->broadcast, one->ifa_flags & IFF_BROADCAST ? one->ifa_broadaddr : NULL);
        snprintf(link->interface, sizeof link->interface, "%s", one->ifa_name);
        links->count += link->address.length && link->mask.length && one->ifa_flags & IFF_UP;
    }
    freeifaddrs(all);
    return 0;
}

static bool is_ipv4(const struct ss_address *address)
{
    return address->u.any.sa_family == AF_INET;
}

/* Each interface with IPv6 has one of these. */
static bool is_link_local(const struct ss_address *address)
{
    return address->u.any.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&address->u.in6.sin6_addr);
}

/* ---------------------------------------------------------------- using them */

void links_join(const struct links *links, struct ss_server *self)
{
    char group[64];
    for (int i = 0; i < links->count; i++) {
        const struct link *link = &links->of[i];
        if (!is_ipv4(&link->address) && !is_link_local(&link->address))
            continue;
        snprintf(group, sizeof group, "%s%%%s", is_ipv4(&link->address) ? GROUP_IPV4 : GROUP_IPV6,
                 link->interface);
        (void)ss_join_group(self, group); /* mostly it is a member already */
    }
}

/* By the link of IPv4 whose address the datagram comes from, or of IPv6 that its scope names. */
static int send_to(struct ss_server *self, const struct link *link, const char *group, unsigned port,
                   const char *data, size_t size)
{
    struct ss_address to = {.length = link->address.length};
    if (is_ipv4(&link->address)) {
        to.u.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        inet_pton(AF_INET, group, &to.u.in.sin_addr);
        return ss_send_to(self, &link->address, &to, data, size) == 0;
    }
    to.u.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
                                     .sin6_port = htons((uint16_t)port),
                                     .sin6_scope_id = link->address.u.in6.sin6_scope_id};
    inet_pton(AF_INET6, group, &to.u.in6.sin6_addr);
    return ss_send_to(self, &link->address, &to, data, size) == 0;
}

int links_send(const struct links *links, struct ss_server *self, unsigned port, const char *data,
               size_t size)
{
    int sent = 0;
    for (int i = 0; i < links->count; i++) {
        const struct link *link = &links->of[i];
        if (is_ipv4(&link->address))
            sent += send_to(self, link, GROUP_IPV4, port, data, size);
        else if (is_link_local(&link->address))
            sent += send_to(self, link, GROUP_IPV6, port, data, size);
        if (!link->broadcast.length)
            continue;
        char text[INET_ADDRSTRLEN];
        inet_ntop(AF_INET, &link->broadcast.u.in.sin_addr, text, sizeof text);
        sent += send_to(self, link, text, port, data, size);
    }
    return sent;
}

static bool is_within(const struct link *link, const struct ss_address *address)
{
    const uint8_t *a = (const uint8_t *)&link->address.u.in.sin_addr,
                  *m = (const uint8_t *)&link->mask.u.in.sin_addr,
                  *b = (const uint8_t *)&address->u.in.sin_addr;
    size_t size = sizeof(struct in_addr);
    if (!is_ipv4(address)) {
        a = link->address.u.in6.sin6_addr.s6_addr;
        m = link->mask.u.in6.sin6_addr.s6_addr;
        b = address->u.in6.sin6_addr.s6_addr;
        size = sizeof(struct in6_addr);
    }
    for (size_t i = 0; i < size; i++)
        if ((a[i] ^ b[i]) & m[i])
            return false;
    return true;
}

bool links_have(const struct links *links, const struct ss_address *address)
{
    for (int i = 0; i < links->count; i++)
        if (links->of[i].address.u.any.sa_family == address->u.any.sa_family &&
            is_within(&links->of[i], address))
            return true;
    return is_link_local(address);
}
