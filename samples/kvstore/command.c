/* SPDX-License-Identifier: MIT */
#include "kvstore/command.h"
#include <errno.h>
#include <stdio.h>

/* ---------------------------------------------------------------- which one? */

enum { SLOTS = 256 /* a power of two */ };
static const struct command commands[];
static const struct command *slots[SLOTS];

static unsigned slot_of(const char *name, size_t size)
{
    unsigned hash = (unsigned)size;
    for (size_t i = 0; i < size; i++)
        hash = hash * 31 + (name[i] | 0x20);
    return hash % SLOTS;
}

unsigned command_count(void)
{
    unsigned count = 0;
    while (commands[count].run)
        count++;
    return count;
}

/* Before there are threads. */
__attribute__((constructor)) static void fill_slots(void)
{
    for (const struct command *command = commands; command->run; command++) {
        unsigned slot = slot_of(command->name, strlen(command->name));
        while (slots[slot])
            slot = (slot + 1) % SLOTS;
        slots[slot] = command;
    }
}

/* The letters of `name` are small. */
static inline bool is_name(struct text text, const char *name)
{
    for (size_t i = 0; i < text.size; i++)
        if ((text.data[i] | 0x20) != name[i])
            return false;
    return name[text.size] == '\0';
}

static const struct command *find(struct text name)
{
    if (name.size >= COMMAND_NAME)
        return NULL;
    for (unsigned slot = slot_of(name.data, name.size); slots[slot]; slot = (slot + 1) % SLOTS)
        if (is_name(name, slots[slot]->name))
            return slots[slot];
    return NULL;
}

/* ---------------------------------------------------------------- arguments */

void reply_no_memory(struct call *c)
{
    reply_error(&c->reply, "OOM there is not enough memory for that");
}

bool arg_number(struct call *c, unsigned i, int64_t *number)
{
    bool is_one = number_read(arg(c, i), number);
    if (!is_one)
        reply_error(&c->reply, "ERR value is not an integer or out of range");
    return is_one;
}

bool arg_time(struct call *c, unsigned i, bool seconds, bool relative, int64_t *when)
{
    int64_t number, base = relative ? db_now() : 0;
    if (!arg_number(c, i, &number))
        return false;
    if (__builtin_mul_overflow(number, seconds ? 1000 : 1, &number) ||
        __builtin_add_overflow(number, base, when)) {
        reply_error(&c->reply, "ERR invalid expire time in '%s' command", c->command->name);
        return false;
    }
    return true;
}

/* ---------------------------------------------------------------- running it */

static void say_unknown(struct call *c)
{
    char args[300] = "";
    size_t size = 0;
    struct text name = arg(c, 0);
    for (unsigned i = 1; i < c->argc && size < 128; i++) {
        struct text text = arg(c, i);
        size += (size_t)snprintf(args + size, sizeof args - size, "'%.*s' ",
                                 (int)(text.size < 128 ? text.size : 128), text.data);
    }
    reply_error(&c->reply, "ERR unknown command '%.*s', with args beginning with: %s",
                (int)(name.size < 128 ? name.size : 128), name.data, args);
}

static void say_subscribed(struct call *c)
{
    reply_error(
        &c->reply,
        "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
        "this context",
        c->command->name);
}

static bool is_subscriber(const struct client *client)
{
    return client && client->channel_count && client->protocol == 2;
}

/* May this command be run at all? After false the client was told. */
static bool is_allowed(struct call *c)
{
    const struct command *command = c->command = find(arg(c, 0));
    if (!command)
        say_unknown(c);
    else if (command->arity > 0 ? (int)c->argc != command->arity : (int)c->argc < -command->arity)
        reply_error(&c->reply, "ERR wrong number of arguments for '%s' command", command->name);
    else if (!(command->flags & SUBSCRIBED) && is_subscriber(client_of(c->h)))
        say_subscribed(c);
    else
        return true;
    transaction_spoil(c);
    return false;
}

static void take_lock(struct call *c, bool locked)
{
    if (c->locked == locked)
        return;
    if (locked)
        db_lock();
    else
        db_unlock();
    c->locked = locked;
    c->touched |= locked;
}

void command_run_locked(struct call *c)
{
    unsigned flags = c->command->flags;
    if (flags & WRITES) {
        if (log_failure()) {
            reply_error(&c->reply, "MISCONF Errors writing to the AOF file: %s", strerror(-log_failure()));
            return;
        }
        c->wrote = true;
    }
    if (flags & GROWS && db_is_full()) {
        reply_error(&c->reply, "OOM command not allowed when used memory > 'maxmemory'.");
        return;
    }
    c->command->run(c);
}

