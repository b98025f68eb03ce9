/* SPDX-License-Identifier: MIT */
/* Reading a master file: what its two halves, the entries and the data of records, have in common. */
#ifndef DNS_PARSE_H
#define DNS_PARSE_H

#include "dns/zone.h"

enum { DEEPEST_INCLUDE = 8 };

struct parser {
    struct zone *zone;
    const char *file;
    char *error;
    const char *at, *end;
    unsigned line, opened; /* the line; that of the first parenthesis that is open */
    unsigned depth;        /* of parentheses */
    unsigned includes;     /* how deep this file is included */
    bool includes_nothing;
    const char *token; /* the last one, as it stands there */
    size_t size;
    bool quoted;
    struct name *origin, *owner;
    uint32_t ttl, last_ttl; /* $TTL, that of the last record */
    bool has_ttl, has_last_ttl;
};

/* False, for the caller to return; the error says where the file is wrong. */
bool parse_fails(struct parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What next_token finds. */
enum token { FAILED = -1, END, TOKEN };
enum token next_token(struct parser *p);

/* The next token, which has to be there. */
bool want_token(struct parser *p, const char *what);

/* The token as a name, relative ones to the origin; NULL: it is none. */
struct name *token_name(struct parser *p);

/* The token as a name in `wire`; its size, 0: it is none. */
size_t token_wire(struct parser *p, uint8_t wire[LONGEST_NAME]);

/* The token as a number up to `most`, and as a time such as 1h30m. */
bool token_number(struct parser *p, uint32_t most, uint32_t *value);
bool token_ttl(struct parser *p, uint32_t *value);

bool token_is(const struct parser *p, const char *word);

/* Takes an escape, \DDD or \X, or a plain byte, out of the text; -1: there is no such byte. */
int take_byte(const char **at, const char *end);

/* A type of records: its name, its number, and of which parts its data consists:
     4 6 an address      n a name, N one that is not compressed      b s l t numbers of 1, 2, 4 bytes, a time
     c a string with its length, C one or more      x hexadecimal up to the end      g CAA's tag      r a
   string */
struct kind {
    const char *name, *parts;
    uint16_t type;
    bool wants_address; /* of the last name in it */
};

/* The kind that the token names, by a word or as TYPE123. False: there is none. */
bool token_kind(const struct parser *p, struct kind *kind);

/* Reads the data of a record up to the end of the entry. `data` has room for LONGEST_DATA bytes. */
bool parse_data(struct parser *p, const struct kind *kind, uint8_t *data, struct record *record);

#endif
