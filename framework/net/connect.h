/* SPDX-License-Identifier: MIT */
/* Connecting to the first of several addresses that answers. */
#ifndef SS_CONNECT_H
#define SS_CONNECT_H

#include "net/lookup.h"

/* What is to be connected, and how. */
struct connecting {
    struct ss_server *self; /* through whose poll method it waits; NULL: by poll(2) */
    const void *owner;      /* of the descriptors, see struct ss_class.adopt */
    int type;
    const char *interface;     /* NULL: any */
    const struct lookup *from; /* local addresses, at most one of a family is used; NULL: any */
    uint64_t deadline;         /* as ss_now counts; 0: none */
};

/* Connects to one of the addresses: attempts begin one after the other, and the first that succeeds wins. The
   descriptor, or -errno. */
int connect_first(const struct connecting *c, const struct ss_address *to, unsigned count);
/* `owner` has opened a descriptor, or is about to close it: see struct ss_class.adopt. */
void connect_adopt(struct ss_server *self, const void *owner, int fd);
void connect_close(struct ss_server *self, const void *owner, int fd);

#endif
