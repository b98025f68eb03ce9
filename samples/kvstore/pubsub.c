/* SPDX-License-Identifier: MIT */
/* SUBSCRIBE and PUBLISH, over the channels of the framework. Their names are strings of 64 bytes at most: a
   longer one, or one with a NUL in it, is named by two hashes. The name itself is in the message, before its
   text. */
#include "kvstore/command.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { HASHED = 1 /* the first byte of such a name */ };

static const char *channel_name(struct text channel, char name[SS_MAX_CHANNEL_NAME + 1])
{
    bool plain = channel.size > 0 && channel.size <= SS_MAX_CHANNEL_NAME && channel.data[0] != HASHED &&
                 !memchr(channel.data, '\0', channel.size);
    if (plain)
        snprintf(name, SS_MAX_CHANNEL_NAME + 1, "%.*s", (int)channel.size, channel.data);
    else
        snprintf(name, SS_MAX_CHANNEL_NAME + 1, "%c%016llx%016llx", HASHED,
                 (unsigned long long)hash_bytes(channel.data, channel.size),
                 (unsigned long long)hash_bytes_again(channel.data, channel.size));
    return name;
}

/* ---------------------------------------------------------------- subscribers */

/* Its place, or the number of channels. */
static unsigned find(const struct client *client, struct text channel)
{
    unsigned i = 0;
    while (i < client->channel_count && !text_is(*client->channels[i], channel))
        i++;
    return i;
}

static struct text *copy_of(struct text channel)
{
    struct text *copy = malloc(sizeof *copy + channel.size);
    if (copy) {
        *copy = (struct text){(char *)(copy + 1), channel.size};
        memcpy(copy + 1, channel.data, channel.size);
    }
    return copy;
}

/* One who only listens does not learn otherwise that the other side has gone. */
static void keep_alive(const struct ss_handler *h)
{
    (void)setsockopt(h->request->fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
}

static int subscribe(struct ss_handler *h, struct client *client, struct text channel)
{
    char name[SS_MAX_CHANNEL_NAME + 1];
    if (find(client, channel) < client->channel_count)
        return 0;
    struct text *copy = client->channel_count < CHANNELS ? copy_of(channel) : NULL;
    if (!copy)
        return client->channel_count < CHANNELS ? -ENOMEM : -ENOBUFS;
    int rc = ss_subscribe(h, channel_name(channel, name), SS_END);
    if (rc < 0) {
        free(copy);
        return rc;
    }
    if (client->channel_count == 0)
        keep_alive(h);
    client->channels[client->channel_count++] = copy;
    return 0;
}

static void confirm(struct call *c, const char *what, const struct text *channel)
{
    const struct client *client = client_of(c->h);
    reply_push(&c->reply, 3);
    reply_string(&c->reply, what);
    if (channel)
        reply_bulk(&c->reply, *channel);
    else
        reply_null(&c->reply);
    reply_number(&c->reply, client ? client->channel_count : 0);
}

void run_subscribe(struct call *c)
{
    struct client *client = client_get(c->h);
    for (unsigned i = 1; i < c->argc; i++) {
        struct text channel = arg(c, i);
        int rc = client ? subscribe(c->h, client, channel) : -ENOMEM;
        if (rc == 0)
            confirm(c, "subscribe", &channel);
        else if (rc == -ENOBUFS)
            reply_error(&c->reply, "ERR too many subscriptions: %d is the most of a connection", CHANNELS);
        else
            reply_error(&c->reply, "ERR cannot subscribe: %s", strerror(-rc));
    }
}

void pubsub_leave(struct ss_handler *h, struct client *client, unsigned place)
{
    char name[SS_MAX_CHANNEL_NAME + 1];
    (void)ss_unsubscribe(h, channel_name(*client->channels[place], name));
    free(client->channels[place]);
    client->channels[place] = client->channels[--client->channel_count];
}

static void unsubscribe_last(struct call *c, struct client *client)
{
    unsigned last = client->channel_count - 1;
    struct text *copy = copy_of(*client->channels[last]);
    pubsub_leave(c->h, client, last);
    confirm(c, "unsubscribe", copy);
    free(copy);
}

void run_unsubscribe(struct call *c)
{
    struct client *client = client_of(c->h);
    if (c->argc == 1 && (!client || !client->channel_count))
        confirm(c, "unsubscribe", NULL);
    while (c->argc == 1 && client && client->channel_count)
        unsubscribe_last(c, client);
    for (unsigned i = 1; i < c->argc; i++) {
        struct text channel = arg(c, i);
        unsigned place = client ? find(client, channel) : 0;
        if (client && place < client->channel_count)
            pubsub_leave(c->h, client, place);
        confirm(c, "unsubscribe", &channel);
    }
}

/* ---------------------------------------------------------------- messages */

void run_publish(struct call *c)
{
    char name[SS_MAX_CHANNEL_NAME + 1];
    struct text channel = arg(c, 1), text = arg(c, 2);
    uint32_t size = (uint32_t)channel.size;
    struct buffer message = {0};
    int rc = -EMSGSIZE;
    if (sizeof size + channel.size + text.size <= SS_MAX_MESSAGE) {
        rc = -ENOMEM;
        if (buffer_add(&message, &size, sizeof size) && buffer_add(&message, channel.data, channel.size) &&
            buffer_add(&message, text.data, text.size))
            rc = ss_publish(c->h->server, channel_name(channel, name), message.data, message.size);
    }
    buffer_free(&message);
    if (rc >= 0)
        reply_number(&c->reply, rc);
    else if (rc == -EMSGSIZE)
        reply_error(&c->reply, "ERR a message, with its channel's name, has at most %d bytes",
                    SS_MAX_MESSAGE - (int)sizeof size);
    else
        reply_error(&c->reply, "ERR cannot publish: %s", strerror(-rc));
}

static void pass_on(struct call *c, const struct client *client, const struct ss_message *message)
{
    uint32_t size;
    memcpy(&size, message->data, sizeof size);
    struct text channel = {message->data + sizeof size, size};
    if (find(client, channel) == client->channel_count)
        return; /* it has unsubscribed meanwhile */
    reply_push(&c->reply, 3);
    reply_bulk(&c->reply, TEXT("message"));
    reply_bulk(&c->reply, channel);
    reply_bulk(&c->reply, (struct text){channel.data + size, message->size - sizeof size - size});
}

int pubsub_pass_on(struct call *c)
{
    const struct client *client = client_of(c->h);
    struct ss_message message;
    int rc = client && client->channel_count ? 0 : -EAGAIN;
    while (rc == 0 && (rc = ss_receive(c->h, &message)) == 0) {
        pass_on(c, client, &message);
        rc = reply_send(&c->reply);
    }
    return rc == -EAGAIN ? 0 : rc;
}
