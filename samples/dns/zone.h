/* SPDX-License-Identifier: MIT */
/* A zone in memory: a tree of names with their records. It is made once, from a master file, and only read
   from then on, by all threads and processes. */
#ifndef DNS_ZONE_H
#define DNS_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LONGEST_NAME = 255, LONGEST_LABEL = 63, MOST_LABELS = 127, LONGEST_DATA = 65535 };
enum { LARGEST_SET = 60000 /* bytes, so that with a question it is a message */ };
enum { CLASS_IN = 1 };

enum type {
    TYPE_A = 1,
    TYPE_NS = 2,
    TYPE_CNAME = 5,
    TYPE_SOA = 6,
    TYPE_DNAME = 39,
    TYPE_AAAA = 28,
    TYPE_OPT = 41,
    TYPE_DS = 43,
    TYPE_TKEY = 249,
    TYPE_TSIG = 250,
    TYPE_IXFR = 251,
    TYPE_AXFR = 252,
    TYPE_MAILB = 253,
    TYPE_MAILA = 254,
    TYPE_ANY = 255,
};

/* The data of a record: `before` bytes, up to two names that may be compressed, `after` bytes. */
struct record {
    struct record *next;
    const uint8_t *data;
    const struct name *names[2];
    const struct name *target; /* whose addresses are wanted next: those of a mail server, say */
    uint16_t before, after;
};

/* All records of one name and type. */
struct rrset {
    struct rrset *next;
    struct record *first, **end;
    const char *file; /* where the first of them stands */
    unsigned line;
    uint32_t ttl;
    uint16_t type;
    unsigned count;
    size_t size; /* bytes at most, in a message */
};

/* Each name is there once, also one that is only mentioned, and so is each name above it. */
struct name {
    struct name *parent; /* NULL: the root */
    struct name *made_next;
    struct rrset *sets;
    const struct name *cut; /* the highest name from this one upwards whose servers are others; or NULL */
    const struct name *encloser; /* the nearest name from this one upwards that exists in the zone; or NULL */
    const struct name *wildcard; /* the child "*", which exists; or NULL */
    uint32_t hash;
    bool in_zone;
    bool exists;     /* it, or a name below it, has records */
    uint8_t size;    /* bytes of all of its labels */
    uint8_t label[]; /* its length, the label as it was written, and once more in lower case */
};

struct zone {
    struct name *root, *newest;
    struct name **slots; /* a hash table of (parent, label) */
    size_t slot_count, name_count;
    struct block *blocks;
    const struct name *apex;
    const struct rrset *soa;
    uint32_t negative_ttl;
    uint8_t apex_labels, apex_wire[LONGEST_NAME]; /* in lower case */
};

/* NULL when there is no memory. */
struct zone *zone_new(void);
void zone_free(struct zone *zone); /* NULL is harmless */

/* Memory of the zone, which zone_free frees; NULL: there is none. */
void *zone_alloc(struct zone *zone, size_t size);

/* The child of a name by its label in lower case (a length and so many bytes), or NULL. */
const struct name *zone_find(const struct zone *zone, const struct name *parent, const uint8_t *label);

/* The name with these labels, made if it is not there yet; NULL: no memory. */
struct name *zone_name(struct zone *zone, const uint8_t *wire);

const struct rrset *zone_set(const struct name *name, unsigned type);

/* Adds a record, whose data is copied, to the set of the name that has the type of `like`, or makes that set
   like this one. The same record twice is one. 0, -ENOMEM, or -E2BIG for a set that no message holds. */
int zone_add(struct zone *zone, struct name *name, const struct rrset *like, const struct record *record);

enum { ERROR_SIZE = 600 };

/* Looks whether the records make a zone, and prepares it for questions. True; or false, and `error` says
   where what is wrong, and what to do. */
bool zone_finish(struct zone *zone, const char *file, char error[ERROR_SIZE]);

/* Reads a master file (RFC 1035, RFC 2308, RFC 3597) and what it includes. NULL: `error` says why. */
struct zone *zone_load(const char *file, char error[ERROR_SIZE]);

/* The same for text that is in memory, and includes nothing. `file` is its name in errors. */
struct zone *zone_parse(const char *file, const char *text, size_t size, char error[ERROR_SIZE]);

/* Writes a name as in a master file, for errors. */
enum { NAME_TEXT = 4 * LONGEST_NAME + 2 };
const char *name_text(const struct name *name, char text[NAME_TEXT]);

static inline uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

#endif
