/* SPDX-License-Identifier: MIT */
/* Compares the origin of a page (RFC 6454) with the host that a request is for. */
#include "text/url.h"

#include "http_server.h"
#include "text/chars.h"
#include "text/number.h"
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

struct place {
    const char *host; /* no NUL behind it */
    size_t host_size;
    int64_t port;
};

/* Host and port of an authority; without a port it is the scheme's (RFC 3986 6.2.3). */
static bool take_apart(const char *authority, int64_t default_port, struct place *place)
{
    size_t size = strlen(authority);
    const char *colon = memrchr(authority, ':', size);
    if (!http_is_authority(authority, size, false))
        return false;
    if (colon && memchr(colon, ']', size - (size_t)(colon - authority)))
        colon = NULL; /* of an IPv6 address */
    place->host = authority;
    place->host_size = colon ? (size_t)(colon - authority) : size;
    const char *port = colon ? colon + 1 : "";
    if (!http_read_number(&port, &place->port))
        place->port = default_port;
    return true;
}

/* "[::1]" has many forms. */
static bool read_ipv6(const struct place *place, struct in6_addr *address)
{
    char text[INET6_ADDRSTRLEN];
    size_t size = place->host_size - 2;
    if (place->host[0] != '[' || size >= sizeof text)
        return false;
    memcpy(text, place->host + 1, size);
    text[size] = 0;
    return inet_pton(AF_INET6, text, address) == 1;
}

static bool is_same_host(const struct place *a, const struct place *b)
{
    struct in6_addr one, other;
    if (read_ipv6(a, &one) && read_ipv6(b, &other))
        return memcmp(&one, &other, sizeof one) == 0;
    return a->host_size == b->host_size && strncasecmp(a->host, b->host, a->host_size) == 0;
}

bool http_is_same_origin(const char *origin, const char *scheme, const char *host)
{
    struct place page, here;
    bool https = strncasecmp(origin, "https://", 8) == 0;
    int64_t port = https ? 443 : 80;
    if (!https && strncasecmp(origin, "http://", 7) != 0)
        return false;
    if (*scheme && (strcmp(scheme, "https") == 0) != https)
        return false;
    return take_apart(origin + (https ? 8 : 7), port, &page) && take_apart(host, port, &here) &&
           page.port == here.port && is_same_host(&page, &here);
}
