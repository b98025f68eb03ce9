/* SPDX-License-Identifier: MIT */
/* StatsMixIn: counts in memory that all processes share, and shows a table at the end. */
#include "program/commentary.h"
#include "program/tap.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Times in microseconds: eight steps for each power of two, so that a time is known within an eighth. */
enum { STEPS = 8, POWERS = 32, TIMES = STEPS * POWERS };

/* Of all processes. */
struct counts {
    atomic_ullong requests, answers, longest; /* us */
    atomic_ullong received, sent;             /* bytes */
    atomic_uint running, most;                /* handlers at once */
    atomic_uint times[TIMES];                 /* answers that took so long */
};

/* Of a request. */
struct counted {
    struct tap tap;
    uint64_t asked; /* when that came which is not answered yet; 0: there is nothing to answer */
};

/* ---------------------------------------------------------------- counting */

static struct counts *counts_of(const struct ss_server *self)
{
    return ss_shared(self, &StatsMixIn);
}

static struct counted *counted_of(struct ss_server *self, struct ss_request *request)
{
    return ss_request_state(self, request, &StatsMixIn);
}

static unsigned step_of(uint64_t us)
{
    unsigned power = us < STEPS ? 0 : 63 - (unsigned)__builtin_clzll(us) - 2;
    unsigned step = power == 0 ? (unsigned)us : power * STEPS + (unsigned)(us >> (power - 1)) % STEPS;
    return step < TIMES ? step : TIMES - 1;
}

/* The longest time that the step stands for. */
static uint64_t time_of(unsigned step)
{
    unsigned power = step / STEPS;
    return power == 0 ? step : (((uint64_t)STEPS + step % STEPS + 1) << (power - 1)) - 1;
}

static void raise_to(atomic_ullong *most, unsigned long long value)
{
    unsigned long long seen = atomic_load(most);
    while (seen < value && !atomic_compare_exchange_weak(most, &seen, value))
        continue;
}

static void count_answer(struct counts *counts, uint64_t us)
{
    atomic_fetch_add(&counts->answers, 1);
    atomic_fetch_add(&counts->times[step_of(us)], 1);
    raise_to(&counts->longest, us);
}

/* From the first input that is not answered to the next output. */
static void count(struct ss_stream *s, struct tap *tap, const struct tap_event *event)
{
    struct counts *counts = counts_of(s->server);
    struct counted *counted = counted_of(s->server, s->request);
    (void)tap;
    if (event->result <= 0 || event->kind == TAP_EOF)
        return;
    atomic_fetch_add(event->kind == TAP_READ ? &counts->received : &counts->sent,
                     (unsigned long long)event->result);
    if (event->kind == TAP_READ && !counted->asked) {
        counted->asked = comment_time();
    } else if (event->kind != TAP_READ && counted->asked) {
        count_answer(counts, comment_time() - counted->asked);
        counted->asked = 0;
    }
}

static int get_request(struct ss_server *self, struct ss_request *request)
{
    int rc = ss_super(self, &StatsMixIn)->get_request(self, request);
    if (rc < 0)
        return rc;
    atomic_fetch_add(&counts_of(self)->requests, 1);
    if (request->datagram) {
        atomic_fetch_add(&counts_of(self)->received, request->datagram->size);
        counted_of(self, request)->asked = comment_time();
    }
    return rc;
}

static int open_stream(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream)
{
    int rc = ss_super(self, &StatsMixIn)->open_stream(self, h, stream);
    if (rc >= 0)
        tap_open(&counted_of(self, h->request)->tap, *stream, count);
    return rc;
}

static int finish_request(struct ss_server *self, struct ss_request *request)
{
    struct counts *counts = counts_of(self);
    unsigned running = atomic_fetch_add(&counts->running, 1) + 1, most = atomic_load(&counts->most);
    while (most < running && !atomic_compare_exchange_weak(&counts->most, &most, running))
        continue;
    int rc = ss_super(self, &StatsMixIn)->finish_request(self, request);
    atomic_fetch_sub(&counts->running, 1);
    return rc;
}

