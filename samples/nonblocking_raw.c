/* SPDX-License-Identifier: MIT */
/* nonblocking_raw [PORT]: sends back what it gets, to many clients in one thread, with no library: no call
   waits (O_NONBLOCK), each says EAGAIN when it would have to, and poll waits for all of them. Each EAGAIN and
   each wait is a line. nonblocking is the same with the library.

   Try:  build/samples/nonblocking_raw 8093
   and:  build/samples/nonblocking_client localhost:8093
   or:   echo hello | nc -N 127.0.0.1 8093 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 100 /* at once */, PATIENCE = 10000 /* ms without a byte */ };
enum { BUFFER = 16384 /* bytes for each client */, ROUNDS = 16 /* of one client until others have a turn */ };

/* What a function of one client would have in its variables: here it has to be kept from call to call. */
struct client {
    size_t size, sent; /* bytes of data, and how many of them it has got back */
    int64_t until;     /* when our patience ends */
    char data[BUFFER];
};

/* Place 0 is the listener's. A descriptor of -1 is a free place, which poll passes over. */
static struct pollfd fds[1 + CLIENTS];
static struct client clients[1 + CLIENTS];

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static unsigned long number;
#define NOTE(...) (printf("%5lu. ", ++number), printf(__VA_ARGS__), putchar('\n'))

static int check(int result, const char *call)
{
    if (result < 0) {
        perror(call);
        exit(1);
    }
    return result;
}

/* From now on no call waits for this socket. */
static void set_nonblocking(int fd)
{
    check(fcntl(fd, F_SETFL, check(fcntl(fd, F_GETFL), "fcntl") | O_NONBLOCK), "fcntl");
}

static int listen_at(unsigned short port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
    check(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), "setsockopt");
    check(bind(listener, (struct sockaddr *)&address, sizeof address), "bind");
    check(listen(listener, CLIENTS), "listen");
    check(getsockname(listener, (struct sockaddr *)&address, &(socklen_t){sizeof address}), "getsockname");
    set_nonblocking(listener);
    printf("nonblocking_raw: ready on 127.0.0.1:%d, one thread for all clients\n", ntohs(address.sin_port));
    return listener;
}

/* Takes all that are there. When it cannot take one it does not ask for more until something has changed:
   the listener would be ready again and again, and poll would never wait. */
static void accept_all(void)
{
    for (int i = 1; i <= CLIENTS; i++) {
        if (fds[i].fd >= 0)
            continue;
        struct sockaddr_in peer = {0};
        int fd = accept(fds[0].fd, (struct sockaddr *)&peer, &(socklen_t){sizeof peer});
        if (fd < 0) {
            NOTE("accept: %s", errno == EAGAIN ? "EAGAIN" : strerror(errno));
            fds[0].events = errno == EAGAIN || errno == ECONNABORTED ? POLLIN : 0;
            return;
        }
        set_nonblocking(fd);
        NOTE("accept: client %d, at port %d", fd, ntohs(peer.sin_port));
        fds[i] = (struct pollfd){.fd = fd, .revents = POLLIN}; /* it may have said something: try */
        clients[i].size = clients[i].sent = 0;
        clients[i].until = now() + PATIENCE;
    }
    fds[0].events = 0; /* all places are taken */
}

/* Moves what can be moved without waiting. A client gets back what it has sent before more of it is read: so
   who does not read is not read, either, and costs no more than his buffer. False: the client has gone. */
static bool echo(struct pollfd *p, struct client *c)
{
    int fd = p->fd, round = 0;
    for (; round < ROUNDS; round++) {
        size_t left = c->size - c->sent;
        ssize_t n = left ? send(fd, c->data + c->sent, left, MSG_NOSIGNAL) : recv(fd, c->data, BUFFER, 0);
        bool waits = n < 0 && errno == EAGAIN;
        if (n <= 0)
            NOTE("client %d: %s: %s", fd, left ? "send" : "recv",
                 n == 0  ? "the end"
                 : waits ? "EAGAIN"
                         : strerror(errno));
        if (waits)
            break;
        if (n <= 0)
            return false;
        if (left > (size_t)n)
            NOTE("client %d: send: took %zd of %zu bytes", fd, n, left);
        c->sent = left ? c->sent + (size_t)n : 0;
        c->size = left ? c->size : (size_t)n;
        c->until = now() + PATIENCE;
    }
    if (round == ROUNDS)
        NOTE("client %d: now the others", fd);
    p->events = c->sent < c->size ? POLLOUT : POLLIN; /* never both, or poll would not wait */
    return true;
}

/* What was ready, or may be so, was tried, and said EAGAIN: only now it is right to wait. */
static void wait_for_some(void)
{
    int input = 0, room = 0, last = 0;
    int64_t today = now(), first = INT64_MAX;
    for (int i = 1; i <= CLIENTS; i++)
        if (fds[i].fd >= 0) {
            *(fds[i].events == POLLOUT ? &room : &input) += 1;
            first = clients[i].until < first ? clients[i].until : first;
            last = i;
        }
    int64_t ms = first > today ? first - today : 0;
    if (input + room == 0) /* without descriptors it tries again later to accept */
        ms = fds[0].events ? -1 : PATIENCE;
    NOTE("poll: waits for %sinput of %d, room of %d", fds[0].events ? "new clients, " : "", input, room);
    if (poll(fds, 1 + (nfds_t)last, (int)ms) < 0 && errno != EINTR)
        check(-1, "poll");
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0); /* each line at once, also into a pipe */
    fds[0].fd = listen_at(argc > 1 ? (unsigned short)strtoul(argv[1], NULL, 10) : 8093);
    for (int i = 1; i <= CLIENTS; i++)
        fds[i].fd = -1;
    for (;;) {
        if (fds[0].revents || !fds[0].events)
            accept_all();
        for (int i = 1; i <= CLIENTS; i++)
            if (fds[i].fd >= 0 &&
                (fds[i].revents ? !echo(&fds[i], &clients[i]) : now() >= clients[i].until)) {
                NOTE("client %d: close", fds[i].fd);
                close(fds[i].fd);
                fds[i].fd = -1;
                fds[0].events = POLLIN; /* there is a place again */
            }
        wait_for_some();
    }
}
