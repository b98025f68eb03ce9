/* SPDX-License-Identifier: MIT */
#include "proxy/forwarded.h"
#include "text/chars.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* ---------------------------------------------------------------- addresses */

/* True for what begins with a colon and is a number, or an invention (RFC 7239 6), to the end. */
static bool read_node_port(const char *text, size_t size, in_port_t *port)
{
    unsigned value = 0;
    *port = 0;
    if (size == 0)
        return true;
    if (size < 2 || *text != ':')
        return false;
    if (text[1] == '_')
        return size < 64;
    for (size_t i = 1; i < size; i++) {
        if (text[i] < '0' || text[i] > '9' || i > 5)
            return false;
        value = 10 * value + (unsigned)(text[i] - '0');
    }
    *port = htons((in_port_t)value);
    return value <= UINT16_MAX;
}

/* The size of the host in what may have a port behind it. A bare IPv6 address has none. */
static size_t size_of_node(const char *text, size_t size)
{
    const char *colon = memchr(text, ':', size), *end = memchr(text, ']', size);
    if (*text == '[')
        return end ? (size_t)(end - text) + 1 : 0;
    bool several = colon && memchr(colon + 1, ':', size - (size_t)(colon + 1 - text));
    return colon && !several ? (size_t)(colon - text) : size;
}

/* An IPv4 address as an IPv6 one is shown as what it is, as elsewhere. */
static void unmap_client(struct ss_address *a)
{
    struct in6_addr six = a->u.in6.sin6_addr;
    in_port_t port = a->u.in6.sin6_port;
    if (a->u.any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&six))
        return;
    *a = (struct ss_address){.length = sizeof a->u.in, .u.in = {.sin_family = AF_INET, .sin_port = port}};
    memcpy(&a->u.in.sin_addr, six.s6_addr + 12, 4);
}

static bool read_numbers(const char *text, size_t size, struct ss_address *a)
{
    char host[INET6_ADDRSTRLEN];
    bool bracketed = *text == '[';
    size_t length = size - 2U * bracketed;
    if ((bracketed && size < 3) || length >= sizeof host)
        return false;
    memcpy(host, text + bracketed, length);
    host[length] = 0;
    if (!bracketed && inet_pton(AF_INET, host, &a->u.in.sin_addr) == 1) {
        a->length = sizeof a->u.in;
        a->u.in.sin_family = AF_INET;
        return true;
    }
    a->length = sizeof a->u.in6;
    a->u.in6.sin6_family = AF_INET6;
    return inet_pton(AF_INET6, host, &a->u.in6.sin6_addr) == 1;
}

bool forwarded_address(const char *text, size_t size, struct ss_address *address)
{
    struct ss_address a = {0};
    in_port_t port;
    size_t host = size ? size_of_node(text, size) : 0;
    if (host == 0 || !read_node_port(text + host, size - host, &port))
        return false;
    bool hidden = *text == '_' || http_is_word(text, host, "unknown");
    if (!hidden && !read_numbers(text, host, &a))
        return false;
    if (a.u.any.sa_family == AF_INET)
        a.u.in.sin_port = port;
    else if (a.u.any.sa_family == AF_INET6)
        a.u.in6.sin6_port = port;
    if (!hidden)
        unmap_client(&a);
    *address = a;
    return true;
}

bool forwarded_scheme(const char *text, size_t size, char scheme[6])
{
    bool https = http_is_word(text, size, "https");
    if (!https && !http_is_word(text, size, "http"))
        return false;
    strcpy(scheme, https ? "https" : "http");
    return true;
}

/* ---------------------------------------------------------------- Forwarded */

/* Takes a token, or the text of a quoted string, into `value`, of `room` bytes. Returns where it ends, or
 * NULL. */
static const char *take_value(const char *at, char *value, size_t room)
{
    size_t quoted = *at == '"' ? http_quoted_span(at) : 0, n = 0;
    size_t size = quoted ? quoted : http_span(at, strlen(at), HTTP_TOKEN);
    /* what others send, though it should be quoted */
    if (!quoted)
        size += strspn(at + size, ":[]") ? strcspn(at + size, ";, \t\"") : 0;
    if (size == 0 || size >= room)
        return NULL;
    for (size_t i = quoted ? 1 : 0; i < size - (quoted ? 1 : 0); i++) {
        i += quoted && at[i] == '\\';
        value[n++] = at[i];
    }
    value[n] = 0;
    return at + size;
}

/* Keeps a pair; each may come once. Those that mean nothing here are only read. */
static bool keep_pair(const char *name, size_t size, const char *value, struct forwarded *element,
                      unsigned *seen)
{
    static const char *const names[] = {"for", "proto", "host"};
    unsigned which = 0;
    while (which < 3 && !http_is_word(name, size, names[which]))
        which++;
    if (which == 3)
        return true;
    if (*seen & 1u << which)
        return false;
    *seen |= 1u << which;
    size_t length = strlen(value);
    if (which == 0)
        return forwarded_address(value, length, &element->client);
    if (which == 1)
        return forwarded_scheme(value, length, element->scheme);
    if (!http_is_authority(value, length, false))
        return false;
    memcpy(element->host, value, length + 1);
    return true;
}

static const char *skip_element_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

int forwarded_next(const char **list, struct forwarded *element)
{
    char value[FORWARDED_HOST];
    unsigned seen = 0;
    const char *at = *list + strspn(*list, ", \t");
    *element = (struct forwarded){.scheme = ""};
    if (!*at)
        return 0;
    while (*at && *at != ',') {
        size_t name = http_span(at, strlen(at), HTTP_TOKEN);
        const char *end = name && at[name] == '=' ? take_value(at + name + 1, value, sizeof value) : NULL;
        if (!end || !keep_pair(at, name, value, element, &seen))
            return -EPROTO;
        at = skip_element_blanks(end);
        if (*at == ';')
            at = skip_element_blanks(at + 1);
        else if (*at && *at != ',')
            return -EPROTO;
    }
    *list = at;
    return 1;
}
