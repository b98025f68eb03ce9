/* SPDX-License-Identifier: MIT */
#include "discovery/heard.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static bool is_same_host(const struct ss_address *a, const struct ss_address *b)
{
    if (a->u.any.sa_family != b->u.any.sa_family)
        return false;
    if (a->u.any.sa_family == AF_INET)
        return a->u.in.sin_addr.s_addr == b->u.in.sin_addr.s_addr;
    return IN6_ARE_ADDR_EQUAL(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr) &&
           a->u.in6.sin6_scope_id == b->u.in6.sin6_scope_id;
}

static bool comes_from(const struct entry *entry, const struct ss_address *from)
{
    for (int i = 0; i < entry->count; i++)
        if (is_same_host(&entry->addresses[i], from))
            return true;
    return false;
}

/* The address of the service: it is where the announcement has come from. */
static void add_address(struct entry *entry, const struct ss_address *from)
{
    if (entry->count == ADDRESSES || comes_from(entry, from))
        return;
    struct ss_address *to = &entry->addresses[entry->count++];
    *to = *from;
    if (to->u.any.sa_family == AF_INET)
        to->u.in.sin_port = htons((uint16_t)entry->port);
    else
        to->u.in6.sin6_port = htons((uint16_t)entry->port);
}

static bool is_about(const struct entry *entry, const struct packet *packet)
{
    return entry->id == packet->id && entry->port == packet->port && !strcmp(entry->type, packet->type) &&
           !strcmp(entry->name, packet->name);
}

/* A free entry; NULL when there is none, or `from` has more than its share. */
static struct entry *entry_new(struct heard *heard, const struct ss_address *from)
{
    struct entry *found = NULL;
    int own = 0;
    for (int i = 0; i < ENTRIES; i++) {
        struct entry *entry = &heard->entries[i];
        if (!entry->until)
            found = entry;
        else if (comes_from(entry, from))
            own++;
    }
    return own < ENTRIES_OF_ONE ? found : NULL;
}

static struct entry *entry_of(struct heard *heard, const struct packet *packet)
{
    for (int i = 0; i < ENTRIES; i++)
        if (heard->entries[i].until && is_about(&heard->entries[i], packet))
            return &heard->entries[i];
    return NULL;
}

/* Only from where a service was announced it can be taken back. */
static enum change note_good_bye(struct entry *entry, const struct ss_address *from, struct entry *copy)
{
    if (!entry || !comes_from(entry, from))
        return UNCHANGED;
    *copy = *entry;
    entry->until = 0;
    return LEFT;
}

enum change heard_note(struct heard *heard, const struct packet *packet, const struct ss_address *from,
                       uint64_t now, struct entry *copy)
{
    struct entry *entry = entry_of(heard, packet);
    if (packet->seconds == 0)
        return note_good_bye(entry, from, copy);
    bool is_new = !entry;
    if (is_new && !(entry = entry_new(heard, from)))
        return UNCHANGED;
    if (is_new) {
        *entry = (struct entry){.id = packet->id, .port = packet->port};
        strcpy(entry->type, packet->type);
        strcpy(entry->name, packet->name);
    }
    entry->until = now + packet->seconds * (uint64_t)1000;
    add_address(entry, from);
    *copy = *entry;
    return is_new ? APPEARED : UNCHANGED;
}

enum change heard_expire(struct heard *heard, uint64_t now, struct entry *copy)
{
    for (int i = 0; i < ENTRIES; i++) {
        struct entry *entry = &heard->entries[i];
        if (!entry->until || entry->until > now)
            continue;
        *copy = *entry;
        entry->until = 0;
        return EXPIRED;
    }
    return UNCHANGED;
}

void entry_print(const struct entry *entry, const char *before, const char *behind)
{
    char text[SS_ADDRESS_TEXT];
    flockfile(stdout); /* lines of several threads do not mix */
    printf("%s%s  %s ", before, entry->type, entry->name);
    for (int i = 0; i < entry->count; i++) {
        ss_address_format(&entry->addresses[i], text, sizeof text);
        printf(" %s", text);
    }
    printf("%s\n", behind);
    fflush(stdout);
    funlockfile(stdout);
}
