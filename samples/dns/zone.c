/* SPDX-License-Identifier: MIT */
/* The names of a zone and their records: how they are kept, and found by a hash table. */
#include "dns/zone.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 65536, FIRST_SLOTS = 256 };

struct block {
    struct block *next;
    size_t used, size;
    max_align_t data[];
};

void *zone_alloc(struct zone *zone, size_t size)
{
    struct block *b = zone->blocks;
    size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
    if (!b || size > b->size - b->used) {
        size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        if (!(b = malloc(sizeof *b + room)))
            return NULL;
        *b = (struct block){.next = zone->blocks, .size = room};
        zone->blocks = b;
    }
    b->used += size;
    return (char *)b->data + b->used - size;
}

void zone_free(struct zone *zone)
{
    if (!zone)
        return;
    for (struct block *next, *b = zone->blocks; b; b = next) {
        next = b->next;
        free(b);
    }
    free(zone->slots);
    free(zone);
}

/* ---------------------------------------------------------------- names */

/* FNV-1a, begun with the parent's. What is hashed is the zone's, and a question only finds or does not. */
static uint32_t hash_label(const struct name *parent, const uint8_t *label)
{
    uint32_t hash = parent->hash;
    for (unsigned i = 0; i <= label[0]; i++)
        hash = (hash ^ lower(label[i])) * 16777619;
    return hash ^ hash >> 15;
}

static struct name **slot_of(const struct zone *zone, const struct name *parent, const uint8_t *label,
                             uint32_t hash)
{
    size_t mask = zone->slot_count - 1, at = hash & mask;
    for (struct name *n; (n = zone->slots[at]); at = (at + 1) & mask)
        if (n->hash == hash && n->parent == parent && n->label[0] == label[0] &&
            memcmp(n->label + 1 + n->label[0], label + 1, label[0]) == 0)
            break;
    return &zone->slots[at];
}

const struct name *zone_find(const struct zone *zone, const struct name *parent, const uint8_t *label)
{
    return *slot_of(zone, parent, label, hash_label(parent, label));
}

static int grow(struct zone *zone)
{
    size_t count = zone->slot_count ? 2 * zone->slot_count : FIRST_SLOTS;
    struct name **slots = calloc(count, sizeof(struct name *));
    if (!slots)
        return -ENOMEM;
    free(zone->slots);
    zone->slots = slots;
    zone->slot_count = count;
    for (struct name *n = zone->root; n; n = n->made_next)
        if (n->parent) {
            size_t at = n->hash & (count - 1);
            while (slots[at])
                at = (at + 1) & (count - 1);
            slots[at] = n;
        }
    return 0;
}

static struct name *make(struct zone *zone, struct name *parent, const uint8_t *label)
{
    struct name *n = zone_alloc(zone, sizeof *n + 2 * (size_t)label[0] + 1);
    if (!n)
        return NULL;
    *n = (struct name){.parent = parent, .hash = 2166136261, .size = 1};
    if (parent) {
        n->hash = hash_label(parent, label);
        n->size = (uint8_t)(parent->size + 1 + label[0]);
    }
    memcpy(n->label, label, (size_t)label[0] + 1);
    for (unsigned i = 1; i <= label[0]; i++)
        n->label[label[0] + i] = lower(label[i]);
    if (zone->newest)
        zone->newest->made_next = n;
    zone->newest = n;
    return n;
}

static struct name *child(struct zone *zone, struct name *parent, const uint8_t *label)
{
    uint8_t in_lower_case[1 + LONGEST_LABEL] = {label[0]};
    for (unsigned i = 1; i <= label[0]; i++)
        in_lower_case[i] = lower(label[i]);
    struct name *n = *slot_of(zone, parent, in_lower_case, hash_label(parent, label));
    if (n)
        return n;
    if (zone->name_count * 2 >= zone->slot_count && grow(zone) < 0)
        return NULL;
    n = make(zone, parent, label);
    if (n) {
        *slot_of(zone, parent, in_lower_case, n->hash) = n;
        zone->name_count++;
    }
    return n;
}

struct zone *zone_new(void)
{
    struct zone *zone = calloc(1, sizeof *zone);
    if (zone && (grow(zone) < 0 || !(zone->root = make(zone, NULL, (const uint8_t *)"")))) {
        zone_free(zone);
        return NULL;
    }
    return zone;
}

struct name *zone_name(struct zone *zone, const uint8_t *wire)
{
    const uint8_t *labels[MOST_LABELS];
    int count = 0;
    for (; *wire; wire += *wire + 1)
        labels[count++] = wire;
    struct name *n = zone->root;
    while (n && count > 0)
        n = child(zone, n, labels[--count]);
    return n;
}

const char *name_text(const struct name *name, char text[NAME_TEXT])
{
    char *at = text;
    for (; name->parent; name = name->parent) {
        for (unsigned i = 1; i <= name->label[0]; i++) {
            bool plain =
                name->label[i] > ' ' && name->label[i] < 127 && !strchr(".\\\";()@$", name->label[i]);
            at += sprintf(at, plain ? "%c" : "\\%03d", name->label[i]);
        }
        *at++ = '.';
    }
    strcpy(at, at == text ? "." : "");
    return text;
}

/* ---------------------------------------------------------------- records */

const struct rrset *zone_set(const struct name *name, unsigned type)
{
    const struct rrset *set = name->sets;
    while (set && set->type != type)
        set = set->next;
    return set;
}

static bool is_same(const struct record *a, const struct record *b)
{
    return a->before == b->before && a->after == b->after && a->names[0] == b->names[0] &&
           a->names[1] == b->names[1] && memcmp(a->data, b->data, (size_t)a->before + a->after) == 0;
}

static struct rrset *set_of(struct zone *zone, struct name *name, const struct rrset *like)
{
    struct rrset **end = &name->sets;
    while (*end && (*end)->type != like->type)
        end = &(*end)->next;
    if (!*end && (*end = zone_alloc(zone, sizeof **end))) {
        **end = *like;
        (*end)->end = &(*end)->first;
    }
    return *end;
}

int zone_add(struct zone *zone, struct name *name, const struct rrset *like, const struct record *record)
{
    size_t size = (size_t)record->before + record->after;
    struct rrset *set = set_of(zone, name, like);
    for (const struct record *r = set ? set->first : NULL; r; r = r->next)
        if (is_same(r, record))
            return 0;
    struct record *r = set ? zone_alloc(zone, sizeof *r + size) : NULL;
    if (!r)
        return -ENOMEM;
    *r = *record;
    r->data = memcpy(r + 1, record->data, size);
    r->next = NULL;
    *set->end = r;
    set->end = &r->next;
    set->count++;
    set->size += name->size + 10 + size;
    for (int i = 0; i < 2; i++)
        set->size += r->names[i] ? r->names[i]->size : 0;
    return set->size > LARGEST_SET ? -E2BIG : 0;
}
