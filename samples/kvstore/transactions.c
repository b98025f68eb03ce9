/* SPDX-License-Identifier: MIT */
/* MULTI, EXEC and what belongs to them. */
#include "kvstore/command.h"
#include <errno.h>
#include <stdlib.h>

enum { QUEUED = 16384 /* commands of a transaction */, QUEUED_SIZE = 64 << 20 /* and their bytes */ };

/* A command that waits for EXEC, and behind it its arguments and their bytes. */
struct queued {
    struct queued *next;
    const struct command *command;
    unsigned argc;
    struct resp_arg args[];
};

static struct queued *copy_of(const struct call *c, size_t size)
{
    struct queued *q = malloc(sizeof *q + size);
    if (!q)
        return NULL;
    char *bytes = (char *)(q->args + c->argc);
    q->next = NULL;
    q->command = c->command;
    q->argc = c->argc;
    uint32_t at = 0;
    for (unsigned i = 0; i < c->argc; i++) {
        struct text text = arg(c, i);
        q->args[i] = (struct resp_arg){at, (uint32_t)text.size};
        memcpy(bytes + at, text.data, text.size);
        at += (uint32_t)text.size;
    }
    return q;
}

void transaction_spoil(struct call *c)
{
    struct client *client = client_of(c->h);
    if (client && client->in_transaction)
        client->spoilt = true;
}

void transaction_queue(struct call *c)
{
    struct client *client = client_of(c->h);
    size_t size = c->argc * sizeof(struct resp_arg);
    for (unsigned i = 0; i < c->argc; i++)
        size += c->args[i].size;
    bool fits = client->queued < QUEUED && size <= QUEUED_SIZE - client->queued_size;
    struct queued *q = fits && !(c->command->flags & ALONE) ? copy_of(c, size) : NULL;
    if (q) {
        *client->last = q;
        client->last = &q->next;
        client->queued++;
        client->queued_size += size;
        reply_status(&c->reply, "QUEUED");
        return;
    }
    client->spoilt = true;
    if (c->command->flags & ALONE)
        reply_error(&c->reply, "ERR Command not allowed inside a transaction");
    else if (fits)
        reply_no_memory(c);
    else
        reply_error(&c->reply, "ERR the transaction is longer than %d commands, or %d bytes", QUEUED,
                    QUEUED_SIZE);
}

void transaction_end(struct client *client)
{
    for (struct queued *q = client->first, *next; q; q = next) {
        next = q->next;
        free(q);
    }
    client->first = NULL;
    client->last = &client->first;
    client->queued = 0;
    client->queued_size = 0;
    client->in_transaction = client->spoilt = false;
}

/* ---------------------------------------------------------------- commands */

void run_multi(struct call *c)
{
    struct client *client = client_get(c->h);
    if (!client) {
        reply_no_memory(c);
    } else if (client->in_transaction) {
        reply_error(&c->reply, "ERR MULTI calls can not be nested");
    } else {
        client->in_transaction = true;
        reply_ok(&c->reply);
    }
}

static void run_all(struct call *c, const struct client *client)
{
    bool begun = log_begin();
    reply_array(&c->reply, client->queued);
    for (const struct queued *q = client->first; q; q = q->next) {
        c->command = q->command;
        c->base = (const char *)(q->args + q->argc);
        c->args = q->args;
        c->argc = q->argc;
        command_run_locked(c);
    }
    log_end(begun);
}

/* For a key that is watched, and has expired meanwhile: to look for it deletes it, which is a change. */
static void look_for(struct text key, uint64_t hash)
{
    (void)db_find(key, hash);
}

void run_exec(struct call *c)
{
    struct client *client = client_of(c->h);
    if (!client || !client->in_transaction) {
        reply_error(&c->reply, "ERR EXEC without MULTI");
        return;
    }
    watch_each(&client->watcher, look_for);
    if (client->spoilt)
        reply_error(&c->reply, "EXECABORT Transaction discarded because of previous errors.");
    else if (client->watcher.touched)
        reply_null_array(&c->reply);
    else
        run_all(c, client);
    watch_end(&client->watcher);
    transaction_end(client);
}

void run_discard(struct call *c)
{
    struct client *client = client_of(c->h);
    if (!client || !client->in_transaction) {
        reply_error(&c->reply, "ERR DISCARD without MULTI");
        return;
    }
    watch_end(&client->watcher);
    transaction_end(client);
    reply_ok(&c->reply);
}

void run_watch(struct call *c)
{
    struct client *client = client_get(c->h);
    int rc = client ? 0 : -ENOMEM;
    if (client && client->in_transaction) {
        reply_error(&c->reply, "ERR WATCH inside MULTI is not allowed");
        return;
    }
    for (unsigned i = 1; rc == 0 && i < c->argc; i++) {
        struct key key = key_at(c, i);
        (void)db_find(key.text, key.hash); /* if it has expired, this is no change any more */
        rc = watch_add(&client->watcher, key.text, key.hash);
    }
    if (rc == 0)
        reply_ok(&c->reply);
    else if (rc == -ENOBUFS)
        reply_error(&c->reply, "ERR too many keys are watched: %d is the most of a client, %d of all",
                    WATCHES, ALL_WATCHES);
    else
        reply_no_memory(c);
}

void run_unwatch(struct call *c)
{
    struct client *client = client_of(c->h);
    if (client)
        watch_end(&client->watcher);
    reply_ok(&c->reply);
}
