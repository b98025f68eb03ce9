/* SPDX-License-Identifier: MIT */
/* Addresses from text, and from names. */
#include "net/lookup.h"
#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
        /* localhost is this machine, also where no file and no name server knows the name (RFC 6761 6.3) */
        hints.ai_flags = AI_NUMERICSERV;
        rc = getaddrinfo(NULL, parsed->port, &hints, list);
    }
    return lookup_error(rc);
}
