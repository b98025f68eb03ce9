/* SPDX-License-Identifier: MIT */
/* What was heard of others, as long as it holds. */
#ifndef DISCOVERY_HEARD_H
#define DISCOVERY_HEARD_H

#include "discovery/packet.h"
#include "socketserver.h"

enum { ENTRIES = 256, ENTRIES_OF_ONE = 32 /* that come from one address */, ADDRESSES = 6 /* of an entry */ };

struct entry {
    uint64_t until; /* ms, as ss_now; 0: this one is free */
    uint64_t id;
    unsigned port;
    char type[TYPE_SIZE + 1], name[NAME_SIZE + 1];
    int count;
    struct ss_address addresses[ADDRESSES]; /* with the port of the service */
};
struct heard {
    struct entry entries[ENTRIES];
};

enum change { UNCHANGED, APPEARED, LEFT, EXPIRED };

/* Takes in what `from` has said; a copy of what has changed is stored in *entry. */
enum change heard_note(struct heard *heard, const struct packet *packet, const struct ss_address *from,
                       uint64_t now, struct entry *entry);

/* Stores one whose time is over, which is forgotten then: EXPIRED, or UNCHANGED when there is none. */
enum change heard_expire(struct heard *heard, uint64_t now, struct entry *entry);

/* "+ http  The shelf  10.0.0.2:8000", and why it begins with a minus. */
void entry_print(const struct entry *entry, const char *before, const char *behind);

#endif
