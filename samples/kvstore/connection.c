/* SPDX-License-Identifier: MIT */
/* Commands about the connection itself. */
#include "kvstore/command.h"
#include <stdio.h>

void run_ping(struct call *c)
{
    const struct client *client = client_of(c->h);
    if (c->argc > 2) {
        reply_error(&c->reply, "ERR wrong number of arguments for 'ping' command");
    } else if (client && client->channel_count && client->protocol == 2) {
        reply_array(&c->reply, 2);
        reply_bulk(&c->reply, TEXT("pong"));
        reply_bulk(&c->reply, c->argc == 2 ? arg(c, 1) : TEXT(""));
    } else if (c->argc == 2) {
        reply_bulk(&c->reply, arg(c, 1));
    } else {
        reply_text(&c->reply, TEXT("+PONG\r\n"));
    }
}

void run_echo(struct call *c)
{
    reply_bulk(&c->reply, arg(c, 1));
}

void run_select(struct call *c)
{
    int64_t number;
    if (!number_read(arg(c, 1), &number))
        reply_error(&c->reply, "ERR value is not an integer or out of range");
    else if (number < 0 || number >= DATABASES)
        reply_error(&c->reply, "ERR DB index is out of range");
    else
        reply_ok(&c->reply);
}

void run_quit(struct call *c)
{
    c->ends = true;
    reply_ok(&c->reply);
}

static bool knows_user(struct text user)
{
    return text_is(user, TEXT("default"));
}

/* There are no passwords; so Redis takes any one for its default user. */
void run_auth(struct call *c)
{
    if (c->argc > 3)
        reply_error(&c->reply, "ERR syntax error");
    else if (c->argc == 2)
        reply_error(
            &c->reply,
            "ERR AUTH <password> called without any password configured for the default user. Are you "
            "sure your configuration is correct?");
    else if (!knows_user(arg(c, 1)))
        reply_error(&c->reply, "WRONGPASS invalid username-password pair or user is disabled.");
    else
        reply_ok(&c->reply);
}

/* ---------------------------------------------------------------- CLIENT */

/* Printable, and without spaces. After false the client was told. */
static bool set_name(struct call *c, struct client *client, struct text name)
{
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] < '!' || name.data[i] > '~') {
            reply_error(&c->reply, "ERR Client names cannot contain spaces, newlines or special characters.");
            return false;
        }
    }
    if (name.size > CLIENT_NAME) {
        reply_error(&c->reply, "ERR a client's name has at most %d bytes", CLIENT_NAME);
        return false;
    }
    memcpy(client->name, name.data, name.size);
    client->name[name.size] = '\0';
    return true;
}

static bool is_subcommand(const struct call *c, const char *name, unsigned args)
{
    return c->argc == 2 + args && text_is_word(arg(c, 1), name);
}

void run_client(struct call *c)
{
    struct client *client = client_get(c->h);
    struct text name = arg(c, 1);
    if (!client) {
        reply_no_memory(c);
    } else if (is_subcommand(c, "setname", 1)) {
        if (set_name(c, client, arg(c, 2)))
            reply_ok(&c->reply);
    } else if (is_subcommand(c, "getname", 0)) {
        if (client->name[0])
            reply_string(&c->reply, client->name);
        else
            reply_null(&c->reply);
    } else if (is_subcommand(c, "id", 0)) {
        reply_number(&c->reply, (int64_t)client->id);
    } else if (is_subcommand(c, "setinfo", 2)) {
        reply_ok(&c->reply);
    } else {
        reply_error(&c->reply,
                    "ERR unknown subcommand or wrong number of arguments for '%.*s'; there are SETNAME, "
                    "GETNAME, ID and "
                    "SETINFO",
                    (int)(name.size < 64 ? name.size : 64), name.data);
    }
}

/* ---------------------------------------------------------------- HELLO, RESET */

static void introduce(struct call *c, const struct client *client)
{
    reply_map(&c->reply, 7);
    reply_string(&c->reply, "server");
    reply_string(&c->reply, "kvstore");
    reply_string(&c->reply, "version");
    reply_string(&c->reply, SERVES_AS);
    reply_string(&c->reply, "proto");
    reply_number(&c->reply, client->protocol);
    reply_string(&c->reply, "id");
    reply_number(&c->reply, (int64_t)client->id);
    reply_string(&c->reply, "mode");
    reply_string(&c->reply, "standalone");
    reply_string(&c->reply, "role");
    reply_string(&c->reply, "master");
    reply_string(&c->reply, "modules");
    reply_array(&c->reply, 0);
}

/* After false the client was told. */
static bool read_hello(struct call *c, struct client *client)
{
    for (unsigned i = 2; i < c->argc; i++) {
        if (is_option(c, i, "auth", 2)) {
            if (!knows_user(arg(c, i + 1))) {
                reply_error(&c->reply, "WRONGPASS invalid username-password pair or user is disabled.");
                return false;
            }
            i += 2;
        } else if (is_option(c, i, "setname", 1)) {
            if (!set_name(c, client, arg(c, ++i)))
                return false;
        } else {
            struct text word = arg(c, i);
            reply_error(&c->reply, "ERR Syntax error in HELLO option '%.*s'",
                        (int)(word.size < 64 ? word.size : 64), word.data);
            return false;
        }
    }
    return true;
}

void run_hello(struct call *c)
{
    struct client *client = client_get(c->h);
    int64_t protocol = client ? client->protocol : 2;
    if (!client)
        reply_no_memory(c);
    else if (c->argc > 1 && !number_read(arg(c, 1), &protocol))
        reply_error(&c->reply, "ERR Protocol version is not an integer or out of range");
    else if (protocol != 2 && protocol != 3)
        reply_error(&c->reply, "NOPROTO unsupported protocol version");
    else if (read_hello(c, client)) {
        c->reply.protocol = client->protocol = (int)protocol;
        introduce(c, client);
    }
}

void run_reset(struct call *c)
{
    struct client *client = client_of(c->h);
    if (client) {
        while (client->channel_count)
            pubsub_leave(c->h, client, client->channel_count - 1);
        db_lock();
        watch_end(&client->watcher);
        db_unlock();
        transaction_end(client);
        client->name[0] = '\0';
        c->reply.protocol = client->protocol = 2;
    }
    reply_status(&c->reply, "RESET");
}
