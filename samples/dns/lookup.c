/* SPDX-License-Identifier: MIT */
/* What a zone has for a question: RFC 1034 4.3.2, with wildcards (RFC 4592), aliases, names that others
   serve, and answers that say that there is nothing (RFC 2308). */
#include "dns/lookup.h"
#include <string.h>

enum { MOST_ALIASES = 16, MOST_TARGETS = 32 /* whose addresses are added */ };

/* Where a search has come to. */
struct search {
    const struct name *owner; /* of the records that are found; NULL: the question's name */
    const struct name *name;  /* the nearest that exists */
    bool exact;
};

static bool is_in_zone(const struct zone *zone, const struct question *q)
{
    if (q->labels < zone->apex_labels)
        return false;
    size_t at = q->offsets[q->labels - zone->apex_labels];
    return (size_t)q->name_size - at == zone->apex->size &&
           memcmp(q->name + at, zone->apex_wire, zone->apex->size) == 0;
}

/* Goes down from the apex, label by label. All names on the way stand in the question, and can be pointed at.
 */
static struct search find_closest(struct message *m, const struct zone *zone, const struct question *q)
{
    unsigned left = q->labels - zone->apex_labels;
    const struct name *name = zone->apex, *next;
    while (left > 0 && !name->cut && (next = zone_find(zone, name, q->name + q->offsets[left - 1])) &&
           next->exists) {
        name = next;
        left--;
    }
    for (const struct name *n = name; n->parent; n = n->parent)
        message_knows(m, n, (size_t)HEADER + q->offsets[left + (m->known_count)]);
    return (struct search){.name = name, .exact = left == 0};
}

/* ---------------------------------------------------------------- what is added */

static void add(struct message *m, enum section section, const struct name *owner, const struct rrset *set)
{
    if (!m->truncated && !message_add(m, section, owner, set, set->ttl))
        m->truncated = true;
}

/* The addresses of a name; those that are not needed are left out where there is no room. */
static void add_addresses(struct message *m, const struct name *name, bool needed)
{
    static const uint16_t types[] = {TYPE_A, TYPE_AAAA};
    for (int i = 0; i < 2; i++) {
        const struct rrset *set = zone_set(name, types[i]);
        if (set && !m->truncated && !message_add(m, ADDITIONAL, name, set, set->ttl) && needed)
            m->truncated = true;
    }
}

static bool was_there(const struct rrset *set, const struct record *record)
{
    const struct record *r = set->first;
    while (r->target != record->target)
        r = r->next;
    return r != record;
}

/* The addresses of mail servers, say: who asks for the one wants the other next. */
static void add_targets(struct message *m, const struct rrset *set)
{
    unsigned count = 0;
    for (const struct record *r = set->first; r && r->target && count < MOST_TARGETS; r = r->next, count++)
        if (r->target->exists && r->target->in_zone && !r->target->cut && !was_there(set, r))
            add_addresses(m, r->target, false);
}

/* Without the addresses of servers that are below the cut nobody can go on (RFC 9471). */
static void add_referral(struct message *m, const struct name *cut)
{
    const struct rrset *set = zone_set(cut, TYPE_NS);
    unsigned count = 0;
    m->authoritative = m->counts[ANSWER] > 0;
    add(m, AUTHORITY, cut, set);
    for (const struct record *r = set->first; r; r = r->next)
        if (r->target->cut == cut && !was_there(set, r))
            add_addresses(m, r->target, true);
    m->needed = m->size;
    m->needed_additional = m->counts[ADDITIONAL];
    for (const struct record *r = set->first; r && count < MOST_TARGETS; r = r->next, count++)
        if (r->target->in_zone && r->target->cut != cut && !was_there(set, r))
            add_addresses(m, r->target, false);
}

static enum rcode add_nothing(struct message *m, const struct zone *zone, enum rcode rcode)
{
    if (!m->truncated && !message_add(m, AUTHORITY, zone->apex, zone->soa, zone->negative_ttl))
        m->truncated = true;
    m->needed = m->size;
    return rcode;
}

/* For all types one set is enough (RFC 8482). */
static enum rcode add_type(struct message *m, const struct zone *zone, const struct search *at,
                           const struct name *source, unsigned type)
{
    const struct rrset *set = type == TYPE_ANY ? source->sets : zone_set(source, type);
    if (!set)
        return add_nothing(m, zone, NOERROR);
    add(m, ANSWER, at->owner, set);
    m->needed = m->size;
    if (type != TYPE_ANY && !m->truncated)
        add_targets(m, set);
    return NOERROR;
}

/* ---------------------------------------------------------------- the search */

static enum rcode refuse(const struct zone *zone, const struct question *q)
{
    switch (q->type) {
    case TYPE_OPT:
    case TYPE_TSIG:
        return FORMERR;
    case TYPE_TKEY:
    case TYPE_MAILA:
    case TYPE_MAILB:
        return NOTIMP;
    case TYPE_AXFR:
    case TYPE_IXFR:
        return REFUSED;
    default:
        return q->cls == CLASS_IN && is_in_zone(zone, q) ? NOERROR : REFUSED;
    }
}

/* The parent of a cut answers for DS itself (RFC 4035 3.1.4.1). */
static bool is_referral(const struct search *at, unsigned type)
{
    return at->name->cut && !(type == TYPE_DS && at->exact && at->name == at->name->cut);
}

enum rcode lookup(struct message *m, const struct zone *zone, const struct question *q)
{
    enum rcode rcode = refuse(zone, q);
    if (rcode != NOERROR)
        return rcode;
    m->authoritative = true;
    struct search at = find_closest(m, zone, q);
    for (int aliases = 0; aliases <= MOST_ALIASES && !m->truncated; aliases++) {
        if (is_referral(&at, q->type)) {
            add_referral(m, at.name->cut);
            break;
        }
        const struct name *source = at.exact ? at.name : at.name->wildcard;
        if (!source)
            return add_nothing(m, zone, NXDOMAIN);
        const struct rrset *alias = zone_set(source, TYPE_CNAME);
        if (!alias || q->type == TYPE_CNAME || q->type == TYPE_ANY)
            return add_type(m, zone, &at, source, q->type);
        const struct name *target = alias->first->names[0];
        add(m, ANSWER, at.owner, alias);
        m->needed = m->size;
        if (!target->in_zone)
            break;
        at = (struct search){target, target->encloser, target->exists};
    }
    return NOERROR;
}
