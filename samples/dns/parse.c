/* SPDX-License-Identifier: MIT */
/* A master file: directives and records, line by line. */
#include "dns/parse.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse_text(struct parser *p);

/* ---------------------------------------------------------------- files */

enum { LARGEST_FILE = 1 << 30 };

/* All of a file, which the caller frees; NULL and errno. */
static char *read_all(const char *path, size_t *size)
{
    FILE *file = fopen(path, "re");
    size_t room = 65536, n = 1;
    char *text = file ? malloc(room) : NULL;
    for (*size = 0; text && n > 0;) {
        n = fread(text + *size, 1, room - *size, file);
        *size += n;
        if (*size == room) {
            char *more = room < LARGEST_FILE ? realloc(text, room *= 2) : (errno = EFBIG, NULL);
            if (!more)
                free(text);
            text = more;
        }
    }
    if (text && ferror(file)) {
        free(text);
        text = NULL;
    }
    int error = errno;
    if (file)
        fclose(file);
    errno = error;
    return text;
}

/* Names of files are relative to the one that includes them. Returns a name that lives as long as the zone.
 */
static const char *beside(struct parser *p)
{
    const char *slash = strrchr(p->file, '/');
    size_t folder = slash && *p->token != '/' ? (size_t)(slash - p->file) + 1 : 0;
    char *path = zone_alloc(p->zone, folder + p->size + 1);
    if (!path) {
        parse_fails(p, "there is no memory for it; free some");
        return NULL;
    }
    memcpy(path, p->file, folder);
    memcpy(path + folder, p->token, p->size);
    path[folder + p->size] = '\0';
    return path;
}

static bool parse_file(struct parser *p, struct parser *from)
{
    size_t size;
    char *text = read_all(p->file, &size);
    if (!text)
        return parse_fails(from, "%.200s cannot be read: %s; correct the name or the file's permissions",
                           p->file, strerror(errno));
    p->at = text;
    p->end = text + size;
    bool good = parse_text(p);
    free(text);
    return good;
}

/* ---------------------------------------------------------------- directives */

static bool ends_here(struct parser *p)
{
    enum token found = next_token(p);
    return found == END || (found == TOKEN && parse_fails(p, "%.*s is too much; remove it",
                                                          (int)(p->size < 80 ? p->size : 80), p->token));
}

static bool parse_origin(struct parser *p)
{
    struct name *origin = want_token(p, "a name") ? token_name(p) : NULL;
    if (origin)
        p->origin = origin;
    return origin && ends_here(p);
}

static bool parse_default_ttl(struct parser *p)
{
    p->has_ttl = want_token(p, "a time") && token_ttl(p, &p->ttl);
    return p->has_ttl && ends_here(p);
}

/* $INCLUDE file [origin]: what the file says of origin and owner ends with it. */
static bool parse_include(struct parser *p)
{
    if (p->includes_nothing)
        return parse_fails(p, "nothing can be included here; put the text itself here");
    if (p->includes == DEEPEST_INCLUDE)
        return parse_fails(p, "files include each other %d deep; do they include themselves?",
                           DEEPEST_INCLUDE);
    const char *file = want_token(p, "a file") ? beside(p) : NULL;
    if (!file)
        return false;
    struct parser inner = *p;
    enum token found = next_token(p);
    if (found == FAILED || (found == TOKEN && (!(inner.origin = token_name(p)) || !ends_here(p))))
        return false;
    inner.file = file;
    inner.line = 1;
    inner.depth = 0;
    inner.includes++;
    if (!parse_file(&inner, p))
        return false;
    p->last_ttl = inner.last_ttl;
    p->has_last_ttl = inner.has_last_ttl;
    return true;
}

static bool parse_directive(struct parser *p)
{
    if (token_is(p, "$ORIGIN"))
        return parse_origin(p);
    if (token_is(p, "$TTL"))
        return parse_default_ttl(p);
    if (token_is(p, "$INCLUDE"))
        return parse_include(p);
    return parse_fails(p, "there is no directive %.*s; write $ORIGIN, $TTL or $INCLUDE, or \\$ in a name",
                       (int)(p->size < 80 ? p->size : 80), p->token);
}

/* ---------------------------------------------------------------- records */

