/* SPDX-License-Identifier: MIT */
/* Checks of messages: between connections, and late replies. */
#include "matrix.h"
#include <stdio.h>
#include <string.h>

enum { GUESTS = 10 };

static bool reads(const struct trial *t, int fd, const char *text)
{
    char data[100];
    size_t size = strlen(text);
    return exchange(t, fd, NULL, 0, data, size) && memcmp(data, text, size) == 0;
}

/* Every other one waits in its handler, the rest are parked. */
static const char *join(struct trial *t, int guests)
{
    static const char joined[] = "joined\n";
    for (int i = 0; i < guests; i++) {
        char reply[sizeof joined - 1];
        int fd = client(t);
        if (fd < 0 || !exchange(t, fd, i % 2 ? "k\n" : "c\n", 2, reply, sizeof reply) ||
            memcmp(reply, joined, sizeof reply) != 0)
            return because("guest %d does not come in", i);
    }
    return NULL;
}

static int guests_of(const struct trial *t, int wanted)
{
    return t->model->streams && t->model->streams < wanted ? t->model->streams : wanted;
}

static const char *heard_by_others(struct trial *t, int guests, int speaker, const char *line)
{
    for (int i = 0; i < guests; i++)
        if (i != speaker && !reads(t, t->clients[i], line))
            return because("guest %d does not read what %d has said", i, speaker);
    return NULL;
}

static const char *all_say(struct trial *t, int guests)
{
    const char *wrong = NULL;
    for (int i = 0; i < guests && !wrong; i++) {
        char line[40];
        int n = snprintf(line, sizeof line, "I am %d\n", i);
        wrong =
            send_all(t, t->clients[i], line, (size_t)n) ? heard_by_others(t, guests, i, line) : "cannot say";
    }
    return wrong;
}

/* One has typed half a line, and hears the others meanwhile. */
static const char *half_typed(struct trial *t, int guests)
{
    const char *wrong;
    for (int i = 0; i < guests; i++)
        if (!send_all(t, t->clients[i], "half", 4))
            return "cannot type";
    for (int i = 0; i < guests; i++)
        if (!send_all(t, t->clients[i], " a line\n", 8))
            return "cannot type on";
        else if ((wrong = heard_by_others(t, guests, i, "half a line\n")))
            return wrong;
    return NULL;
}

/* All are let go at once; those that are parked hear a good-bye. */
static const char *leave(struct trial *t, int guests)
{
    uint64_t start = ss_now();
    tell(t);
    for (int i = 0; i < guests; i++)
        if ((i % 2 && !reads(t, t->clients[i], "bye\n")) || !at_end(t->clients[i], AT_ONCE))
            return because("guest %d is not let go at once", i);
    const char *wrong = ended(t, 0, 0);
    return wrong ? wrong : ss_now() - start < AT_ONCE ? NULL : because("%d ms", (int)(ss_now() - start));
}

static const char *check_chat(struct trial *t)
{
    int guests = guests_of(t, GUESTS);
    const char *wrong = t->place->stream ? launch(t) : NOT_APPLICABLE;
    if (!wrong)
        wrong = join(t, guests);
    for (int round = 0; round < 3 && !wrong; round++)
        if (!(wrong = all_say(t, guests)))
            wrong = half_typed(t, guests);
    return wrong ? wrong : leave(t, guests);
}

static const char *check_idle_chats(struct trial *t)
{
    int guests = guests_of(t, IDLE);
    const char *wrong = t->place->stream ? launch(t) : NOT_APPLICABLE;
    if (!wrong)
        wrong = join(t, guests);
    return wrong ? wrong : leave(t, guests);
}

/* To a handler that waits, and to a connection that is parked. */
static const char *check_replies(struct trial *t)
{
    const char *wrong = launch(t);
    for (int i = 0; i < 4 && !wrong; i++) {
        bool parks = i % 2 && t->place->stream;
        int fd = client(t);
        if (fd < 0 || !send_all(t, fd, parks ? "L" : "l", 1) || !reads(t, fd, "late"))
            wrong = because("no reply to one that %s", parks ? "is parked" : "waits");
        else if (t->place->stream && !at_end(fd, PATIENCE))
            wrong = "the connection stays open";
    }
    return wrong ? wrong : stop(t);
}

const struct check talking_checks[] = {{"chat", check_chat},
                                       {"idle chats at shutdown", check_idle_chats},
                                       {"late replies", check_replies},
                                       {NULL, NULL}};
