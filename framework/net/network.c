/* SPDX-License-Identifier: MIT */
/* Networks, and who is in them. */
#include "net/network.h"
#include <arpa/inet.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

enum { IN4 = 4, IN6 = 16, MAPPED = 96 /* bits in front of an IPv4 address as an IPv6 one */ };

/* ---------------------------------------------------------------- reading */

/* Digits to the end; -1 for anything else, and for more than `most`. */
static long read_digits(const char *text, long most)
{
    long value = 0;
    if (!*text || strlen(text) > 10)
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        value = 10 * value + (*text - '0');
    }
    return value <= most ? value : -1;
}

static int parse_user(const char *name, struct ss_network *network)
{
    long number = read_digits(name, (long)UINT32_MAX - 1);
    const struct passwd *user = NULL;
    if (number < 0) {
        errno = 0;
        user = getpwnam(name);
        if (!user)
            return errno && errno != ENOENT && errno != ESRCH ? -errno : -ENOENT;
    }
    *network = (struct ss_network){.family = AF_UNIX, .bits = 1, .user = user ? user->pw_uid : (uid_t)number};
    return 0;
}

static bool has_bits_behind(const struct ss_network *network, unsigned size)
{
    for (unsigned i = network->bits; i < 8 * size; i++)
        if (network->bytes[i / 8] & 0x80 >> i % 8)
            return true;
    return false;
}

/* "::ffff:192.0.2.0/120" is 192.0.2.0/24, as clients are shown. */
static void unmap_network(struct ss_network *network)
{
    static const unsigned char prefix[12] = {[10] = 0xff, [11] = 0xff};
    if (network->family != AF_INET6 || network->bits < MAPPED ||
        memcmp(network->bytes, prefix, sizeof prefix) != 0)
        return;
    network->family = AF_INET;
    network->bits -= MAPPED;
    memmove(network->bytes, network->bytes + 12, IN4);
    memset(network->bytes + IN4, 0, IN6 - IN4);
}

static int parse_ip_network(const char *text, struct ss_network *network)
{
    char host[INET6_ADDRSTRLEN];
    size_t size = strcspn(text, "/");
    bool bracketed = *text == '[' && size > 2 && text[size - 1] == ']';
    if (size >= sizeof host + 2U * bracketed)
        return -EINVAL;
    size_t length = size - 2U * bracketed;
    memcpy(host, text + bracketed, length);
    host[length] = 0;
    *network = (struct ss_network){.family = strchr(host, ':') ? AF_INET6 : AF_INET};
    unsigned bytes = network->family == AF_INET6 ? IN6 : IN4;
    long bits = text[size] ? read_digits(text + size + 1, 8 * (long)bytes) : 8 * (long)bytes;
    if (inet_pton(network->family, host, network->bytes) != 1 || bits < 0)
        return -EINVAL;
    network->bits = (unsigned)bits;
    if (has_bits_behind(network, bytes))
        return -EINVAL;
    unmap_network(network);
    return 0;
}

int ss_network_parse(const char *text, struct ss_network *network)
{
    struct ss_network parsed = {.family = AF_UNIX};
    int rc = strcmp(text, "unix") == 0        ? 0
             : strncmp(text, "user:", 5) == 0 ? parse_user(text + 5, &parsed)
                                              : parse_ip_network(text, &parsed);
    if (rc == 0)
        *network = parsed;
    return rc;
}

/* ---------------------------------------------------------------- comparing */

bool ss_network_has(const struct ss_network *network, const struct ss_address *address)
{
    const unsigned char *bytes = (const unsigned char *)&address->u.in.sin_addr;
    if (!address->length || address->u.any.sa_family != network->family || network->family == AF_UNIX)
        return false;
    if (network->family == AF_INET6)
        bytes = address->u.in6.sin6_addr.s6_addr;
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    return memcmp(bytes, network->bytes, whole) == 0 &&
           (!rest || (bytes[whole] ^ network->bytes[whole]) >> (8 - rest) == 0);
}

bool ss_network_has_client(const struct ss_network *network, const struct ss_request *request,
                           const struct ss_address *address)
{
    struct ss_credentials who;
    if (network->family != AF_UNIX)
        return ss_network_has(network, address);
    if (address->u.any.sa_family != AF_UNIX)
        return false;
    return !network->bits || (ss_client_credentials(request, &who) == 0 && who.uid == network->user);
}

bool ss_networks_have_client(const struct ss_network *networks, unsigned count,
                             const struct ss_request *request, const struct ss_address *address)
{
    for (unsigned i = 0; i < count; i++)
        if (ss_network_has_client(&networks[i], request, address))
            return true;
    return false;
}

int network_list(const char *const *texts, struct ss_network *networks, unsigned *count)
{
    for (*count = 0; texts && texts[*count]; ++*count) {
        int rc = *count < SS_MAX_NETWORKS ? ss_network_parse(texts[*count], &networks[*count]) : -ENOBUFS;
        if (rc < 0)
            return rc;
    }
    return 0;
}
