/* SPDX-License-Identifier: MIT */
/* Addresses from text, and from names. */
#ifndef SS_LOOKUP_H
#define SS_LOOKUP_H

#include "socketserver.h"

enum address_kind { ADDRESS_INET, ADDRESS_UNIX, ADDRESS_FD };
struct address_text {
    enum address_kind kind;
    char host[256], port[32];  /* of ADDRESS_INET; host "": every interface */
    bool numbered;             /* the port is a number, and no service's name */
    struct ss_address address; /* of ADDRESS_UNIX */
    int fd;                    /* of ADDRESS_FD */
};

/* Reads an address in the notation of socketserver.h. 0, -EINVAL, or -ENAMETOOLONG. */
int address_parse(const char *text, struct address_text *parsed);
/* Is the host a name of this machine's loopback addresses (RFC 6761 6.3)? */
bool address_is_localhost(const struct address_text *parsed);

/* What is asked for, and what was found. */
struct lookup {
    struct address_text text; /* of ADDRESS_INET */
    int family, type;
    unsigned count;
    struct ss_address found[SS_MAX_ADDRESSES]; /* in the resolver's order; further ones are left out */
};

/* Finds the addresses if they are numbers or localhost's, which takes no time. 0; -EAGAIN: it is a name, of a
   host or a service; or -errno. */
int lookup_now(struct lookup *l);
/* The same, but waits for name servers, which blocks the thread. 0, or -errno as socketserver.h says of
   look-ups. */
int lookup_any(struct lookup *l);
/* The error of a look-up that getaddrinfo(3) or getnameinfo(3) has ended with `rc`. */
int lookup_error(int rc);

#endif
