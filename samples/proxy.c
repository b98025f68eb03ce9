/* SPDX-License-Identifier: MIT */
/* proxy [ADDRESS [CLASS [TO]]]: what a client sends goes to TO, and what TO sends comes back, both at the
   same time. Without TO the client says to where, in the words of SOCKS5 (RFC 1928).

   Try:  build/samples/proxy localhost:1080 ThreadingTCPServer
   and:  curl http://localhost:8000/ -x socks5h://localhost:1080
   or:   build/samples/proxy localhost:8092 EventLoopTCPServer localhost:8000 */
#include "socketserver.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PATIENCE = 10000, IDLE = 600000 /* ms to connect, and without a byte either way */ };
enum { PIECES = 32 /* that go one way until it is looked at the other one */ };

static const char *to; /* NULL: SOCKS5 */

struct way {
    struct ss_stream *from, *to;
    bool full, ended;
};

/* Moves what can be moved without waiting. When it waited for one way, the other one would stand still: and
   two that send much before they read anything would wait for each other, with both in between. */
static int move(struct way *way)
{
    const char *data;
    ssize_t there = -EAGAIN, taken = 0;
    int pieces = way->ended ? PIECES : 0;
    while (pieces < PIECES && (there = ss_peek_now(way->from, &data, 1)) > 0 &&
           (taken = ss_write_now(way->to, data, (size_t)there)) > 0) {
        ss_skip(way->from, (size_t)taken);
        pieces++;
    }
    int rc = ss_flush_now(way->to);
    way->full = taken == -EAGAIN || rc == -EAGAIN || (pieces == PIECES && !way->ended);
    if (there == 0 && !way->full) { /* the other side may go on: only this way has ended */
        way->ended = true;
        rc = ss_write_eof(way->to);
    }
    if (there < 0 && there != -EAGAIN)
        return (int)there;
    return rc == -EAGAIN ? 0 : rc; /* errors of ss_write_now are with it: they stay with the stream */
}

/* What is waited for on the descriptor of a stream. For nothing it is -1: who has gone would be told of again
   and again. */
static struct pollfd watch(const struct way *in, const struct way *out)
{
    short events = (short)((in->full || in->ended ? 0 : POLLIN) | (out->full ? POLLOUT : 0));
    return (struct pollfd){.fd = events ? in->from->fd : -1, .events = events};
}

static int relay(struct ss_handler *h, struct ss_stream *other)
{
    struct way there = {.from = h->rfile, .to = other}, back = {.from = other, .to = h->wfile};
    for (;;) {
        int rc = move(&there);
        if (rc == 0)
            rc = move(&back);
        if (rc < 0 || (there.ended && back.ended))
            return rc;
        struct pollfd fds[] = {watch(&there, &back), watch(&back, &there)};
        rc = ss_poll_idle(h->server, fds, 2, IDLE);
        if (rc <= 0)
            return rc;
    }
}

/* ---- SOCKS5 ---- */

static int reply(struct ss_handler *h, int rc)
{
    char code = (char)(rc == 0               ? 0
                       : rc == -ECONNREFUSED ? 5
                       : rc == -EOPNOTSUPP   ? 7
                       : rc == -EAFNOSUPPORT ? 8
                                             : 4);
    int written = ss_write(h->wfile, (char[10]){5, code, 0, 1}, 10);
    return rc < 0 ? 0 : written;
}

/* The host: a name, or an address as text. */
static int read_host(struct ss_handler *h, int type, char host[300])
{
    unsigned char size = type == 1 ? 4 : 16, data[256] = "";
    if ((type != 1 && type != 3 && type != 4) || (type == 3 && ss_readexactly(h->rfile, &size, 1) != 1))
        return -EAFNOSUPPORT;
    if (ss_readexactly(h->rfile, data, size) != size)
        return -EPIPE;
    if (type == 3)
        strcpy(host, (char *)data);
    else
        inet_ntop(type == 1 ? AF_INET : AF_INET6, data, host, 300);
    bool of_another_kind = !*host || strchr(host, '/') || strcmp(host, "unix") == 0;
    return of_another_kind ? -ENOENT : 0;
}

/* Stores where the client wants to go. 0; -EPIPE: it does not say; or -errno, which it is to be told. */
static int read_target(struct ss_handler *h, char *text, size_t size)
{
    unsigned char head[4], methods[255], port[2] = {0};
    char host[300] = "";
    if (ss_readexactly(h->rfile, head, 2) != 2 || head[0] != 5 ||
        ss_readexactly(h->rfile, methods, head[1]) != head[1])
        return -EPIPE;
    bool open = memchr(methods, 0, head[1]); /* without a password */
    ss_write(h->wfile, open ? "\5\0" : "\5\377", 2);
    if (!open || ss_readexactly(h->rfile, head, 4) != 4 || head[0] != 5)
        return -EPIPE;
    int rc = read_host(h, head[3], host);
    if (rc == 0 && ss_readexactly(h->rfile, port, 2) != 2)
        return -EPIPE;
    snprintf(text, size, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port[0] << 8 | port[1]);
    return rc == 0 && head[1] != 1 ? -EOPNOTSUPP : rc; /* CONNECT; not BIND or UDP */
}

static int handle(struct ss_handler *h)
{
    char text[320];
    struct ss_stream *other = NULL;
    int rc = to ? 0 : read_target(h, text, sizeof text);
    if (rc == -EPIPE)
        return 0;
    if (rc == 0)
        rc = ss_connect(h->server, to ? to : text, SOCK_STREAM, PATIENCE, &other);
    if (!to && rc != -ECANCELED && reply(h, rc) < 0)
        rc = -EPIPE;
    if (rc == 0)
        rc = relay(h, other);
    ss_close(other);
    return rc;
}

static const struct ss_handler_class Proxy = {.handle = handle};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Passes on what clients send to TO (an address), or to where they say by SOCKS5.",
        .address = "localhost:1080",
        .cls = "ThreadingTCPServer",
        .servers = "TCPServer UnixStreamServer",
        .argument = "TO",
        .value = &to,
        .handler = &Proxy,
    };
    return ss_main(argc, argv, &program);
}
