/* SPDX-License-Identifier: MIT */
/* load_tcp: plays ping-pong with a TCP echo server; see load.h.

   load_tcp [-c CONNECTIONS] [-s SECONDS | -n REQUESTS] [-b BYTES] PORT

     -b  bytes in each message (64)

   Every message is different, and every byte of every answer is compared. */
#include "load.h"
#include <unistd.h>

enum { MOST = 1 << 20 };

struct connection {
    int fd;
    bool idle;
    uint64_t number; /* of the message under way */
    uint64_t began;
    size_t sent, got;
};

static struct load load = {.connections = 64, .seconds = 1};
static size_t size = 64;
static char message[MOST];
static struct connection *connections;

/* Turns the message into the one that is under way on this connection. */
static const char *message_of(const struct connection *c)
{
    load_stamp(message, size, c->number * 65536 + (uint64_t)(c - connections));
    return message;
}

static void ask(struct connection *c)
{
    c->idle = !load_begin(&load);
    if (c->idle)
        return;
    c->number++;
    c->sent = c->got = 0;
    c->began = nanoseconds();
    load_send(c->fd, message_of(c), size, &c->sent);
}

static void take(struct connection *c, const char *data, size_t n)
{
    if (c->idle || n > size - c->got)
        DIE("%zu bytes that nobody has sent", n);
    if (memcmp(data, message_of(c) + c->got, n) != 0)
        DIE("not what was sent");
    load.bytes += n;
    c->got += n;
    if (c->got < size)
        return;
    load_done(&load, c->began);
    ask(c);
}

/* Readiness is told once, so all is read that is there. */
static void receive(struct connection *c)
{
    static char buffer[MOST];
    for (;;) {
        ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0)
            DIE("recv: %s", n ? strerror(errno) : "closed");
        bool last = (size_t)n == size - c->got;
        take(c, buffer, (size_t)n);
        if (last) /* there can be no more yet, nor before the next event */
            return;
    }
}

static void run(void)
{
    struct epoll_event events[EVENTS];
    for (int i = 0; i < load.connections; i++) {
        connections[i].fd = load_connect(&load, SOCK_STREAM, &connections[i]);
        ask(&connections[i]);
    }
    while (!load_over(&load)) {
        int n = epoll_wait(load.epoll, events, EVENTS, 0);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT && !c->idle)
                load_send(c->fd, message_of(c), size, &c->sent);
            if (events[i].events & ~(uint32_t)EPOLLOUT)
                receive(c);
        }
    }
}

int main(int argc, char **argv)
{
    for (int option; (option = getopt(argc, argv, "c:s:n:b:")) != -1;) {
        if (option == 'b')
            size = (size_t)number(optarg, 1, MOST);
        else if (!load_option(&load, option, optarg))
            return 2;
    }
    if (argc - optind != 1)
        DIE("usage: load_tcp [OPTION]... PORT");
    load_fill(message, size);
    if (!(connections = calloc((size_t)load.connections, sizeof *connections)))
        DIE("no memory for %d connections", load.connections);
    load_start(&load, argv[optind]);
    run();
    load_report(&load);
    free(connections);
}
