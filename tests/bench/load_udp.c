/* SPDX-License-Identifier: MIT */
/* load_udp: plays ping-pong with a UDP echo server; see load.h.

   load_udp [-c CLIENTS] [-w WINDOW] [-s SECONDS | -n REQUESTS] [-b BYTES] PORT

     -c  so many sockets (8),
     -w  each with so many datagrams under way (8)
     -b  bytes in each datagram (64)

   Datagrams are sent and received several at a time, so that the server stays the slower side. Every one is
   different, and every byte of every answer is compared; one without an answer is sent again and reported. */
#include "load.h"
#include <unistd.h>

enum { MOST = 1400, STAMPED = 16, WINDOW = 64, PATIENCE = 200 /* ms until one is taken for lost */ };

struct flight {
    uint64_t number; /* of the datagram under way; 0: none */
    uint64_t began;
};

struct client {
    int fd;
    struct flight window[WINDOW];
    unsigned waiting, waiting_at[WINDOW]; /* those to be sent */
};

static struct load load = {.connections = 8, .seconds = 1};
static struct client *clients;
static unsigned window = 8;
static size_t size = 64;
static char out[WINDOW][MOST], in[WINDOW][MOST + 1];
static struct mmsghdr out_headers[WINDOW], in_headers[WINDOW];

static uint64_t stamp_of(const struct client *c, unsigned at)
{
    return (c->window[at].number * 65536 + (uint64_t)(c - clients)) * WINDOW + at;
}

static void wait_for_turn(struct client *c, unsigned at)
{
    c->waiting_at[c->waiting++] = at;
    c->window[at].began = nanoseconds();
}

static void send_waiting(struct client *c)
{
    for (unsigned i = 0; i < c->waiting; i++)
        load_stamp(out[i], size, stamp_of(c, c->waiting_at[i]));
    int sent = c->waiting ? sendmmsg(c->fd, out_headers, c->waiting, 0) : 0;
    if (sent < 0)
        DIE("sendmmsg: %s", strerror(errno));
    c->waiting = 0; /* what was not sent is lost */
}

static void ask(struct client *c, unsigned at)
{
    static uint64_t numbers;
    c->window[at].number = load_begin(&load) ? ++numbers : 0;
    if (c->window[at].number)
        wait_for_turn(c, at);
}

static void take(struct client *c, const char *data, size_t n)
{
    char expected[MOST];
    unsigned at = (unsigned)(load_stamp_value(data) % WINDOW);
    memcpy(expected, out[0], size);
    load_stamp(expected, size, stamp_of(c, at));
    if (n != size || memcmp(data + STAMPED, expected + STAMPED, size - STAMPED) != 0)
        DIE("not what was sent");
    if (memcmp(data, expected, STAMPED) != 0 || c->window[at].number == 0) {
        if (!load.lost)
            DIE("an answer that nobody has asked for");
        return; /* one that was taken for lost */
    }
    load.bytes += n;
    load_done(&load, c->window[at].began);
    ask(c, at);
}

static void receive(struct client *c)
{
    int n = recvmmsg(c->fd, in_headers, WINDOW, MSG_DONTWAIT, NULL);
    if (n < 0 && errno != EAGAIN)
        DIE("recvmmsg: %s", strerror(errno));
    for (int i = 0; i < n; i++)
        take(c, in[i], in_headers[i].msg_len);
}

static void repeat_lost(struct client *c)
{
    uint64_t now = nanoseconds();
    for (unsigned i = 0; i < window; i++)
        if (c->window[i].number && now > c->window[i].began + PATIENCE * UINT64_C(1000000)) {
            load.lost++;
            wait_for_turn(c, i);
        }
}

static void run(void)
{
    for (int i = 0; i < load.connections; i++) {
        clients[i].fd = load_connect(&load, SOCK_DGRAM, &clients[i]);
        for (unsigned at = 0; at < window; at++)
            ask(&clients[i], at);
        send_waiting(&clients[i]);
    }
    for (unsigned turn = 1; !load_over(&load); turn++)
        for (int i = 0; i < load.connections; i++) {
            receive(&clients[i]);
            if (turn % 65536 == 0)
                repeat_lost(&clients[i]);
            send_waiting(&clients[i]);
        }
}

int main(int argc, char **argv)
{
    static struct iovec pieces[2][WINDOW];
    for (int option; (option = getopt(argc, argv, "c:w:s:n:b:")) != -1;) {
        if (option == 'b')
            size = (size_t)number(optarg, STAMPED, MOST);
        else if (option == 'w')
            window = (unsigned)number(optarg, 1, WINDOW);
        else if (!load_option(&load, option, optarg))
            return 2;
    }
    if (argc - optind != 1)
        DIE("usage: load_udp [OPTION]... PORT");
    for (int i = 0; i < WINDOW; i++) {
        load_fill(out[i], size);
        pieces[0][i] = (struct iovec){out[i], size};
        pieces[1][i] = (struct iovec){in[i], sizeof in[i]};
        out_headers[i].msg_hdr = (struct msghdr){.msg_iov = &pieces[0][i], .msg_iovlen = 1};
        in_headers[i].msg_hdr = (struct msghdr){.msg_iov = &pieces[1][i], .msg_iovlen = 1};
    }
    if (!(clients = calloc((size_t)load.connections, sizeof *clients)))
        DIE("no memory for %d clients", load.connections);
    load_start(&load, argv[optind]);
    run();
    load_report(&load);
    free(clients);
}
