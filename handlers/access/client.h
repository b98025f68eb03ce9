/* SPDX-License-Identifier: MIT */
/* Who a client is, where clients are counted: an IPv4 address, a /64 of IPv6, or a user of a Unix socket. */
#ifndef ACCESS_CLIENT_H
#define ACCESS_CLIENT_H

#include "access/keyed_hash.h"
#include "socketserver.h"

/* Never 0, which is nobody. Clients cannot choose their place in a table without the key. */
uint64_t http_client_of(const struct ss_handler *h, const struct http_key *key);

#endif