void command_run(struct call *c)
{
    const struct client *client = client_of(c->h);
    if (!is_allowed(c))
        return;
    unsigned flags = c->command->flags;
    if (client && client->in_transaction && !(flags & QUEUES)) {
        transaction_queue(c);
    } else if (flags & ALONE) {
        take_lock(c, false);
        c->command->run(c);
    } else {
        take_lock(c, true);
        command_run_locked(c);
    }
}

/* Commands that change data, and those around them. */
const char *command_apply(const struct resp *r, const char *data)
{
    static char why[160];
    struct call c = {.base = resp_base(r, data), .args = r->args, .argc = r->argc, .locked = true};
    reply_begin(&c.reply, NULL, 2);
    struct text name = arg(&c, 0);
    if (text_is_word(name, "multi") || text_is_word(name, "exec"))
        return NULL;
    if (is_allowed(&c)) {
        if (c.command->flags & WRITES || c.command->run == run_select)
            c.command->run(&c);
        else
            reply_error(&c.reply, "ERR '%s' has no place in a log", c.command->name);
    }
    if (!c.reply.error[0])
        return NULL;
    snprintf(why, sizeof why, "%s", c.reply.error);
    return why;
}

static const struct command commands[] = {
    {"append", 3, WRITES | GROWS, run_append},
    {"auth", -2, ALONE | QUEUES, run_auth},
    {"bgrewriteaof", 1, ALONE, run_rewrite},
    {"client", -2, ALONE, run_client},
    {"command", -1, 0, run_command},
    {"config", -2, 0, run_config},
    {"dbsize", 1, 0, run_dbsize},
    {"decr", 2, WRITES | GROWS, run_decr},
    {"decrby", 3, WRITES | GROWS, run_decrby},
    {"del", -2, WRITES, run_del},
    {"discard", 1, QUEUES, run_discard},
    {"echo", 2, 0, run_echo},
    {"exec", 1, QUEUES, run_exec},
    {"exists", -2, 0, run_exists},
    {"expire", -3, WRITES, run_expire},
    {"expireat", -3, WRITES, run_expireat},
    {"flushall", -1, WRITES, run_flush},
    {"flushdb", -1, WRITES, run_flush},
    {"get", 2, 0, run_get},
    {"getdel", 2, WRITES, run_getdel},
    {"getrange", 4, 0, run_getrange},
    {"getset", 3, WRITES | GROWS, run_getset},
    {"hello", -1, ALONE | QUEUES, run_hello},
    {"incr", 2, WRITES | GROWS, run_incr},
    {"incrby", 3, WRITES | GROWS, run_incrby},
    {"info", -1, ALONE, run_info},
    {"keys", 2, 0, run_keys},
    {"mget", -2, 0, run_mget},
    {"mset", -3, WRITES | GROWS, run_mset},
    {"multi", 1, QUEUES, run_multi},
    {"persist", 2, WRITES, run_persist},
    {"pexpire", -3, WRITES, run_pexpire},
    {"pexpireat", -3, WRITES, run_pexpireat},
    {"ping", -1, SUBSCRIBED, run_ping},
    {"psetex", 4, WRITES | GROWS, run_psetex},
    {"pttl", 2, 0, run_pttl},
    {"publish", 3, 0, run_publish},
    {"quit", -1, ALONE | QUEUES | SUBSCRIBED, run_quit},
    {"reset", 1, ALONE | QUEUES | SUBSCRIBED, run_reset},
    {"scan", -2, 0, run_scan},
    {"select", 2, 0, run_select},
    {"set", -3, WRITES | GROWS, run_set},
    {"setex", 4, WRITES | GROWS, run_setex},
    {"setnx", 3, WRITES | GROWS, run_setnx},
    {"setrange", 4, WRITES | GROWS, run_setrange},
    {"strlen", 2, 0, run_strlen},
    {"subscribe", -2, ALONE | SUBSCRIBED, run_subscribe},
    {"ttl", 2, 0, run_ttl},
    {"type", 2, 0, run_type},
    {"unlink", -2, WRITES, run_del},
    {"unsubscribe", -1, ALONE | SUBSCRIBED, run_unsubscribe},
    {"unwatch", 1, 0, run_unwatch},
    {"watch", -2, QUEUES, run_watch},
    {"", 0, 0, NULL},
};
