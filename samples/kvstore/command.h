/* SPDX-License-Identifier: MIT */
/* The commands: one table, in which each has a line. */
#ifndef KVSTORE_COMMAND_H
#define KVSTORE_COMMAND_H

#include "kvstore/client.h"
#include "kvstore/log.h"
#include "kvstore/reply.h"
#include "kvstore/resp.h"

#define SERVES_AS "7.0.0" /* the version of Redis whose replies these are */

enum { DATABASES = 1, COMMAND_NAME = 16 };

/* A command that is being run. */
struct call {
    struct ss_handler *h; /* NULL: the command comes from the file */
    const struct command *command;
    const char *base; /* what the places of `args` are counted from */
    const struct resp_arg *args;
    unsigned argc; /* with the command's own name */
    struct reply reply;
    bool locked;  /* the store's lock is held */
    bool touched; /* the store was looked at */
    bool wrote;   /* something was changed that nobody was told of yet */
    bool sweeps;  /* db_sweep is to be called, without the lock */
    bool ends;    /* the connection, after the replies */
};

enum {
    WRITES = 1,     /* changes the data: not when the log has failed */
    GROWS = 2,      /* may need more memory: not when there is none left */
    ALONE = 4,      /* needs no lock, and is not part of transactions */
    QUEUES = 8,     /* is not put off by MULTI */
    SUBSCRIBED = 16 /* may be said by subscribers in RESP2 */
};

struct command {
    char name[COMMAND_NAME];
    int arity; /* arguments, the name included; negative: at least so many */
    unsigned flags;
    void (*run)(struct call *c);
};

static inline struct text arg(const struct call *c, unsigned i)
{
    return (struct text){c->base + c->args[i].at, c->args[i].size};
}

/* The option at `i` is this word, and `more` arguments follow. */
static inline bool is_option(const struct call *c, unsigned i, const char *word, unsigned more)
{
    return text_is_word(arg(c, i), word) && i + more < c->argc;
}

/* Runs what the arguments say: now, or with EXEC. Replies go to c->reply. */
void command_run(struct call *c);
unsigned command_count(void);
/* Runs c->command with the store's lock. */
void command_run_locked(struct call *c);
/* log_apply: what the log says. */
const char *command_apply(const struct resp *r, const char *data);

/* Keys with their hashes. */
struct key {
    struct text text;
    uint64_t hash;
};
static inline struct key key_at(const struct call *c, unsigned i)
{
    struct text text = arg(c, i);
    return (struct key){text, hash_bytes(text.data, text.size)};
}
/* The client has to be told something for which there is no memory. */
void reply_no_memory(struct call *c);
/* Reads an integer; after false the client was told. */
bool arg_number(struct call *c, unsigned i, int64_t *number);
/* The time at which something expires, of a number of seconds (or ms), from now on or not; false as above. */
bool arg_time(struct call *c, unsigned i, bool seconds, bool relative, int64_t *when);

/* strings.c */
void run_get(struct call *c), run_set(struct call *c), run_setnx(struct call *c), run_setex(struct call *c),
    run_psetex(struct call *c), run_getset(struct call *c), run_getdel(struct call *c),
    run_incr(struct call *c), run_decr(struct call *c), run_incrby(struct call *c),
    run_decrby(struct call *c), run_append(struct call *c), run_strlen(struct call *c),
    run_mget(struct call *c), run_mset(struct call *c), run_setrange(struct call *c),
    run_getrange(struct call *c);
/* keys.c */
void run_del(struct call *c), run_exists(struct call *c), run_type(struct call *c),
    run_expire(struct call *c), run_pexpire(struct call *c), run_expireat(struct call *c),
    run_pexpireat(struct call *c), run_ttl(struct call *c), run_pttl(struct call *c),
    run_persist(struct call *c), run_keys(struct call *c), run_scan(struct call *c),
    run_dbsize(struct call *c), run_flush(struct call *c);
/* transactions.c */
void run_multi(struct call *c), run_exec(struct call *c), run_discard(struct call *c),
    run_watch(struct call *c), run_unwatch(struct call *c);
/* Puts c's command into the transaction. */
void transaction_queue(struct call *c);
/* A command of a transaction was none: EXEC will say so. */
void transaction_spoil(struct call *c);
void transaction_end(struct client *client);
/* pubsub.c */
void run_subscribe(struct call *c), run_unsubscribe(struct call *c), run_publish(struct call *c);
/* Ends the client's subscription at this place. */
void pubsub_leave(struct ss_handler *h, struct client *client, unsigned place);
/* What others have published: all that has come. 0 or -errno. */
int pubsub_pass_on(struct call *c);
/* connection.c */
void run_ping(struct call *c), run_echo(struct call *c), run_select(struct call *c), run_quit(struct call *c),
    run_hello(struct call *c), run_client(struct call *c), run_reset(struct call *c),
    run_auth(struct call *c);
/* server.c */
void run_info(struct call *c), run_command(struct call *c), run_config(struct call *c),
    run_rewrite(struct call *c);

#endif
