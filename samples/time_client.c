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

enum { TRIES = 3, PATIENCE = 1000 /* ms for the first */, VERSION = 4, CLIENT = 3, SERVER = 4 };
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

static void note_time(void *question)
{
    put_time((unsigned char *)question + SENT);
}

/* It repeats the time of the question. So one that comes late, to an earlier question, is told from it. */
static bool is_answer(const void *data, size_t size, void *question)
{
    const unsigned char *answer = data;
    return size == SIZE && (answer[0] & 7) == SERVER &&
           memcmp(answer + ASKED, (unsigned char *)question + SENT, 8) == 0;
}

static int ask(struct ss_stream *s)
{
    unsigned char question[SIZE] = {VERSION << 3 | CLIENT}, answer[SIZE], back[8];
    struct ss_exchange_options how = {
        .tries = TRIES, .ms = PATIENCE, .match = is_answer, .prepare = note_time, .argument = question};
    ssize_t n = ss_exchange(s, question, sizeof question, answer, sizeof answer, &how);
    put_time(back);
    if (n < 0 || answer[1] == 0) /* stratum 0: it wants to be left alone */
        return n < 0 ? (int)n : -EAGAIN;
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
