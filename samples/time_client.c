/* SPDX-License-Identifier: MIT */
/* time_client [ADDRESS]: asks a time server (SNTP, RFC 4330) how far the clock of this machine is off. A
   datagram may be lost on its way, and so may the answer: it asks again, and believes only an answer to its
   own question.

   Try:  build/samples/time localhost:8123 UDPServer
   and:  build/samples/time_client localhost:8123 */
#include "socketserver.h"
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TRIES = 3, PATIENCE = 1000 /* ms for each */, VERSION = 4, CLIENT = 3, SERVER = 4 };
enum { SIZE = 48, ASKED = 24, RECEIVED = 32, SENT = 40 }; /* bytes of a packet, and where its times stand */

/* Seconds since 1900, as NTP writes them: 32 bits, and 32 of their fraction. */
static void put_time(unsigned char *at)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    uint64_t n = htobe64(((uint64_t)t.tv_sec + 2208988800) << 32 | ((uint64_t)t.tv_nsec << 32) / 1000000000);
    memcpy(at, &n, sizeof n);
}

/* Seconds from one time to another one. */
static double between(const unsigned char *from, const unsigned char *to)
{
    uint64_t a, b;
    memcpy(&a, from, sizeof a);
    memcpy(&b, to, sizeof b);
    return (double)(int64_t)(be64toh(b) - be64toh(a)) / 4294967296.0;
}

/* Waits for the answer to `question`; others, which may have come late, are passed over. 0 or -errno. */
static int hear(struct ss_stream *s, const unsigned char *question, unsigned char *answer)
{
    uint64_t end = ss_now() + PATIENCE;
    while (ss_now() < end) {
        ssize_t n = ss_read(s, answer, SIZE);
        if (n < 0)
            return (int)n;
        if (n == SIZE && (answer[0] & 7) == SERVER && memcmp(answer + ASKED, question + SENT, 8) == 0)
            return answer[1] == 0 ? -EAGAIN : 0; /* stratum 0: it wants to be left alone */
    }
    return -ETIMEDOUT;
}

static int ask(struct ss_stream *s)
{
    unsigned char question[SIZE] = {VERSION << 3 | CLIENT}, answer[SIZE], back[8];
    int rc = -ETIMEDOUT;
    for (int i = 0; i < TRIES && rc == -ETIMEDOUT; i++) {
        put_time(question + SENT);
        ss_write(s, question, sizeof question);
        ss_flush(s);
        rc = hear(s, question, answer);
        put_time(back);
    }
    if (rc < 0)
        return rc;
    double there = between(question + SENT, answer + RECEIVED), home = between(answer + SENT, back);
    printf("offset %+.6f s, way there and back %.6f s, stratum %d\n", (there - home) / 2, there + home,
           answer[1]);
    return 0;
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "localhost:8123";
    struct ss_stream *s = NULL;
    if (argc > 2) {
        fprintf(stderr, "usage: %s [ADDRESS]\n", argv[0]);
        return 2;
    }
    int rc = ss_connect(NULL, address, SOCK_DGRAM, PATIENCE, &s);
    if (rc == 0)
        rc = ask(s);
    if (rc < 0)
        fprintf(stderr, "%s: %s: %s\n", argv[0], address, strerror(-rc));
    ss_close(s);
    return rc < 0;
}
