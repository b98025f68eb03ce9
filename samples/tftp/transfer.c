/* SPDX-License-Identifier: MIT */
/* A window of packets is sent, an answer is waited for, and what the answer does not name is sent again.

   Packets have numbers: 0 is OACK, if there is one, and from 1 on they are blocks. On the wire a number has
   16 bits, and after 65535 comes 0. So a file may have any size: of the few packets that are on their way, no
   two have the same 16 bits.

   What is not done: an ACK that has come before makes nobody send (RFC 1123 4.2.3.1). One delayed packet
   would double all that follow, the "sorcerer's apprentice syndrome": time-outs alone repeat a block. There
   is one exception, in a window of several blocks: there the client repeats its last ACK when the first block
   of the window was lost (RFC 7440), which is obeyed once until something new is acknowledged. */
#include "tftp/transfer.h"
#include "tftp/debts.h"
#include <errno.h>
#include <linux/errqueue.h>
#include <stdio.h>
#include <string.h>

enum {
    FIRST_WAIT = 500,    /* ms until a packet is repeated, as long as nobody knows how long the way is */
    SHORTEST_WAIT = 200, /* ms, when that is known */
    LONGEST_WAIT = 8000, /* ms; each time-out doubles the wait until then */
    TRIES = 6,           /* of one packet, if the client has answered before */
    UNPROVEN_TRIES = 3,  /* and if it has not: see debts.c */
    STRANGERS = 16,      /* that are told of their mistake */
};

struct transfer {
    struct ss_handler *h;
    const struct read_request *request;
    struct source *source;
    const struct ss_address *client;
    struct outcome *outcome;
    int fd;
    size_t block_size;
    unsigned window;           /* packets at once */
    int64_t acked, sent, read; /* the last packet that the client has, that was sent, that was read */
    int64_t last;              /* the last one of all; INT64_MAX: not known yet */
    bool proven;               /* the client has answered */
    size_t owed;               /* bytes that were sent before */
    bool obeyed;               /* it has repeated an ACK, and the window was sent again */
    int tries, wait, strangers;
    int64_t timed; /* the packet whose answer is waited for to learn how long the way is; -1: none */
    uint64_t timed_at;
    double mean, deviation;     /* ms there and back */
    uint64_t minute, in_minute; /* when the present one has begun, and how many bytes the client took in it */
    size_t stride, sizes[LARGEST_WINDOW];
    char *packets; /* those of the window, each at its number modulo `window` */
};

/* ---------------------------------------------------------------- out */

static char *packet_of(const struct transfer *t, int64_t number)
{
    return t->packets + (size_t)(number % t->window) * t->stride;
}

/* For --explain, which does not see what happens to a socket of our own. */
static void explain(const struct transfer *t, const char *call, const char *packet, size_t size)
{
    static const char *const names[] = {"?", "RRQ", "WRQ", "DATA", "ACK", "ERROR", "OACK"};
    char note[80];
    if (!t->h->server->explained || size < HEADER)
        return;
    unsigned operation = read_u16(packet);
    if (operation == OACK)
        (void)snprintf(note, sizeof note, "OACK, %zu bytes", size);
    else
        (void)snprintf(note, sizeof note, "%s %u, %zu bytes", names[operation <= OACK ? operation : 0],
                       read_u16(packet + 2), size);
    ss_explain(t->h, call, note);
}

static void put(const struct transfer *t, const struct ss_address *to, const char *data, size_t size)
{
    explain(t, "sendto", data, size);
    /* what does not leave is as good as lost on the way */
    (void)sendto(t->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT, &to->u.any, to->length);
}

static void tell(const struct transfer *t, const struct ss_address *to, int code, const char *words)
{
    char packet[CONTROL_PACKET];
    put(t, to, packet, write_error(packet, code, words));
}

/* Reads the packet behind the last one. 0 or -errno. */
static int read_packet(struct transfer *t)
{
    int64_t number = t->read + 1;
    char *packet = packet_of(t, number);
    size_t *size = &t->sizes[number % t->window];
    if (number == 0) {
        *size = write_options(packet, t->request, (uint64_t)t->source->size);
    } else {
        ssize_t n = source_read(t->source, packet + HEADER, t->block_size);
        if (n < 0)
            return (int)n;
        write_u16(packet, DATA);
        write_u16(packet + 2, (unsigned)(number & 0xffff));
        *size = HEADER + (size_t)n;
        if ((size_t)n < t->block_size)
            t->last = number; /* a short block, of no bytes perhaps, is the last one */
    }
    t->read = number;
    return 0;
}

