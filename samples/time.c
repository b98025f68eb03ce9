/* SPDX-License-Identifier: MIT */
/* time [ADDRESS [CLASS]]: tells the time in the words of SNTP (RFC 4330, RFC 5905). A question and its answer
   are one datagram each. When one of them is lost nobody is told; so who asks waits a while, and asks again.

   Try:  build/samples/time localhost:8123 UDPServer
   and:  build/samples/time_client localhost:8123 */
#include "socketserver.h"
#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { CLIENT = 3, SERVER = 4 };
/* Seconds since 1900, in which NTP counts; in 2036 they begin anew. */
static const uint64_t to_1970 = 2208988800;

/* All numbers have their most significant byte first, as in most protocols. */
struct packet {
    uint8_t flags; /* leap seconds to come, version (3 bits), who speaks (3 bits) */
    uint8_t stratum;
    int8_t poll, precision; /* powers of two: seconds */
    uint32_t root_delay, root_dispersion;
    char source[4];
    uint64_t reference, asked, received, sent; /* 32 bits of seconds, 32 of their fraction */
};

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return htobe64(((uint64_t)t.tv_sec + to_1970) << 32 | (((uint64_t)t.tv_nsec << 32) / 1000000000));
}

static int tell(struct ss_handler *h)
{
    struct packet packet;
    uint64_t received = now();
    if (ss_readexactly(h->rfile, &packet, sizeof packet) != sizeof packet)
        return 0; /* no question: no answer */
    unsigned version = packet.flags >> 3 & 7;
    if ((packet.flags & 7) != CLIENT || version < 1 || version > 4)
        return 0;
    packet =
        (struct packet){.flags = (uint8_t)(version << 3 | SERVER),
                        .stratum = 1,
                        .poll = packet.poll,
                        .precision = -20, /* a microsecond */
                        .source = "LOCL", /* this machine's clock, which nobody sets by a better one */
                        .reference = received,
                        .asked = packet.sent, /* lets the client see that it is the answer to this question */
                        .received = received};
    packet.sent = now();
    return ss_write(h->wfile, &packet, sizeof packet);
}

static const struct ss_handler_class Time = {.handle = tell};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Tells the time in the words of SNTP (RFC 4330).",
        .address = "localhost:8123",
        .cls = "UDPServer",
        .servers = "UDPServer UnixDatagramServer",
        .handler = &Time,
    };
    return ss_main(argc, argv, &program);
}
