/* SPDX-License-Identifier: MIT */
/* One more client among load_http's, that wants more than the others (its option -g).

   It lives in the generator's own loop. As a process of its own it would take turns with the generator on its
   processor, and the latencies would be the scheduler's, not the server's. In each turn of the loop it sends
   one piece and receives one, if the socket lets it: it takes what the server gives, and costs the clocks of
   the other clients some 20 us a turn. */
#ifndef BENCH_GREEDY_H
#define BENCH_GREEDY_H

#include "load.h"

enum { GREEDY_PIECE = 64 * 1024, GREEDY_SECOND = 1000000000 };

struct greedy {
    int fd;
    bool readable, writable;
    bool slow;   /* reads a byte a second */
    bool mute;   /* an answer would be the end of what it wants */
    char *first; /* sent once, then `again` without end */
    char *again; /* may be NULL */
    size_t first_size, again_size;
    size_t sent; /* of the one that is being sent */
    uint64_t next_read, received, given;
};

static inline char *greedy_text(size_t *size, const char *format, const char *path)
{
    char *text;
    int n = asprintf(&text, format, path);
    if (n < 0)
        DIE("no memory for a greedy client");
    *size = (size_t)n;
    return text;
}

/* As many copies of a request as make a piece. */
static inline char *greedy_repeat(const char *text, size_t length, size_t *size)
{
    char *all = malloc(GREEDY_PIECE);
    if (!all)
        DIE("no memory for a greedy client");
    for (*size = 0; *size + length <= GREEDY_PIECE; *size += length)
        memcpy(all + *size, text, length);
    return all;
}

/* A chunk that fills a piece. */
static inline char *greedy_chunk(size_t *size)
{
    size_t length = GREEDY_PIECE - 8, head;
    char *chunk = malloc(GREEDY_PIECE);
    if (!chunk)
        DIE("no memory for a greedy client");
    head = (size_t)snprintf(chunk, 8, "%zx\r\n", length);
    memset(chunk + head, 'x', length);
    chunk[head + length] = '\r';
    chunk[head + length + 1] = '\n';
    *size = head + length + 2;
    return chunk;
}

/* "pipeline:/path", "slow:/path" or "upload:/path" */
static inline void greedy_parse(struct greedy *g, const char *kind)
{
    static const char get[] = "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static const char post[] = "POST %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    const char *path = strchr(kind, '/');
    g->slow = strncmp(kind, "slow:/", 6) == 0;
    g->mute = strncmp(kind, "upload:/", 8) == 0;
    if (!path || (!g->slow && !g->mute && strncmp(kind, "pipeline:/", 10) != 0))
        DIE("%s: not pipeline:/path, slow:/path or upload:/path", kind);
    g->first = greedy_text(&g->first_size, g->mute ? post : get, path);
    if (g->mute)
        g->again = greedy_chunk(&g->again_size);
    else if (!g->slow)
        g->again = greedy_repeat(g->first, g->first_size, &g->again_size);
}

static inline void greedy_dial(struct greedy *g, struct load *load)
{
    int small = 4096;
    g->fd = load_connect(load, SOCK_STREAM, g);
    if (g->slow && setsockopt(g->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) < 0)
        DIE("SO_RCVBUF: %s", strerror(errno));
}

static inline void greedy_event(struct greedy *g, uint32_t events)
{
    g->writable |= (events & EPOLLOUT) != 0;
    g->readable |= (events & ~(uint32_t)EPOLLOUT) != 0;
}

static inline void greedy_send(struct greedy *g)
{
    const char *data = g->first ? g->first : g->again;
    size_t size = g->first ? g->first_size : g->again_size;
    if (!data)
        return;
    ssize_t n = send(g->fd, data + g->sent, size - g->sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN)
        DIE("the greedy client cannot send: %s", strerror(errno));
    g->writable = n >= 0;
    if (n < 0)
        return;
    g->given += (uint64_t)n;
    g->sent += (size_t)n;
    if (g->sent < size)
        return;
    g->sent = 0;
    free(g->first);
    g->first = NULL;
}

/* What comes is thrown away by the kernel, but for the beginning. */
static inline void greedy_receive(struct greedy *g)
{
    char start[12] = "";
    if (g->slow && nanoseconds() < g->next_read)
        return;
    bool look = g->received == 0 && !g->slow;
    size_t size = g->slow ? 1 : look ? sizeof start : 4 * GREEDY_PIECE;
    ssize_t n = recv(g->fd, look ? start : NULL, size, look ? 0 : MSG_TRUNC);
    if (n < 0 && errno != EAGAIN)
        DIE("the greedy client cannot receive: %s", strerror(errno));
    if (n == 0 || (n > 0 && g->mute) || (n > 0 && look && memcmp(start, "HTTP/1.1 200", 12) != 0))
        DIE("the greedy client is refused: %.*s", (int)n, start);
    g->readable = n >= 0;
    if (n < 0)
        return;
    g->received += (uint64_t)n;
    g->next_read = nanoseconds() + GREEDY_SECOND;
}

/* Its share of a turn of the generator's loop. */
static inline void greedy_turn(struct greedy *g)
{
    if (g->readable)
        greedy_receive(g);
    if (g->writable)
        greedy_send(g);
}

#endif
