/* SPDX-License-Identifier: MIT */
/* What the load generators share: when to stop, how long answers took, what is reported.

   A generator keeps a number of connections busy from one thread, each with its next request as soon as the
   last answer is complete. It never sleeps: a server that has to wake it pays for that, which servers whose
   clients are on other machines do not. It needs a CPU of its own. The first wrong answer ends it. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "common.h"
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/resource.h>

enum { EVENTS = 256, STEPS = 32, RANGES = 60, LATEST = 10 /* s until the first answer */ };

struct load {
    struct sockaddr_in server;
    int connections;
    double seconds;
    uint64_t limit; /* requests, 0: as many as fit into the seconds */
    uint64_t started, begun, done, bytes, lost;
    uint64_t greedy; /* bytes that a greedy client has sent and received */
    int epoll;
    uint64_t histogram[RANGES * STEPS]; /* of nanoseconds; steps of 3 % */
};

/* Whether one more request may be begun; counts it. */
static inline bool load_begin(struct load *load)
{
    if (load->limit && load->begun == load->limit)
        return false;
    load->begun++;
    return true;
}

static inline void load_done(struct load *load, uint64_t since)
{
    uint64_t took = nanoseconds() - since + STEPS;
    unsigned range = 63 - (unsigned)__builtin_clzll(took);
    unsigned step = (took >> (range - 5)) & (STEPS - 1);
    load->histogram[(range - 5) * STEPS + step]++;
    load->done++;
}

/* The microseconds within which this part of the requests was answered. */
static inline double load_quantile(const struct load *load, double part)
{
    uint64_t seen = 0;
    for (unsigned i = 0; i < RANGES * STEPS; i++) {
        seen += load->histogram[i];
        if (seen > 0 && (double)seen >= part * (double)load->done)
            return (double)((uint64_t)(STEPS + i % STEPS) << (i / STEPS)) / 1e3;
    }
    return 0;
}

/* The options that all have in common; false for another one. */
static inline bool load_option(struct load *load, int option, const char *value)
{
    switch (option) {
    case 'c':
        load->connections = (int)number(value, 1, 60000);
        return true;
    case 's':
        load->seconds = number(value, 0.01, 3600);
        return true;
    case 'n':
        load->limit = (uint64_t)number(value, 1, 1e12);
        return true;
    default:
        return false;
    }
}

static inline void load_start(struct load *load, const char *port)
{
    struct rlimit files;
    load->server = loopback(port);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if ((load->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
        DIE("epoll_create1: %s", strerror(errno));
    load->started = nanoseconds();
}

/* On a busy machine the first answer may be late: there is one, however short the time. */
static inline bool load_over(const struct load *load)
{
    uint64_t elapsed = nanoseconds() - load->started;
    if (!load->limit)
        return (double)elapsed > (load->seconds + (load->done ? 0 : LATEST)) * 1e9;
    if (elapsed > UINT64_C(600000000000))
        DIE("%llu of %llu requests answered in ten minutes", (unsigned long long)load->done,
            (unsigned long long)load->limit);
    return load->done >= load->limit;
}

/* A socket on its way to the server, watched for every change of its state. */
static inline int load_connect(struct load *load, int type, void *connection)
{
    int one = 1, fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
    if (fd < 0)
        DIE("socket: %s", strerror(errno));
    if (type == SOCK_STREAM)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&load->server, sizeof load->server) < 0 && errno != EINPROGRESS)
        DIE("connect: %s", strerror(errno));
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        DIE("epoll_ctl: %s", strerror(errno));
    return fd;
}

/* Sends from *sent on; what does not fit goes at the next event that says so. */
static inline void load_send(int fd, const char *data, size_t size, size_t *sent)
{
    while (*sent < size) {
        ssize_t n = send(fd, data + *sent, size - *sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            DIE("send: %s", strerror(errno));
        *sent += (size_t)n;
    }
}

/* What messages hold, and what makes each of them different: its first 16 bytes, as far as there are so many.
 */
static inline void load_fill(char *message, size_t size)
{
    for (size_t i = 0; i < size; i++)
        message[i] = (char)(i * 7 + i / 256);
}

static inline void load_stamp(char *message, size_t size, uint64_t value)
{
    for (size_t i = 0; i < 16 && i < size; i++)
        message[i] = (char)('a' + (value >> (i * 4) & 15));
}

static inline uint64_t load_stamp_value(const char *message)
{
    uint64_t value = 0;
    for (int i = 0; i < 16; i++)
        value |= (uint64_t)((message[i] - 'a') & 15) << (i * 4);
    return value;
}

static inline void load_report(const struct load *load)
{
    double seconds = (double)(nanoseconds() - load->started) / 1e9;
    if (!load->done)
        DIE("no answer in %.1f seconds", seconds);
    printf("{\"requests\": %llu, \"seconds\": %.4f, \"bytes\": %llu, \"lost\": %llu, \"greedy\": %llu, "
           "\"p50_us\": %.1f, \"p99_us\": %.1f}\n",
           (unsigned long long)load->done, seconds, (unsigned long long)load->bytes,
           (unsigned long long)load->lost, (unsigned long long)load->greedy, load_quantile(load, .5),
           load_quantile(load, .99));
}

#endif
