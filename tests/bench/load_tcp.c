/* SPDX-License-Identifier: MIT */
/* load_tcp: plays ping-pong with a server that sends back what it gets, over TCP or WebSockets; see load.h.

   load_tcp [-c CONNECTIONS] [-s SECONDS | -n REQUESTS] [-b BYTES] [-w PATH] PORT

     -b  bytes in each message (64)
     -w  by WebSockets: a message is a masked binary frame

   Every message is different, and every byte of every answer is compared. */
#include "load.h"
#include <endian.h>
#include <poll.h>
#include <unistd.h>

enum { MOST = 1 << 20, HEAD = 14 /* bytes before a message at most */ };

struct connection {
    int fd;
    bool idle;
    uint64_t number; /* of the message under way */
    uint64_t began;
    size_t sent, got;
};

/* What is sent, or has to come: a head, and the message. */
struct frame {
    char data[HEAD + MOST];
    size_t head, size;
};

static struct load load = {.connections = 64, .seconds = 1};
static size_t size = 64;
static const char *path; /* NULL: no WebSockets */
static const char key[4] = "\x12\x9a\x56\xde";
static struct frame ours, answer;
static struct connection *connections;

/* RFC 6455 5.2 */
static void make_frame(struct frame *frame, const char *mask)
{
    uint16_t of_16 = htobe16((uint16_t)size);
    uint64_t of_64 = htobe64(size);
    size_t more = size < 126 ? 0 : size < 65536 ? sizeof of_16 : sizeof of_64;
    frame->data[0] = '\x82';
    frame->data[1] = (char)((mask ? 128 : 0) | (more == 0 ? size : more == sizeof of_16 ? 126 : 127));
    memcpy(frame->data + 2, more == sizeof of_16 ? (void *)&of_16 : (void *)&of_64, more);
    if (mask)
        memcpy(frame->data + 2 + more, mask, sizeof key);
    frame->head = 2 + more + (mask ? sizeof key : 0);
}

/* Both are turned into the message that is under way on this connection. */
static void turn_to(const struct connection *c)
{
    char *to = ours.data + ours.head;
    const char *from = answer.data + answer.head;
    load_stamp(answer.data + answer.head, size, c->number * 65536 + (uint64_t)(c - connections));
    for (size_t i = 0; i < 16 && i < size; i++)
        to[i] = path ? from[i] ^ key[i % sizeof key] : from[i];
}

static void make_frames(void)
{
    if (path) {
        make_frame(&ours, key);
        make_frame(&answer, NULL);
    }
    ours.size = ours.head + size;
    answer.size = answer.head + size;
    load_fill(answer.data + answer.head, size);
    for (size_t i = 0; i < size; i++)
        ours.data[ours.head + i] = answer.data[answer.head + i] ^ (path ? key[i % sizeof key] : 0);
}

static void send_rest(struct connection *c)
{
    turn_to(c);
    load_send(c->fd, ours.data, ours.size, &c->sent);
}

static void ask(struct connection *c)
{
    c->idle = !load_begin(&load);
    if (c->idle)
        return;
    c->number++;
    c->sent = c->got = 0;
    c->began = nanoseconds();
    send_rest(c);
}

static void take(struct connection *c, const char *data, size_t n)
{
    if (c->idle || n > answer.size - c->got)
        DIE("%zu bytes that nobody has sent", n);
    turn_to(c);
    if (memcmp(data, answer.data + c->got, n) != 0)
        DIE("not what was sent");
    load.bytes += n;
    c->got += n;
    if (c->got < answer.size)
        return;
    load_done(&load, c->began);
    ask(c);
}

/* Readiness is told once, so all is read that is there. */
static void receive(struct connection *c)
{
    static char buffer[HEAD + MOST];
    for (;;) {
        ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0)
            DIE("recv: %s", n ? strerror(errno) : "closed");
        bool last = (size_t)n == answer.size - c->got;
        take(c, buffer, (size_t)n);
        if (last) /* there can be no more yet, nor before the next event */
            return;
    }
}

static void await(int fd, short what)
{
    struct pollfd one = {.fd = fd, .events = what};
    if (poll(&one, 1, LATEST * 1000) != 1 || one.revents & POLLERR)
        DIE("a connection cannot be opened");
}

/* RFC 6455 4.1 */
static void open_websocket(int fd)
{
    char text[4096];
    ssize_t n;
    size_t got = 0, sent = 0;
    int length =
        snprintf(text, sizeof text,
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                 path);
    if (length >= (int)sizeof text)
        DIE("the path is too long");
    await(fd, POLLOUT);
    load_send(fd, text, (size_t)length, &sent);
    do {
        await(fd, POLLIN);
        if ((n = recv(fd, text + got, sizeof text - 1 - got, 0)) <= 0)
            DIE("no answer to the handshake");
        got += (size_t)n;
        text[got] = 0;
    } while (!strstr(text, "\r\n\r\n"));
    if (strncmp(text, "HTTP/1.1 101 ", 13) != 0)
        DIE("no WebSocket: %.40s", text);
}

static void run(void)
{
    struct epoll_event events[EVENTS];
    for (int i = 0; i < load.connections; i++) {
        connections[i].fd = load_connect(&load, SOCK_STREAM, &connections[i]);
        if (path)
            open_websocket(connections[i].fd);
        ask(&connections[i]);
    }
    while (!load_over(&load)) {
        int n = epoll_wait(load.epoll, events, EVENTS, 0);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT && !c->idle)
                send_rest(c);
            if (events[i].events & ~(uint32_t)EPOLLOUT)
                receive(c);
        }
    }
}

int main(int argc, char **argv)
{
    for (int option; (option = getopt(argc, argv, "c:s:n:b:w:")) != -1;) {
        if (option == 'b')
            size = (size_t)number(optarg, 1, MOST);
        else if (option == 'w')
            path = optarg;
        else if (!load_option(&load, option, optarg))
            return 2;
    }
    if (argc - optind != 1)
        DIE("usage: load_tcp [OPTION]... PORT");
    make_frames();
    if (!(connections = calloc((size_t)load.connections, sizeof *connections)))
        DIE("no memory for %d connections", load.connections);
    load_start(&load, argv[optind]);
    run();
    load_report(&load);
    free(connections);
}
