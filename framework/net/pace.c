/* SPDX-License-Identifier: MIT */
/* How slow the other side may be. */
#include "net/socket.h"
#include "server/core.h"
#include "server/stop.h"
#include "server/wait.h"
#include <errno.h>
#include <sys/ioctl.h>

/* The wait for room is made in so many steps; after each one it is looked whether something was taken. */
enum { STEPS = 8 };
enum { PAUSE_FOR_OUTPUT = 5 }; /* times `timeout`: players pause, and people read */

static struct socket *paced_socket(struct ss_stream *s)
{
    return container_of(s, struct socket, stream);
}

int output_limit(const struct ss_stream *s)
{
    int input = s->timeout ? *s->timeout : -1, output = s->write_timeout ? *s->write_timeout : input;
    if (!s->write_timeout || output != 0)
        return output;
    return input < 0 || input > INT32_MAX / PAUSE_FOR_OUTPUT ? -1 : input * PAUSE_FOR_OUTPUT;
}

/* Bytes that were written, and are still in the socket's buffer; -1: unknown. */
static int bytes_left(int fd)
{
    int bytes;
    return ioctl(fd, TIOCOUTQ, &bytes) < 0 ? -1 : bytes;
}

/* Bytes that have come, and were not read yet. */
static int bytes_here(int fd)
{
    int bytes;
    return ioctl(fd, FIONREAD, &bytes) < 0 ? 0 : bytes;
}

/* ---------------------------------------------------------------- a rate to keep to */

/* -ETIMEDOUT when a window of waiting is over and fewer bytes have moved than the rate demands. */
static int keep_pace(const struct ss_stream *s, struct pace *pace, uint64_t window, uint64_t moved)
{
    uint64_t least = *s->min_rate * pace->waited / 1000;
    if (pace->waited < window)
        return 0;
    if (moved - pace->moved < least)
        return -ETIMEDOUT;
    *pace = (struct pace){.moved = moved};
    return 0;
}

static bool has_rate(const struct ss_stream *s)
{
    return s->min_rate && *s->min_rate && s->server;
}

uint64_t pace_input_begin(struct ss_stream *s)
{
    struct socket *socket = paced_socket(s);
    if (!has_rate(s))
        return 0;
    if (socket->in.waited == 0 || socket->debts != s->debts)
        socket->in = (struct pace){.moved = s->received};
    socket->debts = s->debts;
    return ss_now();
}

int pace_input_end(struct ss_stream *s, uint64_t start)
{
    struct pace *in = &paced_socket(s)->in;
    uint64_t window = (uint64_t)s->server->rate_window;
    in->waited += ss_now() - start;
    int here = in->waited < window ? 0 : bytes_here(s->fd);
    return keep_pace(s, in, window, s->received + (uint64_t)here);
}

/* Has the other side taken enough? What is still in the socket's buffer was not taken. */
static int pace_taken(struct ss_stream *s, int limit, uint64_t start)
{
    struct pace *out = &paced_socket(s)->out;
    uint64_t window = has_rate(s) ? (uint64_t)s->server->rate_window : 0;
    if (limit < 0 || !window)
        return 0;
    out->waited += ss_now() - start;
    window = window < (uint64_t)limit ? (uint64_t)limit : window;
    int left = out->waited < window ? 0 : bytes_left(s->fd);
    return left < 0 ? 0 : keep_pace(s, out, window, s->sent - (uint64_t)left);
}

/* ---------------------------------------------------------------- output */

/* poll(2) reports room only when a third of the socket's buffer is free, which may be a megabyte. A slow
   reader may have taken bytes for a long time before that: so the wait is cut into steps. */
static int wait_for_reader(struct ss_stream *s, int limit)
{
    int step = limit < 0 ? -1 : limit / STEPS + 1, left = -1, waited = 0;
    for (;;) {
        uint64_t start = ss_now();
        int rc = server_wait(s->server, s->fd, POLLOUT, step, s->deadline, CANCELED);
        if (rc != 0 && (rc != -ETIMEDOUT || (s->deadline && ss_now() >= s->deadline)))
            return rc;
        int late = pace_taken(s, limit, start);
        if (rc == 0 || late < 0)
            return late;
        int before = left;
        left = bytes_left(s->fd);
        bool taken = left >= 0 && (before < 0 || left < before);
        waited = taken ? 0 : waited + step;
        if (waited >= limit)
            return rc;
    }
}

int pace_output(struct ss_stream *s)
{
    return wait_for_reader(s, output_limit(s));
}
