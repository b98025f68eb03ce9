/* SPDX-License-Identifier: MIT */
/* See load.h. */
#include "compare/load.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, LOOK = 50 /* ms from one look at the server to the next */ };
enum { FINE = 16 /* steps between a power of two and the next one */, RANGES = 40 };

struct client {
    int fd;
    bool asked, served; /* the request has left; there was an answer */
    uint64_t since;     /* ns */
    size_t got;         /* bytes of the answer */
};

struct run {
    const struct load *load;
    struct figures *figures;
    struct client *clients; /* those that ask, and behind them the idle ones */
    int epoll;
    char answer[64];
    size_t size;
    uint64_t times[RANGES * FINE]; /* how many answers took so long */
};

static uint64_t nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double processor_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* ---------------------------------------------------------------- how long answers took */

/* Times are counted in steps of some 6 %: few numbers, however many answers there are. */
static void count_time(struct run *run, uint64_t ns)
{
    unsigned range = 0;
    for (uint64_t n = ns + FINE; n >= 2 * FINE && range < RANGES - 1; n >>= 1)
        range++;
    uint64_t step = ((ns + FINE) >> range) - FINE;
    run->times[range * FINE + (step < FINE ? step : FINE - 1)]++;
}

static double microseconds(const struct run *run, double part)
{
    double wanted = part * (double)run->figures->requests;
    uint64_t seen = 0;
    for (unsigned i = 0; i < RANGES * FINE && run->figures->requests; i++) {
        seen += run->times[i];
        if (seen > 0 && (double)seen >= wanted)
            return (double)((((uint64_t)i % FINE + FINE + 1) << i / FINE) - FINE) / 1e3;
    }
    return 0;
}

/* ---------------------------------------------------------------- one client */

static int connect_to(struct run *run, struct client *client)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(run->load->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = client};
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        return -errno;
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (connect(client->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        return -errno;
    return epoll_ctl(run->epoll, EPOLL_CTL_ADD, client->fd, &event) < 0 ? -errno : 0;
}

/* Before it is connected this says EAGAIN; then there will be an event. */
static int ask(struct run *run, struct client *client)
{
    const char *request = run->load->kept ? KEPT_REQUEST : ONE_REQUEST;
    ssize_t n = send(client->fd, request, strlen(request), MSG_NOSIGNAL);
    client->asked = n > 0;
    return n > 0 || errno == EAGAIN || errno == EPIPE || errno == ECONNRESET ? 0
                                                                             : -errno; /* recv tells, too */
}

static int begin(struct run *run, struct client *client)
{
    int rc = 0;
    client->since = nanoseconds();
    client->got = 0;
    client->asked = false;
    if (client->fd < 0)
        rc = connect_to(run, client);
    return rc == 0 ? ask(run, client) : rc;
}

/* A server may end a connection while nothing has come on it. If it does so while the next request is on its
   way, it has not seen that: the client asks anew. */
static int begin_again(struct run *run, struct client *client)
{
    run->figures->hung_up++;
    close(client->fd);
    client->fd = -1;
    client->asked = false;
    if (client - run->clients >= (ptrdiff_t)run->load->clients)
        return 0;
    int rc = connect_to(run, client);
    return rc == 0 ? ask(run, client) : rc;
}

static int answered(struct run *run, struct client *client)
{
    count_time(run, nanoseconds() - client->since);
    run->figures->requests++;
    run->figures->served += !client->served;
    client->served = true;
    if (!run->load->kept) {
        close(client->fd);
        client->fd = -1;
    }
    return begin(run, client);
}

/* An answer is complete with its last byte; on a connection of one request, with the end behind that. */
static int receive(struct run *run, struct client *client)
{
    char data[sizeof run->answer];
    ssize_t n;
    while ((n = recv(client->fd, data, sizeof data, 0)) > 0) {
        if ((size_t)n > run->size - client->got || memcmp(data, run->answer + client->got, (size_t)n) != 0)
            return -EBADMSG;
        client->got += (size_t)n;
        if (run->load->kept && client->got == run->size)
            return answered(run, client); /* there can be no more before the next event */
    }
    if (n < 0 && errno != ECONNRESET)
        return errno == EAGAIN ? 0 : -errno;
    if (n == 0 && !run->load->kept && client->got == run->size)
        return answered(run, client);
    return run->load->kept && client->got == 0 ? begin_again(run, client) : -ECONNRESET;
}

static int handle(struct run *run, const struct epoll_event *event)
{
    struct client *client = event->data.ptr;
    if (client - run->clients >= (ptrdiff_t)run->load->clients)
        return event->events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP) ? begin_again(run, client) : 0;
    if (!client->asked)
        return ask(run, client);
    return event->events & ~(uint32_t)EPOLLOUT ? receive(run, client) : 0;
}

/* ---------------------------------------------------------------- all of them */

static int begin_all(struct run *run)
{
    unsigned clients = run->load->clients, idle = run->load->idle;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < idle; i++)
        rc = connect_to(run, &run->clients[clients + i]);
    for (unsigned i = 0; rc == 0 && i < clients; i++)
        rc = begin(run, &run->clients[i]);
    return rc;
}

static int run_until(struct run *run, uint64_t end)
{
    struct epoll_event events[EVENTS];
    uint64_t now, next = 0;
    int rc = 0;
    while (rc == 0 && (now = nanoseconds()) < end) {
        if (now >= next) {
            run->load->look(run->load->argument, false);
            next = now + LOOK * UINT64_C(1000000);
        }
        int count =
            epoll_wait(run->epoll, events, EVENTS, (int)(((next < end ? next : end) - now) / 1000000 + 1));
        if (count < 0 && errno != EINTR)
            return -errno;
        for (int i = 0; rc == 0 && i < count; i++)
            rc = handle(run, &events[i]);
    }
    return rc;
}

int load_run(const struct load *load, struct figures *figures)
{
    const char *request = load->kept ? KEPT_REQUEST : ONE_REQUEST;
    struct run *run = calloc(1, sizeof *run);
    unsigned count = load->clients + load->idle;
    int rc = -ENOMEM;
    *figures = (struct figures){0};
    if (!run || !(run->clients = calloc(count, sizeof *run->clients)))
        goto out;
    run->load = load;
    run->figures = figures;
    strcpy(stpcpy(run->answer, ANSWER_BEGINS), request);
    run->size = strlen(run->answer);
    for (unsigned i = 0; i < count; i++)
        run->clients[i].fd = -1;
    run->epoll = epoll_create1(EPOLL_CLOEXEC);
    double processor = processor_seconds();
    uint64_t began = nanoseconds();
    rc = run->epoll < 0 ? -errno : begin_all(run);
    if (rc == 0)
        rc = run_until(run, began + (uint64_t)(load->seconds * 1e9));
    figures->seconds = (double)(nanoseconds() - began) / 1e9;
    figures->busy = (processor_seconds() - processor) / figures->seconds;
    figures->p50 = microseconds(run, .5);
    figures->p99 = microseconds(run, .99);
    load->look(load->argument, true);
    for (unsigned i = 0; i < count; i++)
        if (run->clients[i].fd >= 0)
            close(run->clients[i].fd);
    if (run->epoll >= 0)
        close(run->epoll);
out:
    if (run)
        free(run->clients);
    free(run);
    return rc;
}
