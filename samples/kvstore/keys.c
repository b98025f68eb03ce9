/* SPDX-License-Identifier: MIT */
/* Commands on keys, whatever their values are. */
#include "kvstore/command.h"

enum {
    SCAN_COUNT = 10,   /* keys that SCAN finds, or so, unless it is told */
    SCAN_MOST = 10000, /* and at most */
    SCAN_STEPS = 10,   /* buckets for each of these keys that it looks at */
    PATTERN = 4096     /* bytes of a pattern */
};

static struct entry *find(const struct call *c, unsigned i)
{
    struct key key = key_at(c, i);
    return db_find(key.text, key.hash);
}

void run_del(struct call *c)
{
    int64_t deleted = 0;
    bool begun = c->argc > 2 && log_begin();
    for (unsigned i = 1; i < c->argc; i++) {
        struct entry *entry = find(c, i);
        if (!entry)
            continue;
        log_delete(entry_key(entry));
        db_delete(entry);
        deleted++;
    }
    log_end(begun);
    reply_number(&c->reply, deleted);
}

void run_exists(struct call *c)
{
    int64_t there = 0;
    for (unsigned i = 1; i < c->argc; i++)
        there += find(c, i) != NULL;
    reply_number(&c->reply, there);
}

void run_type(struct call *c)
{
    reply_status(&c->reply, find(c, 1) ? "string" : "none");
}

void run_dbsize(struct call *c)
{
    struct db_figures figures;
    db_count(&figures);
    reply_number(&c->reply, (int64_t)figures.keys);
}

void run_flush(struct call *c)
{
    if (c->argc > 2 || (c->argc == 2 && !is_option(c, 1, "async", 0) && !is_option(c, 1, "sync", 0))) {
        reply_error(&c->reply, "ERR syntax error");
        return;
    }
    db_flush();
    log_flush();
    c->sweeps = true;
    reply_ok(&c->reply);
}

/* ---------------------------------------------------------------- time */

struct conditions {
    bool if_none, if_some, if_later, if_sooner; /* NX XX GT LT */
};

/* After false the client was told. */
static bool read_conditions(struct call *c, struct conditions *o)
{
    for (unsigned i = 3; i < c->argc; i++) {
        struct text word = arg(c, i);
        bool *set = text_is_word(word, "nx")   ? &o->if_none
                    : text_is_word(word, "xx") ? &o->if_some
                    : text_is_word(word, "gt") ? &o->if_later
                    : text_is_word(word, "lt") ? &o->if_sooner
                                               : NULL;
        if (!set) {
            reply_error(&c->reply, "ERR Unsupported option %.*s", (int)(word.size < 64 ? word.size : 64),
                        word.data);
            return false;
        }
        *set = true;
    }
    if (o->if_none && (o->if_some || o->if_later || o->if_sooner))
        reply_error(&c->reply, "ERR NX and XX, GT or LT options at the same time are not compatible");
    else if (o->if_later && o->if_sooner)
        reply_error(&c->reply, "ERR GT and LT options at the same time are not compatible");
    else
        return true;
    return false;
}

/* Never is later than any time. */
static bool is_met(const struct conditions *o, int64_t before, int64_t when)
{
    return !(o->if_none && before) && !(o->if_some && !before) &&
           !(o->if_later && (!before || when <= before)) && !(o->if_sooner && before && when >= before);
}

static void expire(struct call *c, bool seconds, bool relative)
{
    struct conditions conditions = {0};
    int64_t when;
    if (!arg_time(c, 2, seconds, relative, &when) || !read_conditions(c, &conditions))
        return;
    struct entry *entry = find(c, 1);
    bool met = entry && is_met(&conditions, db_expiry(entry), when);
    if (!met) {
        reply_number(&c->reply, 0);
    } else if (c->h && when <= db_now()) {
        log_delete(entry_key(entry));
        db_delete(entry);
        reply_number(&c->reply, 1);
    } else if (db_expire(entry, when > 0 ? when : 1)) {
        log_expire(entry);
        reply_number(&c->reply, 1);
    } else {
        reply_no_memory(c);
    }
}

void run_expire(struct call *c)
{
    expire(c, true, true);
}

void run_pexpire(struct call *c)
{
    expire(c, false, true);
}

