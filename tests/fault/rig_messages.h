/* SPDX-License-Identifier: MIT */
/* Those commands of rig.c that are about messages. */
#ifndef RIG_MESSAGES_H
#define RIG_MESSAGES_H

#include "socketserver.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tell_ref(struct ss_handler *h, char *none)
{
    struct ss_ref ref;
    int rc = ss_ref(h, &ref);
    (void)none;
    return rc < 0 ? rc : ss_printf(h->wfile, "%" PRIu64 " %" PRIu32 "\n", ref.number, ref.place);
}

static int post(struct ss_handler *h, char *text)
{
    char *end;
    struct ss_ref ref = {.number = strtoull(text, &end, 10)};
    ref.place = (uint32_t)strtoul(end, &end, 10);
    int rc = ss_post(h->server, ref, end, strlen(end));
    return rc < 0 ? rc : say(h, "posted");
}

static int receive(struct ss_handler *h)
{
    struct ss_message message;
    int rc = ss_receive(h, &message);
    return rc < 0 ? rc : ss_printf(h->wfile, "got %.*s\n", (int)message.size, message.data);
}

static int wait_for_message(struct ss_handler *h, char *none)
{
    (void)none;
    int rc = ss_wait(h, SS_MESSAGE | SS_INPUT, TIMEOUT);
    return rc < 0 ? rc : rc == 0 ? -ETIMEDOUT : receive(h);
}

static void handle_message(struct ss_server *self, const struct ss_message *message)
{
    struct ss_ref from;
    memcpy(&from, message->data, sizeof from);
    const char *text = message->data + sizeof from;
    int rc = ss_post(self, from, text, strlen(text));
    if (rc < 0)
        fprintf(stderr, "rig: a message to the server has failed: %s\n", strerrorname_np(-rc));
}

static int subscribe(struct ss_handler *h, char *channel)
{
    int rc = ss_subscribe(h, channel, SS_DROP_OLDEST);
    return rc < 0 ? rc : say(h, "subscribed");
}

static int unsubscribe(struct ss_handler *h, char *channel)
{
    int rc = ss_unsubscribe(h, channel);
    return rc < 0 ? rc : say(h, "unsubscribed");
}

static int publish(struct ss_handler *h, char *channel)
{
    int rc = ss_publish(h->server, channel, "news", 4);
    return rc < 0 ? rc : ss_printf(h->wfile, "%d\n", rc);
}

static int count_subscribers(struct ss_handler *h, char *channel)
{
    int rc = ss_subscribers(h->server, channel);
    return rc < 0 ? rc : ss_printf(h->wfile, "%d\n", rc);
}

#endif
