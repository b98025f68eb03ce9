/* Addresses from text, and from names. */
#ifndef SS_LOOKUP_H
#define SS_LOOKUP_H

#include "socketserver.h"

enum address_kind { ADDRESS_INET, ADDRESS_UNIX, ADDRESS_FD };
struct addrinfo;
struct address_text {
    enum address_kind kind;
    char host[256], port[32];  /* ADDRESS_INET; host "": any */
    struct ss_address address; /* ADDRESS_UNIX */
    int fd;                    /* ADDRESS_FD */
};

/* Reads an address in the notation of socketserver.h. 0 or -EINVAL, -ENAMETOOLONG. */
int address_parse(const char *text, struct address_text *parsed);
/* The addresses of a host; to be given to freeaddrinfo. Blocks on name servers unless `numeric`. 0 or -errno,
   as the look-ups of socketserver.h. */
int address_lookup(const struct address_text *parsed, int family, int type, bool numeric,
                   struct addrinfo **list);

#endif
