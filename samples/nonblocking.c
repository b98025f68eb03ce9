/* SPDX-License-Identifier: MIT */
/* nonblocking [ADDRESS [CLASS]]: nonblocking_raw with the library. The calls are the same and say EAGAIN just
   so; but the handler waits where it stands, by ss_poll, and knows of its own client only. Who runs meanwhile
   is the mix-in's affair: the lines show which thread has said EAGAIN.

   Try:  build/samples/nonblocking localhost:8093 EventLoopTCPServer
   and:  build/samples/nonblocking_client localhost:8093
   or:   echo hello | nc -N 127.0.0.1 8093 */
#include "socketserver.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE = 10000 /* ms without a byte */ };
enum { BUFFER = 16384 /* bytes for each client */, ROUNDS = 16 /* of one client until others have a turn */ };

/* All threads and processes number their lines together. */
static const struct ss_class Numbering = {.name = "Numbering", .shared_size = sizeof(atomic_ulong)};

static void note(struct ss_handler *h, const char *call, const char *what)
{
    atomic_ulong *number = ss_shared(h->server, &Numbering);
    printf("%5lu. client %d: %s: %s (thread %d)\n", ++*number, h->request->fd, call, what, gettid());
    fflush(stdout);
}

/* Waits for input, or for room. A drain ends the wait for input at once, as nothing is in progress then. */
static int wait_for(struct ss_handler *h, short events)
{
    struct pollfd p = {.fd = h->request->fd, .events = events};
    note(h, "ss_poll", events == POLLIN ? "waits for input" : "waits for room");
    int rc =
        events == POLLIN ? ss_poll_idle(h->server, &p, 1, PATIENCE) : ss_poll(h->server, &p, 1, PATIENCE);
    return rc == 0 ? -ETIMEDOUT : rc;
}

/* A client gets back what it has sent before more of it is read. */
static int echo(struct ss_handler *h)
{
    char data[BUFFER];
    size_t size = 0, sent = 0;
    int fd = h->request->fd, rc = 0;
    for (unsigned round = 1; rc >= 0; round++) {
        size_t left = size - sent;
        ssize_t n = left ? send(fd, data + sent, left, MSG_NOSIGNAL) : recv(fd, data, sizeof data, 0);
        if (n < 0 && errno == EAGAIN) {
            note(h, left ? "send" : "recv", "EAGAIN");
            rc = wait_for(h, left ? POLLOUT : POLLIN);
            continue;
        }
        if (n <= 0) {
            rc = n < 0 ? -errno : 0;
            note(h, left ? "send" : "recv", n < 0 ? strerror(errno) : "the end");
            return rc;
        }
        if (left > (size_t)n)
            note(h, "send", "took a part");
        sent = left ? sent + (size_t)n : 0;
        size = left ? size : (size_t)n;
        if (round % ROUNDS == 0) {
            note(h, "ss_sleep", "now the others"); /* an event loop has them wait until somebody waits */
            rc = ss_sleep(h->server, 0);
        }
    }
    return rc;
}

/* Without streams: rfile and wfile do all of the above by themselves. */
static const struct ss_handler_class Echo = {.base = &BaseRequestHandler, .handle = echo};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Sends back what it gets, by non-blocking calls and ss_poll, and shows each EAGAIN.",
        .address = "localhost:8093",
        .cls = "EventLoopTCPServer",
        .servers = "TCPServer UnixStreamServer",
        .own = &Numbering,
        .handler = &Echo,
    };
    return ss_main(argc, argv, &program);
}
