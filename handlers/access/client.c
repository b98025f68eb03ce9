/* SPDX-License-Identifier: MIT */
#include "access/client.h"
#include <string.h>

uint64_t http_client_of(const struct ss_handler *h, const struct http_key *key)
{
    const struct ss_address *a = &h->client_address;
    struct ss_credentials who = {0};
    struct {
        uint32_t family, number;
        uint64_t network;
    } text = {a->u.any.sa_family, 0, 0};
    if (a->length && a->u.any.sa_family == AF_INET)
        text.number = a->u.in.sin_addr.s_addr;
    else if (a->length && a->u.any.sa_family == AF_INET6)
        memcpy(&text.network, &a->u.in6.sin6_addr, sizeof text.network);
    else if (ss_client_credentials(h->request, &who) == 0)
        text.number = who.uid;
    return http_keyed_hash(key, &text, sizeof text).low | 1;
}
