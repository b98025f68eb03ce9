/* SPDX-License-Identifier: MIT */
/* The networks that this machine is in, and how all who are there are reached. */
#ifndef DISCOVERY_LINKS_H
#define DISCOVERY_LINKS_H

#include "socketserver.h"
#include <net/if.h>

/* In the ranges that are for private use in an organisation (RFC 2365) and on one link (RFC 4291). */
#define GROUP_IPV4 "239.255.85.35"
#define GROUP_IPV6 "ff12::8535"

enum { LINKS = 64 /* addresses that are looked at */ };

struct link {
    char interface[IF_NAMESIZE];
    struct ss_address address, mask, broadcast; /* broadcast: of length 0 where there is none */
};
struct links {
    int count;
    struct link of[LINKS];
};

/* Stores those that are there now. 0 or -errno. */
int links_find(struct links *links);

/* Joins the groups on all of them: also on those that have come later. */
void links_join(const struct links *links, struct ss_server *self);

/* Sends to all who are there, in each way that each link has: to the groups, and by broadcast. Returns how
   many have left. */
int links_send(const struct links *links, struct ss_server *self, unsigned port, const char *data,
               size_t size);

/* Is this an address of one of these networks, and so no farther away than they reach? */
bool links_have(const struct links *links, const struct ss_address *address);

#endif
