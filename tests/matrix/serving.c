/* SPDX-License-Identifier: MIT */
/* Checks of a server that serves. */
#include "matrix.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char NOT_APPLICABLE[] = "not applicable";

/* From one byte to what a megabyte needs: many turns through every buffer, or the largest datagram. */
static const char *check_echo(struct trial *t)
{
    static const size_t sizes[] = {1, 2, 1000, 16383, 16384, 16385, 60000, 100000, 1 << 20};
    const char *wrong = launch(t);
    for (size_t i = 0; !wrong && i < sizeof sizes / sizeof *sizes; i++)
        if ((t->place->stream || sizes[i] <= 60000) && !echo(t, sizes[i]))
            wrong = because("%zu bytes do not come back", sizes[i]);
    return wrong ? wrong : stop(t);
}

/* Each sends a line and gets it back, while all are connected. */
static const char *crowd_round(struct trial *t, int round)
{
    char line[40], reply[40];
    for (int i = 0; i < CROWD; i++) {
        int n = snprintf(line, sizeof line, "p client %d, round %d\n", i, round);
        if (!send_all(t, t->clients[i], line, (size_t)n))
            return because("client %d cannot send in round %d", i, round);
    }
    for (int i = 0; i < CROWD; i++) {
        int n = snprintf(line, sizeof line, "p client %d, round %d\n", i, round);
        if (!exchange(t, t->clients[i], NULL, 0, reply, (size_t)n) || memcmp(reply, line, (size_t)n) != 0)
            return because("client %d has no answer in round %d", i, round);
    }
    return NULL;
}

static const char *check_crowd(struct trial *t)
{
    const char *wrong;
    if (t->place->stream && t->model->streams)
        return NOT_APPLICABLE;
    wrong = launch(t);
    for (int i = 0; !wrong && i < CROWD; i++)
        if (client(t) < 0)
            wrong = because("client %d: %s", i, strerror(errno));
    for (int round = 1; !wrong && round <= 3; round++)
        wrong = crowd_round(t, round);
    close_clients(t);
    return wrong ? wrong : stop(t);
}

/* A client goes while its request is being read, or answered. */
static bool lose_stream(struct trial *t, char command, size_t size, bool reset)
{
    char data[20000];
    int fd = client(t);
    memset(data, command, sizeof data);
    bool good = fd >= 0 && send_all(t, fd, data, size) && exchange(t, fd, NULL, 0, data, 1);
    vanish(t, fd, reset);
    return good && echo(t, 1);
}

static bool lose_datagram(struct trial *t)
{
    int fd = client(t);
    bool good = fd >= 0 && send_all(t, fd, "w", 1);
    vanish(t, fd, false);
    return good && echo(t, 1);
}

static const char *check_vanish(struct trial *t)
{
    const char *wrong = launch(t);
    for (int round = 0; !wrong && round < 3; round++) {
        if (t->place->stream) {
            for (int reset = 0; reset < 2 && !wrong; reset++)
                if (!lose_stream(t, 'e', 20000, reset) || !lose_stream(t, 'b', 1, reset))
                    wrong = because("not served after a client has %s", reset ? "reset" : "closed");
        } else if (!lose_datagram(t)) {
            wrong = "not served after a client has gone";
        }
    }
    return wrong ? wrong : stop(t);
}

/* handle_error is told once for each, the client is let go, others are served. */
static const char *check_fail(struct trial *t)
{
    const char *wrong = launch(t);
    for (int i = 1; !wrong && i <= 3; i++) {
        int fd = client(t);
        if (fd < 0 || !send_all(t, fd, "f", 1) || !expect_event(t, 'f'))
            wrong = "handle_error was not called";
        else if (t->shared->failed != i || t->shared->error != -EUCLEAN)
            wrong = because("%d failures, the last %d", t->shared->failed, t->shared->error);
        else if (t->place->stream && !at_end(fd, PATIENCE))
            wrong = "the connection stays open";
        else if (!echo(t, 10))
            wrong = "not served after a failure";
    }
    if (wrong)
        return wrong;
    tell(t);
    return ended(t, 0, 3);
}

static const char *check_verify(struct trial *t)
{
    char byte;
    const char *wrong = launch(t);
    if (wrong)
        return wrong;
    t->shared->refuse = true;
    int fd = client(t);
    if (fd >= 0)
        (void)send_all(t, fd, "e", 1); /* it may be gone by now */
    if (fd < 0 || !expect_event(t, 'v'))
        return "verify_request was not called";
    t->shared->refuse = false;
    if (t->place->stream && !at_end(fd, PATIENCE))
        return "the client was not turned away";
    if (!echo(t, 10))
        return "others are not served";
    if (!t->place->stream && recv(fd, &byte, 1, MSG_DONTWAIT) >= 0)
        return "the client has got an answer";
    if (t->shared->turned_away != 1)
        return because("%d turned away", t->shared->turned_away);
    return stop(t);
}

static const char *check_truncation(struct trial *t)
{
    static const struct {
        size_t size;
        const char *info;
    } rows[] = {{999, "999 0"}, {1000, "1000 0"}, {1001, "1000 1"}, {5000, "1000 1"}, {1, "1 0"}};
    char data[5000], reply[20];
    if (t->place->stream)
        return NOT_APPLICABLE;
    t->max_packet_size = 1000;
    const char *wrong = launch(t);
    memset(data, 'i', sizeof data);
    for (size_t i = 0; !wrong && i < sizeof rows / sizeof *rows; i++) {
        size_t n = strlen(rows[i].info);
        int fd = client(t);
        if (fd < 0 || !exchange(t, fd, data, rows[i].size, reply, n) || memcmp(reply, rows[i].info, n) != 0)
            wrong = because("of %zu bytes the handler has not seen \"%s\"", rows[i].size, rows[i].info);
    }
    return wrong ? wrong : stop(t);
}

const struct check serving_checks[] = {{"echo", check_echo},
                                       {"100 clients at once", check_crowd},
                                       {"client vanishes", check_vanish},
                                       {"handler fails", check_fail},
                                       {"verify_request", check_verify},
                                       {"truncation", check_truncation},
                                       {NULL, NULL}};
