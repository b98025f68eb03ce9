/* SPDX-License-Identifier: MIT */
/* Do the records make a zone? And what a question needs to know of each name is found out here, once. */
#include "dns/zone.h"
#include <stdio.h>
#include <string.h>

static bool complain(char error[ERROR_SIZE], const struct rrset *set, const struct name *name,
                     const char *what)
{
    char text[NAME_TEXT];
    snprintf(error, ERROR_SIZE, "%.150s:%u: %.250s: %.180s", set->file, set->line, name_text(name, text),
             what);
    return false;
}

/* The apex is the name with the SOA record. */
static bool find_apex(struct zone *zone, const char *file, char error[ERROR_SIZE])
{
    for (const struct name *n = zone->root; n; n = n->made_next) {
        const struct rrset *soa = zone_set(n, TYPE_SOA);
        if (!soa)
            continue;
        if (zone->apex || soa->count > 1)
            return complain(error, soa, n,
                            "a second SOA record; a file is one zone: put the other one into a file of "
                            "its own");
        zone->apex = n;
        zone->soa = soa;
    }
    if (!zone->apex)
        snprintf(error, ERROR_SIZE,
                 "%s:1: there is no SOA record; begin with: example.org. 1h SOA ns.example.org. "
                 "hostmaster.example.org. 1 1d 2h 4w 1h",
                 file);
    return zone->apex;
}

static void keep_apex(struct zone *zone)
{
    uint8_t *at = zone->apex_wire;
    for (const struct name *n = zone->apex; n->parent; n = n->parent, zone->apex_labels++) {
        *at++ = n->label[0];
        memcpy(at, n->label + 1 + n->label[0], n->label[0]);
        at += n->label[0];
    }
    *at = 0;
    const struct record *soa = zone->soa->first;
    const uint8_t *minimum = soa->data + soa->after - 4;
    uint32_t ttl =
        (uint32_t)minimum[0] << 24 | (uint32_t)minimum[1] << 16 | (uint32_t)minimum[2] << 8 | minimum[3];
    zone->negative_ttl = ttl < zone->soa->ttl ? ttl : zone->soa->ttl;
}

/* A name exists when it has records, or one below it has: then it is an empty one (RFC 4592). */
static void find_existing(struct zone *zone)
{
    for (struct name *n = zone->root; n; n = n->made_next)
        for (struct name *up = n; n->sets && up && !up->exists; up = up->parent)
            up->exists = true;
}

/* A name is made after those above it. */
static void find_surroundings(struct zone *zone)
{
    for (struct name *n = zone->root; n; n = n->made_next) {
        struct name *up = n->parent;
        n->in_zone = n == zone->apex || (up && up->in_zone);
        if (!n->in_zone)
            continue;
        n->cut = up && up->cut ? up->cut : n != zone->apex && zone_set(n, TYPE_NS) ? n : NULL;
        n->encloser = n->exists || !up ? n : up->encloser;
        if (n->exists && n != zone->apex && n->label[0] == 1 && n->label[1] == '*')
            up->wildcard = n;
    }
}

/* ---------------------------------------------------------------- what must not be */

static bool has_address(const struct name *n)
{
    return zone_set(n, TYPE_A) || zone_set(n, TYPE_AAAA);
}

/* Whoever is told of a name server below the name that it serves cannot ask for its address. */
static bool check_servers(const struct zone *zone, const struct name *n, char error[ERROR_SIZE])
{
    const struct rrset *set = zone_set(n, TYPE_NS);
    for (const struct record *r = set ? set->first : NULL; r; r = r->next) {
        const struct name *server = r->names[0];
        char text[NAME_TEXT], what[180];
        if (!server->in_zone || server->cut != (n == zone->apex ? NULL : n) || has_address(server) ||
            (n == zone->apex && !server->exists && server->encloser->wildcard))
            continue;
        snprintf(what, sizeof what,
                 "its name server %.100s has no address here; add an A or AAAA record for it",
                 name_text(server, text));
        return complain(error, set, n, what);
    }
    return true;
}

static bool check_name(const struct zone *zone, const struct name *n, char error[ERROR_SIZE])
{
    const struct rrset *alias = zone_set(n, TYPE_CNAME), *servers = zone_set(n, TYPE_NS);
    bool is_wildcard = n->label[0] == 1 && n->label[1] == '*';
    if (!n->in_zone)
        return complain(error, n->sets, n,
                        "is not in the zone of the SOA record; take it out, or write a name without "
                        "a dot at its end when the zone is to be added to it");
    if (alias && (alias->next || n->sets != alias))
        return complain(error, alias, n,
                        "a name with a CNAME record has no others (RFC 1034 3.6.2): remove one of them");
    if (alias && alias->count > 1)
        return complain(error, alias, n, "a name has one CNAME record (RFC 2181 10.1): remove the others");
    if (servers && is_wildcard)
        return complain(error, servers, n,
                        "a wildcard cannot have NS records (RFC 4592 4.2): name each zone that others "
                        "serve");
    return check_servers(zone, n, error);
}

bool zone_finish(struct zone *zone, const char *file, char error[ERROR_SIZE])
{
    if (!find_apex(zone, file, error))
        return false;
    keep_apex(zone);
    find_existing(zone);
    find_surroundings(zone);
    if (!zone_set(zone->apex, TYPE_NS))
        return complain(error, zone->soa, zone->apex,
                        "the zone has no name server; add an NS record for this name");
    for (const struct name *n = zone->root; n; n = n->made_next)
        if (n->sets && !check_name(zone, n, error))
            return false;
    return true;
}
