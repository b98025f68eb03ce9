/* SPDX-License-Identifier: MIT */
/* stream_client [--seconds N] [--svg FILE] [ADDRESS]: hears a stream of datagrams, and draws what has become
   of them: which ones are lost, doubled, out of order, and how evenly they come. (It does not play them.)

   Try:  build/samples/stream localhost:8536 EventLoopUDPServer
   and:  build/samples/stream_client --seconds 2 localhost:8536 */
#include "socketserver.h"
#include "stream_client/draw.h"
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { USUAL = 10, MOST = 3600 /* seconds */, PATIENCE = 5000, AGAIN = 300, LOOK = 100 /* ms */ };
enum { KEPT = 1 << 20 /* bytes that the kernel keeps while this program does something else */ };
enum { LAG = 10 /* datagrams: so much later a line is drawn, as some come late */ };

static struct statistics statistics;
static volatile sig_atomic_t stopped;

struct hearing {
    const char *address;
    struct ss_stream *stream;      /* NULL: to be connected */
    uint64_t cookie, asked, heard; /* ms: when it has asked, and heard anything, last; 0: never */
    int64_t drawn;                 /* the next number to be drawn; 0: none has come */
    bool over;
};

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void send_word(const struct hearing *h, enum word word)
{
    char text[MESSAGE_SIZE + 1];
    size_t size = message_format(word, h->cookie, text);
    if (h->stream && ss_write(h->stream, text, size) == 0)
        (void)ss_flush(h->stream);
}

static void draw_until(struct hearing *h, int64_t end)
{
    for (; h->drawn && h->drawn <= end; h->drawn += WIDTH)
        draw_line(&statistics, h->drawn, stdout);
}

static void take(struct hearing *h, const char *data, size_t size)
{
    struct rtp rtp;
    uint64_t cookie;
    enum word word = message_parse(data, size, &cookie);
    if (word == COOKIE) {
        h->cookie = cookie;
        send_word(h, LISTEN);
    } else if ((word == BYE || word == FULL) && cookie == h->cookie) {
        fprintf(stderr, word == BYE ? "The source has ended.\n"
                                    : "The source has as many listeners as it takes; try again later.\n");
        h->over = true;
    } else if (rtp_parse(data, size, &rtp)) {
        statistics_take(&statistics, &rtp, seconds_now());
        if (!h->drawn) {
            h->drawn = statistics.first;
            draw_legend(stdout);
        }
        draw_until(h, statistics.highest - WIDTH - LAG);
    }
}

/* Asks for the stream, and again before it would end; what has failed is tried anew. */
static void keep_asking(struct hearing *h, uint64_t now)
{
    bool is_heard = h->heard && h->heard + 2 * AGAIN > now;
    if (h->asked && now < h->asked + (is_heard ? RENEWAL : AGAIN))
        return;
    h->asked = now;
    if (!h->stream && ss_connect(NULL, h->address, SOCK_DGRAM, PATIENCE, &h->stream) < 0)
        h->stream = NULL;
    if (h->stream)
        (void)ss_set_buffers(h->stream, KEPT, 0);
    send_word(h, LISTEN);
}

/* One datagram, if there is one. An error says that nobody is there at present. */
static void hear(struct hearing *h)
{
    char data[RTP_HEADER + CLOCK_RATE];
    ssize_t n = -ENOTCONN;
    if (h->stream) {
        ss_set_timeout(h->stream, LOOK);
        n = ss_read(h->stream, data, sizeof data);
    } else {
        (void)nanosleep(&(struct timespec){.tv_nsec = LOOK * 1000000}, NULL);
    }
    if (n > 0) {
        h->heard = ss_now();
        take(h, data, (size_t)n);
    } else if (h->stream && n != -ETIMEDOUT) {
        while ((n = recv(h->stream->fd, data, sizeof data, MSG_DONTWAIT)) > 0)
            take(h, data, (size_t)n); /* what had come before */
        (void)ss_close(h->stream);
        h->stream = NULL;
    }
}

static int listen_for(struct hearing *h, int seconds)
{
    uint64_t began = ss_now(), end = 0, now = began;
    while (!stopped && !h->over && (!end || now < end)) {
        keep_asking(h, now);
        hear(h);
        now = ss_now();
        if (!end && statistics.has_begun)
            end = now + (uint64_t)seconds * 1000; /* they are counted from the first one on */
        if (now - (h->heard ? h->heard : began) > PATIENCE) {
            fprintf(stderr, "%s does not answer; is the server there?\n", h->address);
            break;
        }
    }
    send_word(h, STOP);
    (void)ss_close(h->stream);
    draw_until(h, statistics.highest);
    draw_sum(&statistics, stdout);
    return statistics.received ? 0 : 1;
}

static int usage(const char *name)
{
    fprintf(stderr, "usage: %s [--seconds N] [--svg FILE] [ADDRESS]\n", name);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seconds", required_argument, NULL, 's'}, {"svg", required_argument, NULL, 'v'}, {0}};
    const char *svg = NULL;
    int option, rc = 0;
    long seconds = USUAL;
    char *rest = "";
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        if (option == 's')
            seconds = strtol(optarg, &rest, 10);
        else if (option == 'v')
            svg = optarg;
        else
            return usage(argv[0]);
    if (*rest || seconds < 1 || seconds > MOST || optind + 1 < argc)
        return usage(argv[0]);
    struct hearing hearing = {.address = optind < argc ? argv[optind] : "localhost:8536"};
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    int status = listen_for(&hearing, (int)seconds);
    if (svg && (rc = draw_svg(&statistics, svg)) < 0)
        fprintf(stderr, "%s: %s: %s\n", argv[0], svg, strerror(-rc));
    return rc < 0 ? 1 : status;
}
