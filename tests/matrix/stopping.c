/* SPDX-License-Identifier: MIT */
/* Checks of how a server ends. */
#include "matrix.h"
#include <stdio.h>
#include <string.h>

enum { SHORT_TIMEOUT = 300 }; /* ms: shutdown_timeout where it is to be reached */

/* A third of them are parked; a few wait in a handler that had something to do (each takes one of a
   pool's threads); the others have said nothing yet. As far as the model can serve them. */
static const char *idle_clients(struct trial *t)
{
    char reply[2];
    for (int i = 0; i < IDLE; i++) {
        int fd = client(t);
        if (fd < 0)
            return "no connection for an idle client";
        if (t->model->streams && i >= t->model->streams)
            continue;
        if (i < IDLE / 3 ? !exchange(t, fd, "p\n", 2, reply, 2)
                         : i < IDLE / 3 + 3 && !exchange(t, fd, "e", 1, reply, 1))
            return "no answer for an idle client";
    }
    return NULL;
}

/* One that the server takes during the drain may still have something to say, and is given a moment for it.
 */
static bool are_taken(const struct trial *t, int wanted)
{
    for (uint64_t end = ss_now() + PATIENCE; ss_now() < end && t->shared->taken < wanted; poll(NULL, 0, 1))
        ;
    return t->shared->taken >= wanted;
}

static const char *check_idle(struct trial *t)
{
    const char *wrong = launch(t);
    int before = t->shared->taken;
    if (!wrong && t->place->stream)
        wrong = idle_clients(t);
    if (wrong)
        return wrong;
    if (t->place->stream && !t->model->streams && !are_taken(t, before + IDLE))
        return "not all idle clients are served";
    uint64_t start = ss_now();
    tell(t);
    for (int i = 0; i < t->client_count; i++)
        if (!at_end(t->clients[i], AT_ONCE))
            return because("idle client %d is not let go at once", i);
    if ((wrong = ended(t, 0, 0)))
        return wrong;
    t->idle_ms = (int)(ss_now() - start);
    return t->idle_ms < AT_ONCE ? NULL : because("%d ms", t->idle_ms);
}

/* What is in progress goes on, while idle clients leave and new ones are refused. A server that does
   one thing at a time does not look after those in its queue meanwhile. */
static const char *during_drain(struct trial *t, int idle)
{
    bool busy = t->place->stream && t->model->streams;
    if (idle >= 0 && !at_end(idle, AT_ONCE))
        return "an idle client must wait for a busy one";
    if (!busy && t->place->stream && !nobody_listens(t, AT_ONCE))
        return "clients can still connect";
    return NULL;
}

static const char *check_drain(struct trial *t)
{
    static char answer[BIG_ANSWER];
    size_t size = t->place->stream ? BIG_ANSWER : 1000;
    char byte;
    const char *wrong = launch(t);
    if (wrong)
        return wrong;
    int slow = client(t), idle = -1;
    if (slow < 0 || !send_all(t, slow, "s", 1) || !expect_event(t, 's'))
        return "the request does not begin";
    if (t->place->stream && !t->model->streams)
        if ((idle = client(t)) < 0 || !exchange(t, idle, "e", 1, &byte, 1))
            return "no answer beside a busy client";
    tell(t);
    if (!expect_event(t, 'd'))
        return "the drain does not begin, or cuts the request short";
    if ((wrong = during_drain(t, idle)))
        return wrong;
    open_gate(t);
    if (!exchange(t, slow, NULL, 0, answer, size) || memchr(answer, 's', size) != answer ||
        answer[size - 1] != 's')
        return "the answer in progress is not complete";
    if (t->place->stream && !at_end(slow, PATIENCE))
        return "the connection stays open";
    return ended(t, 0, 0);
}

static const char *get_stuck(struct trial *t)
{
    const char *wrong = launch(t);
    if (wrong)
        return wrong;
    int fd = client(t);
    if (fd < 0 || !send_all(t, fd, "x", 1) || !expect_event(t, 'x'))
        return "the request does not begin";
    tell(t);
    return expect_event(t, 'd') ? NULL : "the drain does not begin";
}

static const char *check_timeout(struct trial *t)
{
    t->shutdown_timeout = SHORT_TIMEOUT;
    const char *wrong = get_stuck(t);
    uint64_t start = ss_now();
    if (wrong)
        return wrong;
    if (!expect_event(t, 'c'))
        return "the wait does not end with -ECANCELED";
    int took = (int)(ss_now() - start);
    if ((wrong = ended(t, 0, 0)))
        return wrong;
    return took > SHORT_TIMEOUT / 2 && took < SHORT_TIMEOUT + AT_ONCE ? NULL : because("%d ms", took);
}

static const char *check_cancel(struct trial *t)
{
    t->shutdown_timeout = 10 * PATIENCE;
    const char *wrong = get_stuck(t);
    uint64_t start = ss_now();
    if (wrong)
        return wrong;
    tell(t);
    if (!expect_event(t, 'c'))
        return "the wait does not end with -ECANCELED";
    if ((wrong = ended(t, 130, 0)))
        return wrong;
    return ss_now() - start < AT_ONCE ? NULL : "it takes too long";
}

static const char *check_quit(struct trial *t)
{
    char reply[3];
    const char *wrong = launch(t);
    if (wrong)
        return wrong;
    int fd = client(t);
    if (fd < 0 || !exchange(t, fd, "q", 1, reply, 3) || memcmp(reply, "bye", 3) != 0)
        return "no answer";
    return ended(t, 0, 0);
}

const struct check stopping_checks[] = {{"idle clients at shutdown", check_idle},
                                        {"drain with a request in flight", check_drain},
                                        {"shutdown_timeout", check_timeout},
                                        {"cancel", check_cancel},
                                        {"shutdown in a handler", check_quit},
                                        {"create and close", check_cycles},
                                        {NULL, NULL}};
