/* SPDX-License-Identifier: MIT */
/* ExplainMixIn: what handlers wait for. */
#include "program/explain_wait.h"
#include "loop/loop.h"
#include "program/commentary.h"
#include "server/core.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The end of the server ends each wait, and is not said each time. */
static bool is_mentioned(const struct ss_server *self, const struct pollfd *fd)
{
    const struct ss_stop *stop = self->core->stop;
    return fd->fd >= 0 && fd->fd != stop->drain[0] && fd->fd != stop->cancel[0] &&
           fd->events & (POLLIN | POLLOUT);
}

static const char *awaited(short events)
{
    return events & POLLIN ? events & POLLOUT ? "input or room" : "input" : "room";
}

/* What it waits for; false: this is the wait of who takes requests, which is the rule. */
static bool describe_wait(const struct ss_server *self, const struct pollfd *fds, nfds_t count, char *text,
                          size_t size)
{
    size_t n = 0;
    for (nfds_t i = 0; i < count; i++) {
        if (fds[i].fd >= 0 && fds[i].fd == explaining_of(self)->listening)
            return false;
        if (n < size && is_mentioned(self, &fds[i]))
            n += (size_t)snprintf(text + n, size - n, "%s%d: %s", n ? ", " : "", fds[i].fd,
                                  awaited(fds[i].events));
    }
    return n > 0;
}

static void say_waits(const struct ss_server *self, const char *what, int ms)
{
    char note[60] = "it waits";
    if (ms >= 0)
        snprintf(note, sizeof note, "it waits, for %d ms at most", ms);
    explain_say(self, (struct remark){.call = "poll", .fd = -1, .with = what, .note = note});
}

static void say_waited(const struct ss_server *self, const char *what, int rc, uint64_t us)
{
    char note[60];
    snprintf(note, sizeof note, "after %llu.%03llu ms", (unsigned long long)us / 1000,
             (unsigned long long)us % 1000);
    explain_result(self, "poll", -1, what, rc, note);
}

static _Thread_local bool in_await; /* outside of loops, where one thread runs one handler at a time */

int explain_poll(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms)
{
    char what[100];
    if (ms == 0 || in_await || !describe_wait(self, fds, count, what, sizeof what))
        return explain_next(self)->poll(self, fds, count, ms);
    uint64_t begun = comment_time();
    say_waits(self, what, ms);
    int rc = explain_next(self)->poll(self, fds, count, ms);
    say_waited(self, what, rc, comment_time() - begun);
    return rc;
}

int explain_await(struct ss_server *self, struct ss_request *request, struct pollfd *fds, nfds_t count,
                  int ms)
{
    char what[120] = "a message, ";
    size_t n = strlen(what);
    (void)describe_wait(self, fds, count, what + n, sizeof what - n);
    uint64_t begun = comment_time();
    say_waits(self, what, ms);
    in_await = !loop_current();
    int rc = explain_next(self)->await(self, request, fds, count, ms);
    in_await = false;
    say_waited(self, what, rc, comment_time() - begun);
    return rc;
}

int explain_offload(struct ss_server *self, int (*function)(void *), void *argument)
{
    explain_note(self, "offload", -1, "what would block is done by somebody else");
    int rc = explain_next(self)->offload(self, function, argument);
    explain_result(self, "offload", -1, NULL, rc, NULL);
    return rc;
}
