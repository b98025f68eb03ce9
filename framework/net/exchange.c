/* SPDX-License-Identifier: MIT */
/* ss_exchange: a question in a datagram, and its answer in another one. Each may be lost, or come late. */
#include "net/socket.h"
#include "server/core.h"
#include "server/stop.h"
#include "server/wait.h"
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 4, FIRST_WAIT = 1000, LONGEST_WAIT = 60000 }; /* ms */
/* Datagrams that are no answer: so many are passed over before others run, and before the question is sent.
 */
enum { STRANGERS = 16, OLD_ONES = 256 };

struct exchange {
    struct ss_stream *s;
    const struct ss_exchange_options *options;
    struct iovec question;
    uint64_t end; /* of all tries; 0: when they are over */
    int error;    /* the last that the network has told */
};

/* A number that differs from machine to machine and from call to call; it need not be hard to guess. */
static uint64_t any_number(const struct exchange *x)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    uint64_t n = (uint64_t)t.tv_nsec ^ (uint64_t)t.tv_sec << 30 ^ (uint64_t)getpid() << 40 ^ (uintptr_t)x->s;
    n = (n ^ n >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    return n ^ n >> 32;
}

/* The wait of a try doubles from one to the next. Clients that have asked at the same time, and were lost at
   the same time, do not ask again at the same time: each takes a quarter more or less (RFC 8085 3.1.1). */
static int wait_of(const struct exchange *x, unsigned try)
{
    uint64_t ms = x->options->ms > 0 ? (uint64_t)x->options->ms : FIRST_WAIT;
    for (; try > 0 && ms < LONGEST_WAIT; try--)
        ms *= 2;
    if (ms > LONGEST_WAIT)
        ms = LONGEST_WAIT;
    return (int)(ms - ms / 4 + any_number(x) % (ms / 2 + 1));
}

/* The network says so now, and it may be different soon: the try goes on. */
static bool may_pass(ssize_t rc)
{
    return rc == -EHOSTUNREACH || rc == -ENETUNREACH || rc == -EHOSTDOWN || rc == -ENETDOWN ||
           rc == -ENOBUFS || rc == -EPERM || rc == -EPROTO;
}

/* What has come before the question, or the error that an earlier one has met, is not its answer. */
static void forget_old_ones(struct ss_stream *s)
{
    s->rpos = s->rend = 0;
    for (int i = 0; i < OLD_ONES && s->methods->read_now(s, s->rbuf, s->rsize) != -EAGAIN; i++)
        ;
}

static int pause_for_others(const struct ss_stream *s, unsigned strangers)
{
    return s->server && strangers % STRANGERS == 0 ? ss_sleep(s->server, 0) : 0;
}

/* Waits until s->deadline for a datagram that is an answer. Returns its size, or -errno. */
static ssize_t hear(struct exchange *x)
{
    struct ss_stream *s = x->s;
    const struct ss_exchange_options *o = x->options;
    ssize_t n = -ETIMEDOUT;
    for (unsigned strangers = 1; s->deadline > ss_now(); strangers++) {
        n = s->methods->read(s, s->rbuf, s->rsize);
        if (n > 0 && (!o->match || o->match(s->rbuf, (size_t)n, o->argument)))
            return n;
        if (may_pass(n))
            x->error = (int)n;
        else if (n < 0)
            return n;
        if ((n = pause_for_others(s, strangers)) < 0)
            return n;
        n = -ETIMEDOUT;
    }
    return n;
}

static ssize_t ask_once(struct exchange *x)
{
    struct iovec question = x->question;
    if (x->options->prepare)
        x->options->prepare(x->options->argument);
    int rc = x->s->methods->write(x->s, &question, 1, false);
    if (may_pass(rc))
        x->error = rc;
    return rc < 0 && !may_pass(rc) ? rc : hear(x);
}

/* Asks until there is an answer, which then is in the stream's buffer: its size, or -errno. */
static ssize_t ask_in_turn(struct exchange *x)
{
    unsigned tries = x->options->tries ? x->options->tries : TRIES;
    ssize_t n = -ETIMEDOUT;
    for (unsigned try = 0; n == -ETIMEDOUT && try < tries; try++) {
        uint64_t now = ss_now(), until = now + (uint64_t)wait_of(x, try);
        if (x->end && now >= x->end)
            break;
        x->s->deadline = x->end && x->end < until ? x->end : until;
        n = ask_once(x);
    }
    return n == -ETIMEDOUT && x->error ? x->error : n;
}

static uint64_t end_of(const struct ss_stream *s, int ms)
{
    uint64_t end = ms > 0 ? ss_now() + (uint64_t)ms : 0;
    return s->deadline && (!end || s->deadline < end) ? s->deadline : end;
}

ssize_t ss_exchange(struct ss_stream *s, const void *question, size_t size, void *answer, size_t room,
                    const struct ss_exchange_options *options)
{
    static const struct ss_exchange_options usual;
    if (!s || !s->methods->datagrams || !s->methods->read_now || !size)
        return s && s->methods->datagrams && !size ? -EINVAL : -EOPNOTSUPP;
    struct exchange x = {.s = s, .options = options ? options : &usual};
    int no_limit = -1, *timeout = s->timeout, rc = ss_flush(s);
    uint64_t deadline = s->deadline;
    if (rc < 0)
        return rc;
    x.question = (struct iovec){(void *)(uintptr_t)question, size};
    x.end = end_of(s, x.options->total_ms);
    forget_old_ones(s);
    s->timeout = &no_limit;
    ssize_t n = ask_in_turn(&x);
    s->timeout = timeout;
    s->deadline = deadline;
    if (n > (ssize_t)room)
        return -EMSGSIZE;
    if (n > 0)
        memcpy(answer, s->rbuf, (size_t)n);
    return n;
}