/* [TTL] [class] type, the first two in any order. The token is the first of them. */
static bool parse_head(struct parser *p, struct kind *kind, bool *has_ttl, uint32_t *ttl)
{
    bool has_class = false;
    *has_ttl = false;
    for (;;) {
        if (!*has_ttl && !p->quoted && p->size && *p->token >= '0' && *p->token <= '9') {
            if (!token_ttl(p, ttl))
                return false;
            *has_ttl = true;
        } else if (!has_class && (token_is(p, "IN") || token_is(p, "CLASS1"))) {
            has_class = true;
        } else {
            return token_kind(p, kind) || parse_fails(p,
                                                      "%.*s is no type of records here; write its number as "
                                                      "TYPE65280 (only class IN is served)",
                                                      (int)(p->size < 80 ? p->size : 80), p->token);
        }
        if (!want_token(p, "the type"))
            return false;
    }
}

/* A record without a time gets that of $TTL, of the record before it, or the SOA record's last number. */
static bool choose_ttl(struct parser *p, const struct record *record, uint16_t type, uint32_t *ttl)
{
    if (p->has_ttl)
        *ttl = p->ttl;
    else if (p->has_last_ttl)
        *ttl = p->last_ttl;
    else if (type == TYPE_SOA)
        *ttl = (uint32_t)record->data[16] << 24 | (uint32_t)record->data[17] << 16 |
               (uint32_t)record->data[18] << 8 | record->data[19];
    else
        return parse_fails(p, "nothing says how long this record may be kept; write $TTL 1h above it");
    return true;
}

static bool add(struct parser *p, const struct record *record, struct rrset like)
{
    const struct rrset *set = zone_set(p->owner, like.type);
    like.file = p->file;
    p->last_ttl = like.ttl;
    p->has_last_ttl = true;
    if (set && set->ttl != like.ttl)
        return parse_fails(
            p, "the time is %u, and %u on line %u for the same name and type; make them equal (RFC 2181 5.2)",
            like.ttl, set->ttl, set->line);
    switch (zone_add(p->zone, p->owner, &like, record)) {
    case 0:
        return true;
    case -E2BIG:
        return parse_fails(p, "so many records of one name and type do not fit into a message; remove some");
    default:
        return parse_fails(p, "there is no memory for so many records; free some");
    }
}

static bool parse_record(struct parser *p)
{
    static uint8_t data[LONGEST_DATA]; /* one file is read at a time */
    struct rrset like = {.line = p->line};
    struct record record;
    struct kind kind;
    bool has_ttl;
    if (!parse_head(p, &kind, &has_ttl, &like.ttl) || !parse_data(p, &kind, data, &record))
        return false;
    like.type = kind.type;
    return (has_ttl || choose_ttl(p, &record, kind.type, &like.ttl)) && add(p, &record, like);
}

/* A line that begins with a space is about the name of the line before. */
static bool parse_entry(struct parser *p)
{
    bool same = *p->at == ' ' || *p->at == '\t';
    enum token found = next_token(p);
    if (found != TOKEN)
        return found == END;
    if (!same && !p->quoted && *p->token == '$')
        return parse_directive(p);
    if (same)
        return p->owner
                   ? parse_record(p)
                   : parse_fails(
                         p,
                         "the line begins with a space, and no name was before; write one at its beginning");
    struct name *owner = token_name(p);
    if (!owner)
        return false;
    p->owner = owner;
    return want_token(p, "the type") && parse_record(p);
}

static bool parse_text(struct parser *p)
{
    while (p->at < p->end) {
        if (!parse_entry(p))
            return false;
        if (p->at < p->end) { /* a newline */
            p->at++;
            p->line++;
        }
    }
    return true;
}

/* ---------------------------------------------------------------- zones */

static struct zone *finish(struct parser *p, bool good)
{
    if (good && zone_finish(p->zone, p->file, p->error))
        return p->zone;
    zone_free(p->zone);
    return NULL;
}

static bool begin(struct parser *p, const char *file, char error[ERROR_SIZE])
{
    *error = '\0';
    *p = (struct parser){.zone = zone_new(), .file = file, .line = 1, .error = error};
    if (!p->zone)
        snprintf(error, ERROR_SIZE, "%.200s: there is no memory for a zone; free some", file);
    return p->zone;
}

struct zone *zone_load(const char *file, char error[ERROR_SIZE])
{
    struct parser p;
    return begin(&p, file, error) ? finish(&p, parse_file(&p, &p)) : NULL;
}

struct zone *zone_parse(const char *file, const char *text, size_t size, char error[ERROR_SIZE])
{
    struct parser p;
    if (!begin(&p, file, error))
        return NULL;
    p.at = text;
    p.end = text + size;
    p.includes_nothing = true;
    return finish(&p, parse_text(&p));
}
