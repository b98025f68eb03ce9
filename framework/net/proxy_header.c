/* SPDX-License-Identifier: MIT */
#include "net/proxy_header.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

enum { LOCAL = 0x20, PROXY = 0x21, IPV4_ANY = 0x1, IPV6_ANY = 0x2, UNIX_ANY = 0x3 };

static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";
enum { SIGNATURE = sizeof signature - 1 };

/* ---------------------------------------------------------------- version 1: a line of text */

/* Takes the word that ends at a space, or at the end of the line. */
static char *take_proxy_word(char **text)
{
    return *text ? strsep(text, " ") : NULL;
}

static bool read_proxy_port(const char *text, in_port_t *port)
{
    unsigned value = 0;
    size_t size = text ? strlen(text) : 0;
    if (size == 0 || size > 5 || (size > 1 && *text == '0'))
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = 10 * value + (unsigned)(*text - '0');
    }
    *port = htons((in_port_t)value);
    return value <= UINT16_MAX;
}

static int parse_line(char *line, struct proxy_header *header)
{
    unsigned char ignored[sizeof(struct in6_addr)];
    struct ss_address *a = &header->client;
    char *name = take_proxy_word(&line), *protocol = take_proxy_word(&line);
    if (!name || !protocol || strcmp(name, "PROXY") != 0)
        return -EPROTO;
    header->is_local = strcmp(protocol, "UNKNOWN") == 0;
    if (header->is_local)
        return 0;
    bool six = strcmp(protocol, "TCP6") == 0;
    if (!six && strcmp(protocol, "TCP4") != 0)
        return -EPROTO;
    a->u.any.sa_family = six ? AF_INET6 : AF_INET;
    a->length = six ? sizeof a->u.in6 : sizeof a->u.in;
    const char *from = take_proxy_word(&line), *to = take_proxy_word(&line), *port = take_proxy_word(&line);
    void *bytes = six ? (void *)&a->u.in6.sin6_addr : (void *)&a->u.in.sin_addr;
    in_port_t other;
    bool good = from && to && inet_pton(a->u.any.sa_family, from, bytes) == 1 &&
                inet_pton(a->u.any.sa_family, to, ignored) == 1 &&
                read_proxy_port(port, six ? &a->u.in6.sin6_port : &a->u.in.sin_port) &&
                read_proxy_port(line, &other);
    return good ? 0 : -EPROTO;
}

static int parse_v1(const char *data, size_t size, struct proxy_header *header)
{
    char line[PROXY_V1 + 1];
    size_t room = size < PROXY_V1 ? size : PROXY_V1;
    const char *end = memchr(data, '\n', room);
    if (!end) {
        header->size = size + 1;
        return size < PROXY_V1 ? -EAGAIN : -EPROTO;
    }
    size_t length = (size_t)(end - data);
    if (length == 0 || end[-1] != '\r' || memchr(data, 0, length))
        return -EPROTO;
    memcpy(line, data, length - 1);
    line[length - 1] = 0;
    header->size = length + 1;
    return parse_line(line, header);
}

/* ---------------------------------------------------------------- version 2: bytes */

/* Of one that has no addresses of IP nothing is known but that it is not the proxy itself. */
static int parse_addresses(const unsigned char *at, size_t size, unsigned family, struct proxy_header *header)
{
    struct ss_address *a = &header->client;
    if ((family == IPV4_ANY && size < 12) || (family == IPV6_ANY && size < 36) || family > UNIX_ANY)
        return -EPROTO;
    if (family == IPV4_ANY) {
        a->length = sizeof a->u.in;
        a->u.in.sin_family = AF_INET;
        memcpy(&a->u.in.sin_addr, at, 4);
        memcpy(&a->u.in.sin_port, at + 8, 2);
    } else if (family == IPV6_ANY) {
        a->length = sizeof a->u.in6;
        a->u.in6.sin6_family = AF_INET6;
        memcpy(&a->u.in6.sin6_addr, at, 16);
        memcpy(&a->u.in6.sin6_port, at + 32, 2);
    }
    return 0;
}

static int parse_v2(const char *data, size_t size, struct proxy_header *header)
{
    const unsigned char *bytes = (const unsigned char *)data;
    if (size < PROXY_V2_HEAD) {
        header->size = PROXY_V2_HEAD;
        return -EAGAIN;
    }
    size_t length = (size_t)bytes[14] << 8 | bytes[15];
    size_t needed = PROXY_V2_HEAD + (length < PROXY_ADDRESSES ? length : PROXY_ADDRESSES);
    if ((bytes[12] != LOCAL && bytes[12] != PROXY) || (bytes[13] & 0xf) > 2)
        return -EPROTO;
    header->size = size < needed ? needed : PROXY_V2_HEAD + length;
    header->is_local = bytes[12] == LOCAL;
    if (size < needed)
        return -EAGAIN;
    return header->is_local ? 0 : parse_addresses(bytes + PROXY_V2_HEAD, length, bytes[13] >> 4, header);
}

int proxy_header_parse(const char *data, size_t size, struct proxy_header *header)
{
    *header = (struct proxy_header){.size = 1};
    if (size == 0)
        return -EAGAIN;
    size_t of_signature = size < SIGNATURE ? size : SIGNATURE, of_name = size < 6 ? size : 6;
    if (memcmp(data, signature, of_signature) == 0)
        return parse_v2(data, size, header);
    return memcmp(data, "PROXY ", of_name) == 0 ? parse_v1(data, size, header) : -EPROTO;
}