static void send_packet(struct transfer *t, int64_t number)
{
    size_t size = t->sizes[number % t->window];
    if (!t->proven && !debts_add(t->h->server, t->client, size))
        return;
    t->owed += t->proven ? 0 : size;
    put(t, t->client, packet_of(t, number), size);
}

/* Sends what the window has room for. 0 or -errno. */
static int send_window(struct transfer *t)
{
    int64_t end = t->acked + (t->proven ? t->window : 1);
    bool fresh = t->sent == t->read;
    int rc = 0;
    while (rc == 0 && t->sent < end && t->sent < t->last) {
        if (t->sent == t->read)
            rc = read_packet(t);
        else
            t->outcome->again++;
        if (rc == 0)
            send_packet(t, ++t->sent);
    }
    t->timed = fresh ? t->sent : -1; /* whose answer it is, nobody knows of a packet that was sent twice */
    t->timed_at = ss_now();
    return rc;
}

/* ---------------------------------------------------------------- time */

/* As TCP does (RFC 6298). A time that the client has asked for stays as it is. */
static void learn_time(struct transfer *t)
{
    double ms = (double)(ss_now() - t->timed_at);
    if (t->request->timeout || t->timed < 0 || t->acked < t->timed)
        return;
    double off = ms > t->mean ? ms - t->mean : t->mean - ms;
    t->deviation = t->mean > 0 ? t->deviation * 0.75 + off * 0.25 : ms / 2;
    t->mean = t->mean > 0 ? t->mean * 0.875 + ms * 0.125 : ms;
    int wait = (int)(t->mean + 4 * t->deviation);
    t->wait = wait < SHORTEST_WAIT ? SHORTEST_WAIT : wait > LONGEST_WAIT ? LONGEST_WAIT : wait;
}

/* Nothing has come that was waited for: from the last packet on that the client is known to have, all is sent
   again. */
static int repeat(struct transfer *t)
{
    if (++t->tries >= (t->proven ? TRIES : UNPROVEN_TRIES))
        return -ETIMEDOUT;
    if (t->wait < LONGEST_WAIT)
        t->wait = 2 * t->wait < LONGEST_WAIT ? 2 * t->wait : LONGEST_WAIT;
    t->sent = t->acked;
    t->obeyed = false;
    return 0;
}

/* A client that takes a block now and then would keep its place for ever. */
static bool is_too_slow(struct transfer *t, int64_t packets)
{
    uint64_t now = ss_now(), passed = now - t->minute;
    t->in_minute += (uint64_t)packets * (HEADER + t->block_size);
    if (passed < (uint64_t)t->h->server->rate_window)
        return false;
    bool slow = t->in_minute * 1000 < passed * t->h->min_rate;
    t->minute = now;
    t->in_minute = 0;
    return slow;
}

/* ---------------------------------------------------------------- in */

static bool is_same(const struct ss_address *a, const struct ss_address *b)
{
    if (a->u.any.sa_family != b->u.any.sa_family || ss_address_port(a) != ss_address_port(b))
        return false;
    if (a->u.any.sa_family == AF_INET)
        return a->u.in.sin_addr.s_addr == b->u.in.sin_addr.s_addr;
    return IN6_ARE_ADDR_EQUAL(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr) &&
           a->u.in6.sin6_scope_id == b->u.in6.sin6_scope_id;
}

/* 1: something new; 0: nothing; or -errno. */
static int take_ack(struct transfer *t, unsigned number)
{
    int64_t ahead = (uint16_t)(number - (unsigned)t->acked);
    if (ahead == 0 && t->window > 1 && t->proven && !t->obeyed && t->sent > t->acked) {
        t->obeyed = true;
        t->sent = t->acked;
        return 1;
    }
    if (ahead == 0 || ahead > t->sent - t->acked)
        return 0; /* it was here before, or is about what was not sent */
    if (!t->proven)
        debts_pay(t->h->server, t->client, t->owed);
    t->proven = true;
    t->acked += ahead;
    learn_time(t);
    t->sent = t->acked; /* what the client has not named of this window it has not got (RFC 7440) */
    t->tries = 0;
    t->obeyed = false;
    if (t->request->timeout)
        t->wait = (int)t->request->timeout * 1000;
    return is_too_slow(t, ahead) ? -ETIMEDOUT : 1;
}

