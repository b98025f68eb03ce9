/* SPDX-License-Identifier: MIT */
/* Which names a server answers for. */
#include "access.h"
#include "text/chars.h"
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

enum { NUMBER = 64 /* bytes of an address or name that is kept; longer ones are no numbers */ };

/* The size of the host in an authority that is valid: without port, and without the dot at the end of a name
   that is complete. */
static size_t size_of_host(const char *authority)
{
    size_t size = *authority == '[' ? (size_t)(strchrnul(authority, ']') - authority) + 1
                                    : (size_t)(strchrnul(authority, ':') - authority);
    return size > 1 && authority[size - 1] == '.' ? size - 1 : size;
}

/* "127.0.0.1" is what most ask for, so that is read without the C library. */
static bool is_ipv4(const char *host, size_t size)
{
    unsigned parts = 1, value = 0, digits = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned digit = (unsigned)(unsigned char)host[i] - '0';
        if (digit <= 9 && digits < 3) {
            value = 10 * value + digit;
            digits++;
        } else if (host[i] == '.' && digits > 0 && parts < 4) {
            digits = value = 0;
            parts++;
        } else {
            return false;
        }
        if (value > 255)
            return false;
    }
    return parts == 4 && digits > 0;
}

/* "[::1]", "[fe80::1%25eth0]" */
static bool is_ipv6(const char *host, size_t size)
{
    char text[NUMBER];
    struct in6_addr address;
    if (*host != '[' || size < 4 || size - 2 >= sizeof text)
        return false;
    memcpy(text, host + 1, size - 2);
    text[size - 2] = 0;
    *strchrnul(text, '%') = 0;
    return inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_pattern_of(const char *host, size_t size, const char *pattern)
{
    if (strcmp(pattern, "*") == 0)
        return true;
    return *pattern == '*' ? http_ends_with(host, size, pattern + 1) : http_is_word(host, size, pattern);
}

static bool is_ours(const char *host, size_t size, const char *const *names)
{
    if (size == 0 || is_ipv4(host, size) || http_is_word(host, size, "localhost") || is_ipv6(host, size) ||
        http_ends_with(host, size, ".localhost"))
        return true;
    for (; names && *names; names++)
        if (is_pattern_of(host, size, *names))
            return true;
    return false;
}

/* One that was ours; the next request is mostly for the same. */
struct remembered {
    const char *const *names; /* where it was found to be so */
    char host[NUMBER];
};

static void remember_host(struct remembered *last, const char *host, const char *const *names)
{
    size_t size = strlen(host);
    if (size >= sizeof last->host)
        return;
    last->names = names;
    memcpy(last->host, host, size + 1);
}

int http_check_host(struct ss_handler *h, const char *const *names, const char *advice)
{
    static _Thread_local struct remembered last;
    const char *host = http_request(h)->host;
    if (last.names == names && strcmp(host, last.host) == 0)
        return 0;
    size_t size = size_of_host(host);
    if (is_ours(host, size, names)) {
        remember_host(&last, host, names);
        return 0;
    }
    return http_send_error(h, 421, NULL,
                           ss_format(h, "This server does not answer for the name %.*s%s%s", (int)size, host,
                                     advice ? ". " : "", advice ? advice : ""));
}

bool http_is_host_pattern(const char *name)
{
    const char *rest = strncmp(name, "*.", 2) == 0 ? name + 2 : name;
    size_t size = strlen(rest);
    if (strcmp(name, "*") == 0)
        return true;
    return size > 0 && *rest != '.' && rest[size - 1] != '.' && !strpbrk(rest, ":[]*/@") &&
           http_is_authority(rest, size, false);
}

bool http_is_loopback(const struct ss_server *self)
{
    const struct ss_address *a = &self->server_address;
    if (a->u.any.sa_family == AF_INET)
        return ntohl(a->u.in.sin_addr.s_addr) >> 24 == 127;
    if (a->u.any.sa_family != AF_INET6)
        return false;
    return IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&a->u.in6.sin6_addr) && a->u.in6.sin6_addr.s6_addr[12] == 127);
}
