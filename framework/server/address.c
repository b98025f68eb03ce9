/* Addresses as text, and whose a request is. */
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
        /* getaddrinfo takes an interface's name for these alone, a number for all */
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

/* An IPv4 client of a socket that takes both families is shown as what it is. */
static void unmap(struct ss_address *address)
{
    const struct sockaddr_in6 in6 = address->u.in6;
    if (address->u.any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
        return;
    memset(&address->u.in, 0, sizeof address->u.in);
    address->u.in.sin_family = AF_INET;
    address->u.in.sin_port = in6.sin6_port;
    memcpy(&address->u.in.sin_addr, in6.sin6_addr.s6_addr + 12, 4);
    address->length = sizeof address->u.in;
}

/* Apart, for the stack protector's sake: it is seldom needed. */
__attribute__((noinline)) static int ask_for_peer(int fd, struct ss_address *address)
{
    socklen_t length = sizeof address->u;
    if (getpeername(fd, &address->u.any, &length) < 0)
        return -errno;
    address->length = length > sizeof(sa_family_t) ? length : 0;
    return 0;
}

int ss_client_address(const struct ss_request *request, struct ss_address *address)
{
    int rc = 0;
    address->length = 0;
    if (request->datagram) {
        *address = request->datagram->client_address;
    } else if (request->client.any.sa_family != AF_UNSPEC) {
        address->length =
            request->client.any.sa_family == AF_INET ? sizeof address->u.in : sizeof address->u.in6;
        memcpy(&address->u, &request->client, sizeof request->client);
    } else if (!request->unnamed) {
        rc = ask_for_peer(request->fd, address);
    }
    if (address->length)
        unmap(address);
    return rc;
}