void run_expireat(struct call *c)
{
    expire(c, true, false);
}

void run_pexpireat(struct call *c)
{
    expire(c, false, false);
}

void run_persist(struct call *c)
{
    struct entry *entry = find(c, 1);
    bool expires = entry && db_expiry(entry);
    if (expires) {
        (void)db_expire(entry, 0);
        log_expire(entry);
    }
    reply_number(&c->reply, expires);
}

/* -2: there is no such key; -1: it does not expire. */
static int64_t time_left(struct call *c)
{
    const struct entry *entry = find(c, 1);
    int64_t when = entry ? db_expiry(entry) : 0, now = when ? db_now() : 0;
    return !entry ? -2 : !when ? -1 : when > now ? when - now : 0;
}

void run_ttl(struct call *c)
{
    int64_t left = time_left(c);
    reply_number(&c->reply, left < 0 ? left : (left + 500) / 1000);
}

void run_pttl(struct call *c)
{
    reply_number(&c->reply, time_left(c));
}

/* ---------------------------------------------------------------- which are there */

struct search {
    struct text pattern;
    bool filters;
    struct buffer found; /* in RESP */
    size_t count;
    bool failed;
};

/* After false the client was told. */
static bool set_pattern(struct call *c, unsigned i, struct search *search)
{
    search->pattern = arg(c, i);
    search->filters = !text_is(search->pattern, TEXT("*"));
    if (search->pattern.size <= PATTERN)
        return true;
    reply_error(&c->reply, "ERR the pattern is longer than %d bytes", PATTERN);
    return false;
}

static void note(void *argument, struct entry *entry)
{
    struct search *search = argument;
    if (search->failed || (search->filters && !glob_matches(search->pattern, entry_key(entry))))
        return;
    buffer_add_bulk(&search->found, entry_key(entry), &search->failed);
    search->count++;
}

static void reply_found(struct call *c, struct search *search)
{
    reply_array(&c->reply, search->count);
    reply_buffer(&c->reply, &search->found);
}

void run_keys(struct call *c)
{
    struct search search = {0};
    uint64_t cursor = 0;
    if (!set_pattern(c, 1, &search))
        return;
    do
        cursor = db_scan(cursor, note, &search);
    while (cursor && !search.failed);
    if (!search.failed) {
        reply_found(c, &search);
        return;
    }
    buffer_free(&search.found);
    reply_error(&c->reply, "ERR there are too many keys for one reply: use SCAN");
}

/* After false the client was told. */
static bool read_scan(struct call *c, struct search *search, int64_t *count, bool *of_type)
{
    for (unsigned i = 2; i < c->argc; i += 2) {
        if (is_option(c, i, "count", 1)) {
            if (!arg_number(c, i + 1, count))
                return false;
            if (*count >= 1)
                continue;
        } else if (is_option(c, i, "match", 1)) {
            if (!set_pattern(c, i + 1, search))
                return false;
            continue;
        } else if (is_option(c, i, "type", 1)) {
            *of_type = text_is_word(arg(c, i + 1), "string");
            continue;
        }
        reply_error(&c->reply, "ERR syntax error");
        return false;
    }
    return true;
}

void run_scan(struct call *c)
{
    struct search search = {0};
    int64_t cursor, count = SCAN_COUNT;
    bool of_type = true;
    char text[NUMBER_TEXT];
    if (!number_read(arg(c, 1), &cursor) || cursor < 0) {
        reply_error(&c->reply, "ERR invalid cursor");
        return;
    }
    if (!read_scan(c, &search, &count, &of_type))
        return;
    count = count < SCAN_MOST ? count : SCAN_MOST;
    for (int64_t steps = 0; steps < count * SCAN_STEPS && (int64_t)search.count < count && !search.failed;
         steps++)
        if ((cursor = (int64_t)db_scan((uint64_t)cursor, note, &search)) == 0)
            break;
    if (search.failed) {
        buffer_free(&search.found);
        reply_no_memory(c);
        return;
    }
    if (!of_type)
        search.count = search.found.size = 0;
    reply_array(&c->reply, 2);
    reply_bulk(&c->reply, (struct text){text, number_write(text, cursor)});
    reply_found(c, &search);
}
