/* SPDX-License-Identifier: MIT */
/* The header of the PROXY protocol, versions 1 and 2, as haproxy's proxy-protocol.txt has it. Pure functions.
 */
#ifndef SS_PROXY_HEADER_H
#define SS_PROXY_HEADER_H

#include "socketserver.h"

enum {
    PROXY_V1 = 107,      /* bytes of the longest line of version 1 */
    PROXY_V2_HEAD = 16,  /* bytes of what stands in front in version 2 */
    PROXY_ADDRESSES = 36 /* bytes of the longest addresses that are looked at */
};

struct proxy_header {
    size_t size;   /* of all of it, with what is skipped behind the addresses */
    bool is_local; /* the proxy speaks for itself, or does not know: the client is as the kernel says */
    struct ss_address client; /* length 0: it has no address (AF_UNIX, UNSPEC) */
};

/* Reads the header that `data` begins with. 0; -EAGAIN: `size` bytes do not say all of it (`header->size` is
   then how many are needed at least); -EPROTO: it is none. */
int proxy_header_parse(const char *data, size_t size, struct proxy_header *header);

#endif
