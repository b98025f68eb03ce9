/* SPDX-License-Identifier: MIT */
/* Commands on one key and its value. */
#include "kvstore/command.h"

static struct entry *find(struct key key)
{
    return db_find(key.text, key.hash);
}

/* Gives a key a value, and has that noted. After NULL the client was told. */
static struct entry *put(struct call *c, struct entry *entry, struct key key, struct text data, int64_t when)
{
    entry = db_set(entry, key.text, key.hash, data, when);
    if (entry)
        log_set(entry);
    else
        reply_no_memory(c);
    return entry;
}

static void reply_entry(struct call *c, const struct entry *entry)
{
    if (entry)
        reply_value(&c->reply, entry->value);
    else
        reply_null(&c->reply);
}

void run_get(struct call *c)
{
    reply_entry(c, find(key_at(c, 1)));
}

/* ---------------------------------------------------------------- SET, and its older relatives */

struct set_options {
    bool if_missing, if_there, keeps_time, gets;
    int64_t when; /* 0: never */
};

/* The option at *i, with its argument. After false the client was told. */
static bool read_option(struct call *c, unsigned *i, struct set_options *o)
{
    bool seconds = is_option(c, *i, "ex", 1) || is_option(c, *i, "exat", 1);
    bool relative = is_option(c, *i, "ex", 1) || is_option(c, *i, "px", 1);
    if ((relative || is_option(c, *i, "exat", 1) || is_option(c, *i, "pxat", 1)) && !o->when &&
        !o->keeps_time) {
        if (!arg_time(c, ++*i, seconds, relative, &o->when))
            return false;
        int64_t number;
        if (number_read(arg(c, *i), &number) && number > 0)
            return true;
        reply_error(&c->reply, "ERR invalid expire time in '%s' command", c->command->name);
        return false;
    }
    if (is_option(c, *i, "nx", 0) && !o->if_there)
        return o->if_missing = true;
    if (is_option(c, *i, "xx", 0) && !o->if_missing)
        return o->if_there = true;
    if (is_option(c, *i, "keepttl", 0) && !o->when)
        return o->keeps_time = true;
    if (is_option(c, *i, "get", 0))
        return o->gets = true;
    reply_error(&c->reply, "ERR syntax error");
    return false;
}

/* Replies what was there before, or OK. */
static void put_and_reply(struct call *c, struct entry *entry, struct key key, int64_t when, bool gets)
{
    struct value *before = entry && gets ? value_hold(entry->value) : NULL;
    if (put(c, entry, key, arg(c, 2), when)) {
        if (before)
            reply_value(&c->reply, before);
        else if (gets)
            reply_null(&c->reply);
        else
            reply_ok(&c->reply);
    }
    value_release(before);
}

void run_set(struct call *c)
{
    struct set_options o = {0};
    for (unsigned i = 3; i < c->argc; i++)
        if (!read_option(c, &i, &o))
            return;
    struct key key = key_at(c, 1);
    struct entry *entry = find(key);
    if ((o.if_missing && entry) || (o.if_there && !entry))
        reply_entry(c, o.gets ? entry : NULL);
    else
        put_and_reply(c, entry, key, o.keeps_time && entry ? db_expiry(entry) : o.when, o.gets);
}

void run_setnx(struct call *c)
{
    struct key key = key_at(c, 1);
    bool there = find(key);
    if (there || put(c, NULL, key, arg(c, 2), 0))
        reply_number(&c->reply, !there);
}

static void set_for(struct call *c, bool seconds)
{
    int64_t number, when;
    if (!arg_time(c, 2, seconds, true, &when))
        return;
    struct key key = key_at(c, 1);
    if (!number_read(arg(c, 2), &number) || number <= 0)
        reply_error(&c->reply, "ERR invalid expire time in '%s' command", c->command->name);
    else if (put(c, find(key), key, arg(c, 3), when))
        reply_ok(&c->reply);
}

void run_setex(struct call *c)
{
    set_for(c, true);
}

void run_psetex(struct call *c)
{
    set_for(c, false);
}

void run_getset(struct call *c)
{
    struct key key = key_at(c, 1);
    put_and_reply(c, find(key), key, 0, true);
}

void run_getdel(struct call *c)
{
    struct key key = key_at(c, 1);
    struct entry *entry = find(key);
    reply_entry(c, entry);
    if (!entry)
        return;
    log_delete(key.text);
    db_delete(entry);
}