static int take_packet(struct transfer *t, const struct ss_address *from, const char *packet, size_t size)
{
    unsigned operation = size < HEADER ? 0 : read_u16(packet);
    explain(t, "recvfrom", packet, size);
    if (!is_same(from, t->client)) {
        if (operation && operation != ERROR && t->strangers++ < STRANGERS)
            tell(t, from, UNKNOWN_TRANSFER, "this port is another one's transfer");
        return 0;
    }
    if (operation == ACK)
        return take_ack(t, read_u16(packet + 2));
    if (operation == ERROR)
        return -ECONNABORTED;
    if (operation)
        tell(t, from, ILLEGAL_OPERATION, "ACK and ERROR are what this transfer understands");
    return operation ? -EPROTO : 0;
}

/* What routers and hosts say of what was sent: is the client's port closed? (The socket is not connected, as
   then strangers would get no answer; so it has to be asked.) */
static bool has_gone(const struct transfer *t)
{
    bool gone = false;
    for (;;) {
        struct ss_address to = {0};
        char room[512], data[1];
        struct iovec vector = {data, sizeof data};
        struct msghdr message = {.msg_name = &to.u,
                                 .msg_namelen = sizeof to.u,
                                 .msg_iov = &vector,
                                 .msg_iovlen = 1,
                                 .msg_control = room,
                                 .msg_controllen = sizeof room};
        if (recvmsg(t->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            return gone;
        to.length = message.msg_namelen;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
            struct sock_extended_err error;
            if ((c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR) &&
                (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_RECVERR))
                continue;
            memcpy(&error, CMSG_DATA(c), sizeof error);
            gone |= error.ee_errno == ECONNREFUSED && is_same(&to, t->client);
        }
    }
}

/* 1: something new; 0: nothing; or -errno. */
static int receive(struct transfer *t)
{
    char packet[HEADER + PLAIN_BLOCK];
    struct ss_address from = {.length = sizeof from.u};
    ssize_t n = recvfrom(t->fd, packet, sizeof packet, MSG_DONTWAIT, &from.u.any, &from.length);
    if (n >= 0)
        return take_packet(t, &from, packet, (size_t)n);
    return errno != EAGAIN && has_gone(t) ? -ECONNREFUSED : 0;
}

/* Waits for an answer that says something new, and no longer than it may. 0 or -errno. */
static int await_answer(struct transfer *t)
{
    uint64_t end = ss_now() + (uint64_t)t->wait;
    for (;;) {
        uint64_t now = ss_now();
        struct pollfd fd = {.fd = t->fd, .events = POLLIN};
        int rc = now < end ? ss_poll(t->h->server, &fd, 1, (int)(end - now)) : 0;
        if (rc == 0)
            return repeat(t);
        if (rc > 0 && fd.revents & POLLERR && has_gone(t))
            rc = -ECONNREFUSED;
        if (rc > 0)
            rc = receive(t);
        if (rc != 0)
            return rc < 0 ? rc : 0;
    }
}

/* ---------------------------------------------------------------- all of it */

static const char *words_for(int rc)
{
    return rc == -ECANCELED   ? "the server stops; try again later"
           : rc == -EIO       ? "the file was made shorter meanwhile; ask for it again"
           : rc == -ETIMEDOUT ? "there is no answer"
                              : "the file cannot be read";
}

int transfer_run(struct ss_handler *h, int fd, const struct read_request *r, struct source *source,
                 struct outcome *outcome)
{
    struct transfer t = {
        .h = h,
        .request = r,
        .source = source,
        .client = &h->request->datagram->client_address,
        .outcome = outcome,
        .fd = fd,
        .block_size = r->block_size ? r->block_size : PLAIN_BLOCK,
        .window = r->window ? r->window : 1,
        .last = INT64_MAX,
        .wait = r->timeout ? (int)r->timeout * 1000 : FIRST_WAIT,
        .minute = ss_now(),
    };
    char none[CONTROL_PACKET];
    t.stride = HEADER + (t.block_size > CONTROL_PACKET ? t.block_size : CONTROL_PACKET);
    t.acked = t.sent = t.read = write_options(none, r, (uint64_t)source->size) ? -1 : 0;
    t.packets = ss_alloc(h, t.window * t.stride);
    int rc = t.packets ? 0 : -ENOMEM;
    while (rc == 0 && t.acked < t.last) {
        rc = send_window(&t);
        if (rc == 0)
            rc = await_answer(&t);
    }
    outcome->blocks = t.acked > 0 ? (uint64_t)t.acked : 0;
    if (rc < 0 && t.proven && rc != -ECONNABORTED && rc != -ECONNREFUSED && rc != -EPROTO)
        tell(&t, t.client, OTHER_ERROR, words_for(rc));
    return rc;
}
