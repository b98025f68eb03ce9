/* Addresses: from text, to text, and from names. */
#include "server/core.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---------------------------------------------------------------- to text */

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

/* ---------------------------------------------------------------- from text */

/* A whole number from 0 to `max` in decimal; -EINVAL for anything else. */
static int parse_number(const char *text, long max)
{
    char *end;
    if (*text < '0' || *text > '9')
        return -EINVAL;
    errno = 0;
    long n = strtol(text, &end, 10);
    return *end || errno || n > max ? -EINVAL : (int)n;
}

static int parse_unix(const char *path, struct ss_address *address)
{
    size_t n = strlen(path);
    struct sockaddr_un *un = &address->u.un;
    if (n == 0 || (n == 1 && *path == '@'))
        return -EINVAL;
    if (n >= sizeof un->sun_path)
        return -ENAMETOOLONG;
    memset(un, 0, sizeof *un);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, n + 1);
    address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
    if (*path == '@') { /* its name has no end but its length */
        un->sun_path[0] = '\0';
        address->length--;
    }
    return 0;
}

static int copy_part(char *to, size_t size, const char *from, size_t n)
{
    if (n >= size)
        return -EINVAL;
    memcpy(to, from, n);
    to[n] = '\0';
    return 0;
}

static int parse_inet(const char *text, struct address_text *parsed)
{
    const char *colon = strrchr(text, ':'), *host = text;
    size_t n;
    if (!colon)
        return -EINVAL;
    n = (size_t)(colon - host);
    if (*host == '[') {
        if (n < 2 || host[n - 1] != ']')
            return -EINVAL;
        host++;
        n -= 2;
        if (n == 0)
            return -EINVAL;
    } else if (memchr(host, ':', n)) {
        return -EINVAL; /* an IPv6 address needs its brackets */
    }
    if (copy_part(parsed->host, sizeof parsed->host, host, n) < 0)
        return -EINVAL;
    if (parse_number(colon + 1, 65535) < 0)
        return -EINVAL;
    return copy_part(parsed->port, sizeof parsed->port, colon + 1, strlen(colon + 1));
}

int address_parse(const char *text, struct address_text *parsed)
{
    memset(parsed, 0, sizeof *parsed);
    if (!text)
        return -EINVAL;
    if (!strncmp(text, "unix:", 5)) {
        parsed->kind = ADDRESS_UNIX;
        return parse_unix(text + 5, &parsed->address);
    }
    if (!strncmp(text, "fd:", 3)) {
        parsed->kind = ADDRESS_FD;
        parsed->fd = parse_number(text + 3, INT32_MAX);
        return parsed->fd < 0 ? -EINVAL : 0;
    }
    parsed->kind = ADDRESS_INET;
    return parse_inet(text, parsed);
}

/* ---------------------------------------------------------------- from names */

static int lookup_error(int rc)
{
    switch (rc) {
    case 0:
        return 0;
    case EAI_SYSTEM:
        return -errno;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_AGAIN:
        return -EHOSTUNREACH;
    case EAI_FAMILY:
    case EAI_ADDRFAMILY:
        return -EAFNOSUPPORT;
    default:
        return -ENOENT;
    }
}

int address_lookup(const struct address_text *parsed, int family, int type, bool numeric,
                   struct addrinfo **list)
{
    struct addrinfo hints = {.ai_family = family,
                             .ai_socktype = type,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV | (numeric ? AI_NUMERICHOST : 0)};
    int rc = getaddrinfo(parsed->host[0] ? parsed->host : NULL, parsed->port, &hints, list);
    if (rc != 0 && !numeric && !strcasecmp(parsed->host, "localhost")) {
        /* this machine, even where no file or server knows the name (RFC 6761 6.3) */
        hints.ai_flags = AI_NUMERICSERV;
        rc = getaddrinfo(NULL, parsed->port, &hints, list);
    }
    return lookup_error(rc);
}
