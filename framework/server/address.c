/* SPDX-License-Identifier: MIT */
/* Addresses as text. */
#include "socketserver.h"
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static int checked(int n, size_t size)
{
    return n < 0 || (size_t)n >= size ? -ENOSPC : n;
}

static int format_in6(const struct sockaddr_in6 *in6, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN], zone[IF_NAMESIZE + 1] = "";
    inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
    if (in6->sin6_scope_id) {
        /* getaddrinfo takes the name of an interface for these addresses only, its number for all */
        bool named = IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) || IN6_IS_ADDR_MC_LINKLOCAL(&in6->sin6_addr);
        zone[0] = '%';
        if (!named || !if_indextoname(in6->sin6_scope_id, zone + 1))
            snprintf(zone, sizeof zone, "%%%u", in6->sin6_scope_id);
    }
    return checked(snprintf(text, size, "[%s%s]:%u", host, zone, ntohs(in6->sin6_port)), size);
}

static int format_un(const struct ss_address *address, char *text, size_t size)
{
    const struct sockaddr_un *un = &address->u.un;
    int n = (int)(address->length - offsetof(struct sockaddr_un, sun_path));
    if (n > 0 && !un->sun_path[0])
        return checked(snprintf(text, size, "unix:@%.*s", n - 1, un->sun_path + 1), size);
    return checked(snprintf(text, size, "unix:%.*s", n, un->sun_path), size);
}

int ss_address_format(const struct ss_address *address, char *text, size_t size)
{
    char host[INET_ADDRSTRLEN];
    if (address->length <= sizeof(sa_family_t))
        return checked(snprintf(text, size, "unix:"), size);
    switch (address->u.any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &address->u.in.sin_addr, host, sizeof host);
        return checked(snprintf(text, size, "%s:%u", host, ntohs(address->u.in.sin_port)), size);
    case AF_INET6:
        return format_in6(&address->u.in6, text, size);
    default:
        return format_un(address, text, size);
    }
}

unsigned ss_address_port(const struct ss_address *address)
{
    if (address->length == 0)
        return 0;
    return address->u.any.sa_family == AF_INET    ? ntohs(address->u.in.sin_port)
           : address->u.any.sa_family == AF_INET6 ? ntohs(address->u.in6.sin6_port)
                                                  : 0;
}
