/* SPDX-License-Identifier: MIT */
/* Addresses from text, and from names. */
#ifndef SS_LOOKUP_H
#define SS_LOOKUP_H

#include "socketserver.h"

enum address_kind { ADDRESS_INET, ADDRESS_UNIX, ADDRESS_FD };
struct addrinfo;
struct address_text {
    enum address_kind kind;
    char host[256], port[32];  /* of ADDRESS_INET; host "": every interface */
    struct ss_address address; /* of ADDRESS_UNIX */
    int fd;                    /* of ADDRESS_FD */
};

/* Reads an address in the notation of socketserver.h. 0, -EINVAL, or -ENAMETOOLONG. */
int address_parse(const char *text, struct address_text *parsed);
/* Stores the addresses of a host; freeaddrinfo frees them. Waits for name servers, which blocks the thread,
   unless `numeric`: then a name is -ENOENT. 0, or -errno as socketserver.h says of look-ups. */
int address_lookup(const struct address_text *parsed, int family, int type, bool numeric,
                   struct addrinfo **list);

#endif
