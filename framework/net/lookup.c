/* SPDX-License-Identifier: MIT */
/* Addresses from text, and from names. */
#include "net/lookup.h"
#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

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
    if (*path == '@') { /* an abstract name has no NUL: its length ends it */
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

/* Can it be a service's name? It has a letter, or it would be a number that is no port. */
static bool is_service(const char *text)
{
    size_t n = strlen(text);
    return strpbrk(text, LETTERS) && strspn(text, LETTERS DIGITS "-_.+") == n &&
           strspn(text, LETTERS DIGITS) > 0;
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
    parsed->numbered = parse_number(colon + 1, 65535) >= 0;
    if (!parsed->numbered && !is_service(colon + 1))
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

int lookup_error(int rc)
{
    switch (rc) {
    case 0:
        return 0;
    case EAI_SYSTEM:
        return errno ? -errno : -EIO;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_AGAIN:
    case EAI_FAIL:
        return -ENONET;
    case EAI_FAMILY:
    case EAI_ADDRFAMILY:
        return -EAFNOSUPPORT;
    case EAI_SERVICE:
        return -EPROTONOSUPPORT;
    default:
        return -ENOENT;
    }
}

static bool ends_with(const char *text, size_t size, const char *end)
{
    size_t n = strlen(end);
    return size >= n && !strncasecmp(text + size - n, end, n);
}

bool address_is_localhost(const struct address_text *parsed)
{
    const char *host = parsed->host;
    size_t size = strlen(host);
    size -= size > 0 && host[size - 1] == '.';
    return ends_with(host, size, ".localhost") ||
           (size == sizeof "localhost" - 1 && ends_with(host, size, "localhost"));
}

static bool has_family(const struct lookup *l, int family)
{
    return l->family == AF_UNSPEC || l->family == family;
}

/* No file and no name server is asked: they may know one of the two only, or another machine's. */
static int find_loopbacks(struct lookup *l, in_port_t port)
{
    struct ss_address *to = l->found;
    memset(to, 0, 2 * sizeof *to);
    if (has_family(l, AF_INET6)) {
        to->length = sizeof to->u.in6;
        to++->u.in6 = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    }
    if (has_family(l, AF_INET)) {
        to->length = sizeof to->u.in;
        to++->u.in = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    }
    l->count = (unsigned)(to - l->found);
    return l->count ? 0 : -EAFNOSUPPORT;
}

static int ask_system(struct lookup *l, const char *host, int flags)
{
    struct addrinfo hints = {.ai_family = l->family,
                             .ai_socktype = l->type,
                             .ai_flags = AI_PASSIVE | flags | (l->text.numbered ? AI_NUMERICSERV : 0)},
                    *list = NULL;
    errno = 0;
    int rc = getaddrinfo(host, l->text.port, &hints, &list);
    if (rc != 0)
        return lookup_error(rc);
    l->count = 0;
    for (const struct addrinfo *ai = list; ai && l->count < SS_MAX_ADDRESSES; ai = ai->ai_next) {
        struct ss_address *to = &l->found[l->count++];
        memset(to, 0, sizeof *to);
        memcpy(&to->u, ai->ai_addr, to->length = ai->ai_addrlen);
    }
    freeaddrinfo(list);
    return 0;
}

/* Only the service is a name. */
static int find_loopback_service(struct lookup *l)
{
    int rc = ask_system(l, NULL, 0);
    return rc < 0 ? rc : find_loopbacks(l, htons((in_port_t)ss_address_port(l->found)));
}

int lookup_now(struct lookup *l)
{
    if (!l->text.numbered)
        return -EAGAIN;
    if (address_is_localhost(&l->text))
        return find_loopbacks(l, htons((in_port_t)strtoul(l->text.port, NULL, 10)));
    int rc = ask_system(l, l->text.host[0] ? l->text.host : NULL, AI_NUMERICHOST);
    return rc == -ENOENT ? -EAGAIN : rc;
}

int lookup_any(struct lookup *l)
{
    if (address_is_localhost(&l->text))
        return l->text.numbered ? lookup_now(l) : find_loopback_service(l);
    return ask_system(l, l->text.host[0] ? l->text.host : NULL, 0);
}

static int parse_numbers(const struct address_text *text, struct ss_address *address)
{
    struct lookup l = {.text = *text, .type = SOCK_STREAM};
    const char *zone = strchr(text->host, '%');
    if (!text->numbered || address_is_localhost(text))
        return -ENOENT;
    int rc = lookup_now(&l);
    if (rc == -EAGAIN)
        return zone && strchr(text->host, ':') ? -ENODEV : -ENOENT;
    for (unsigned i = 0; rc == 0 && i < l.count; i++) /* of all addresses, those of both families */
        if (i == 0 || (!text->host[0] && l.found[i].u.any.sa_family == AF_INET6))
            *address = l.found[i];
    return rc;
}

int ss_address_parse(const char *text, struct ss_address *address)
{
    struct address_text parsed;
    int rc = address_parse(text, &parsed);
    if (text && !strcmp(text, "unix:")) {
        memset(address, 0, sizeof *address);
        address->u.any.sa_family = AF_UNIX;
        return 0;
    }
    if (rc == 0 && parsed.kind == ADDRESS_INET)
        return parse_numbers(&parsed, address);
    if (rc == 0 && parsed.kind == ADDRESS_FD)
        return -EINVAL;
    if (rc == 0)
        *address = parsed.address;
    return rc;
}