/* ---------------------------------------------------------------- the table */

/* The time within which so many of a hundred answers were given, in us. */
static uint64_t percentile(const struct counts *counts, unsigned percent)
{
    unsigned long long answers = atomic_load(&counts->answers), so_far = 0;
    uint64_t longest = atomic_load(&counts->longest);
    for (unsigned i = 0; i < TIMES; i++)
        if ((so_far += atomic_load(&counts->times[i])) * 100 >= answers * percent)
            return time_of(i) < longest ? time_of(i) : longest;
    return longest;
}

static void add_answers(struct commentary *table, const struct counts *counts)
{
    unsigned long long answers = atomic_load(&counts->answers), longest = atomic_load(&counts->longest);
    comment_add(table, "  answers            %12llu\n", answers);
    if (!answers)
        return;
    comment_add(table, "  from what has come to the answer, in microseconds:\n");
    comment_add(table, "    half within      %12llu\n", (unsigned long long)percentile(counts, 50));
    comment_add(table, "    99 %% within      %12llu\n", (unsigned long long)percentile(counts, 99));
    comment_add(table, "    the longest      %12llu\n", longest);
}

static double seconds(struct timeval a, struct timeval b)
{
    return (double)(a.tv_sec + b.tv_sec) + (double)(a.tv_usec + b.tv_usec) / 1e6;
}

/* What /proc knows is of this program; ru_maxrss may be that of the one which it was started by. KiB. */
static long most_memory(const struct rusage *own)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        (void)close(fd);
    text[size > 0 ? size : 0] = 0;
    const char *line = strstr(text, "VmHWM:");
    return line ? strtol(line + strlen("VmHWM:"), NULL, 10) : own->ru_maxrss;
}

static void add_usage(struct commentary *table)
{
    struct rusage own, children;
    getrusage(RUSAGE_SELF, &own);
    getrusage(RUSAGE_CHILDREN, &children);
    long most = most_memory(&own);
    if (children.ru_maxrss > most)
        most = children.ru_maxrss;
    comment_add(table, "  processor, seconds %12.3f of the program, %.3f of the kernel\n",
                seconds(own.ru_utime, children.ru_utime), seconds(own.ru_stime, children.ru_stime));
    comment_add(table, "  context switches   %12ld to wait, %ld forced\n", own.ru_nvcsw + children.ru_nvcsw,
                own.ru_nivcsw + children.ru_nivcsw);
    comment_add(table, "  memory             %12ld KiB at most in one process\n", most);
}

static void add_counts(struct commentary *table, const struct ss_server *self)
{
    const struct counts *counts = counts_of(self);
    comment_add(table, "  %-18s %12llu\n", self->socket_type == SOCK_DGRAM ? "datagrams" : "connections",
                (unsigned long long)atomic_load(&counts->requests));
    add_answers(table, counts);
    comment_add(table, "  bytes              %12llu received, %llu sent\n",
                (unsigned long long)atomic_load(&counts->received),
                (unsigned long long)atomic_load(&counts->sent));
    comment_add(table, "  handlers at once   %12u at most\n", atomic_load(&counts->most));
}

static int serve_forever(struct ss_server *self)
{
    struct commentary table = {.size = 0};
    uint64_t begun = comment_time();
    int rc = ss_super(self, &StatsMixIn)->serve_forever(self);
    comment_add(&table, "  seconds            %12.3f\n", (double)(comment_time() - begun) / 1e6);
    add_counts(&table, self);
    add_usage(&table);
    comment_write(&table);
    return rc;
}

const struct ss_class ss_StatsMixIn = {
    .name = "StatsMixIn",
    .shared_size = sizeof(struct counts),
    .request_state_size = sizeof(struct counted),
    .serve_forever = serve_forever,
    .get_request = get_request,
    .finish_request = finish_request,
    .open_stream = open_stream,
};