void run_mget(struct call *c)
{
    reply_array(&c->reply, c->argc - 1);
    for (unsigned i = 1; i < c->argc; i++)
        reply_entry(c, find(key_at(c, i)));
}

void run_mset(struct call *c)
{
    if (c->argc % 2 == 0) {
        reply_error(&c->reply, "ERR wrong number of arguments for 'mset' command");
        return;
    }
    bool begun = log_begin(), good = true;
    for (unsigned i = 1; good && i < c->argc; i += 2) {
        struct key key = key_at(c, i);
        good = put(c, find(key), key, arg(c, i + 1), 0);
    }
    log_end(begun);
    if (good)
        reply_ok(&c->reply);
}

/* ---------------------------------------------------------------- numbers */

static void add(struct call *c, int64_t more)
{
    char text[NUMBER_TEXT];
    int64_t number = 0;
    struct key key = key_at(c, 1);
    struct entry *entry = find(key);
    if (entry && !number_read(value_text(entry->value), &number)) {
        reply_error(&c->reply, "ERR value is not an integer or out of range");
        return;
    }
    if (__builtin_add_overflow(number, more, &number)) {
        reply_error(&c->reply, "ERR increment or decrement would overflow");
        return;
    }
    struct text data = {text, number_write(text, number)};
    if (put(c, entry, key, data, entry ? db_expiry(entry) : 0))
        reply_number(&c->reply, number);
}

void run_incr(struct call *c)
{
    add(c, 1);
}

void run_decr(struct call *c)
{
    add(c, -1);
}

void run_incrby(struct call *c)
{
    int64_t more;
    if (arg_number(c, 2, &more))
        add(c, more);
}

void run_decrby(struct call *c)
{
    int64_t less;
    if (!arg_number(c, 2, &less))
        return;
    if (less == INT64_MIN)
        reply_error(&c->reply, "ERR decrement would overflow");
    else
        add(c, -less);
}

/* ---------------------------------------------------------------- parts of a value */

/* Writes into a value, from `offset` on; `entry` NULL: it is made. Replies how long it is now. */
static void write_at(struct call *c, struct entry *entry, struct key key, size_t offset, struct text data)
{
    if (offset + data.size > RESP_BULK) {
        reply_error(&c->reply, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
        return;
    }
    bool is_new = !entry;
    if (is_new)
        entry = db_set(NULL, key.text, key.hash, offset ? TEXT("") : data, 0);
    if (!entry || ((!is_new || offset) && !db_write(entry, offset, data))) {
        if (is_new && entry)
            db_delete(entry);
        reply_no_memory(c);
        return;
    }
    if (is_new)
        log_set(entry);
    else
        log_write(key.text, offset, data);
    reply_number(&c->reply, entry->value->size);
}

void run_append(struct call *c)
{
    struct key key = key_at(c, 1);
    struct entry *entry = find(key);
    write_at(c, entry, key, entry ? entry->value->size : 0, arg(c, 2));
}

void run_setrange(struct call *c)
{
    int64_t offset;
    struct key key = key_at(c, 1);
    struct text data = arg(c, 3);
    struct entry *entry = find(key);
    if (!arg_number(c, 2, &offset))
        return;
    if (offset < 0)
        reply_error(&c->reply, "ERR offset is out of range");
    else if (data.size == 0)
        reply_number(&c->reply, entry ? entry->value->size : 0);
    else
        write_at(c, entry, key, offset < RESP_BULK ? (size_t)offset : RESP_BULK, data);
}

/* Counted from the end, if it is negative, and not before the beginning. */
static int64_t place(int64_t number, size_t size)
{
    if (number < 0)
        number = number < -(int64_t)size ? 0 : number + (int64_t)size;
    return number;
}

void run_getrange(struct call *c)
{
    int64_t first, last;
    if (!arg_number(c, 2, &first) || !arg_number(c, 3, &last))
        return;
    const struct entry *entry = find(key_at(c, 1));
    struct text all = entry ? value_text(entry->value) : TEXT(""), part = TEXT("");
    bool is_empty = first < 0 && last < 0 && first > last;
    first = place(first, all.size);
    last = place(last, all.size);
    if (last >= (int64_t)all.size)
        last = (int64_t)all.size - 1;
    if (!is_empty && first <= last)
        part = (struct text){all.data + first, (size_t)(last - first + 1)};
    reply_bulk(&c->reply, part);
}

void run_strlen(struct call *c)
{
    const struct entry *entry = find(key_at(c, 1));
    reply_number(&c->reply, entry ? entry->value->size : 0);
}
