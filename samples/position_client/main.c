/* SPDX-License-Identifier: MIT */
/* position_client [--seconds N] [ADDRESS]: a player who runs in circles, and shows where all are: what comes
   late is left out, as something newer is known. At the end it says how much has come, and what has become of
   the rest.

   Try:  build/samples/position localhost:8537 EventLoopUDPServer
   and:  build/samples/position_client --seconds 2 localhost:8537 */
#include "position/message.h"
#include "socketserver.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { USUAL = 10, MOST = 3600 /* seconds */, STEP = 1000 / 30, PATIENCE = 5000 /* ms */, WINDOW = 64 };

static const int8_t ways[][2] = {{127, 0},  {90, 90},   {0, 127},  {-90, 90},
                                 {-127, 0}, {-90, -90}, {0, -127}, {90, -90}};

static struct {
    struct ss_stream *stream;
    uint64_t cookie, heard;   /* ms */
    uint32_t number;          /* of the next input */
    uint64_t sent_at[WINDOW]; /* ms: when the last inputs have left */
    struct message newest;    /* snapshot; its kind is NOTHING: none has come */
    uint32_t first;           /* number of a snapshot */
    uint64_t came;            /* which ones have, of the newest (bit 0) and those before */
    unsigned long expected, received, late, doubled;
    uint64_t round_trip; /* ms, the last one */
    bool over;
} me;

static void send_message(enum kind kind)
{
    char data[MESSAGE_SIZE];
    unsigned way = me.number / 15 % 8;
    struct message m = {
        .kind = kind, .cookie = me.cookie, .number = me.number, .dx = ways[way][0], .dy = ways[way][1]};
    if (kind == INPUT)
        me.sent_at[me.number++ % WINDOW] = ss_now();
    if (me.stream && ss_write(me.stream, data, message_format(&m, data)) == 0)
        (void)ss_flush(me.stream);
}

/* One that has come too late to be shown. */
static void take_late(uint32_t number)
{
    uint32_t behind = me.newest.number - number;
    uint64_t bit = behind < WINDOW ? (uint64_t)1 << behind : 0;
    if (bit & me.came) {
        me.doubled++;
        return;
    }
    me.late++;
    me.came |= bit;
    me.received += bit != 0; /* an older one has been counted as lost, or as come: nobody knows any more */
    if (bit && is_later(me.first, number)) {
        me.expected += me.first - number;
        me.first = number;
    }
}

static void take_snapshot(const struct message *m)
{
    bool is_first = me.newest.kind == NOTHING;
    uint32_t more = is_first ? 1 : m->number - me.newest.number;
    if (!is_first && !is_later(m->number, me.newest.number)) {
        take_late(m->number);
        return;
    }
    if (is_first)
        me.first = m->number;
    if (is_first || is_later(m->last_input, me.newest.last_input))
        me.round_trip = ss_now() - me.sent_at[m->last_input % WINDOW];
    me.expected += more;
    me.received++;
    me.came = (is_first || more >= WINDOW ? 0 : me.came << more) | 1;
    me.newest = *m;
}

static void take(const char *data, size_t size)
{
    struct message m;
    if (!message_parse(data, size, &m))
        return;
    me.heard = ss_now();
    if (m.kind == SNAPSHOT) {
        take_snapshot(&m);
    } else if (m.kind == COOKIE) { /* it is the first one, or the server has begun anew */
        me.cookie = m.cookie;
        me.newest.kind = NOTHING;
        send_message(INPUT);
    } else if ((m.kind == FULL || m.kind == END) && m.cookie == me.cookie) {
        fprintf(stderr, m.kind == FULL ? "The game is full; try again later.\n" : "The game is over.\n");
        me.over = true;
    }
}

static void show(void)
{
    printf("%u players:", me.newest.count);
    for (int i = 0; i < me.newest.count; i++) {
        const struct place *place = &me.newest.places[i];
        printf("  %s%u at %u,%u", place->who == me.newest.you ? "I am " : "", place->who, place->x, place->y);
    }
    printf("\n");
    fflush(stdout);
}

/* Until the time of the next input has come. An error of the network says that nobody is there at present. */
static void hear_until(const char *address, uint64_t end)
{
    char data[MESSAGE_SIZE + 1];
    for (uint64_t now = ss_now(); now < end && !me.over; now = ss_now()) {
        if (!me.stream && ss_connect(NULL, address, SOCK_DGRAM, PATIENCE, &me.stream) < 0)
            me.stream = NULL;
        if (!me.stream) {
            usleep(STEP * 1000);
            continue;
        }
        ss_set_timeout(me.stream, (int)(end - now));
        ssize_t n = ss_read(me.stream, data, sizeof data);
        if (n > 0) {
            take(data, (size_t)n);
        } else if (n != -ETIMEDOUT) {
            while ((n = recv(me.stream->fd, data, sizeof data, MSG_DONTWAIT)) > 0)
                take(data, (size_t)n); /* what had come before */
            (void)ss_close(me.stream);
            me.stream = NULL;
            usleep(STEP * 1000);
        }
    }
}

static int play(const char *address, long seconds)
{
    uint64_t now = ss_now(), end = now + (uint64_t)seconds * 1000, next = now, shown = now;
    for (me.heard = now; now < end && !me.over; now = ss_now()) {
        hear_until(address, next);
        next = (next + 10 * STEP < now ? now : next) + STEP;
        send_message(INPUT);
        if (me.newest.kind && now >= shown + 1000) {
            shown = now;
            show();
        }
        if (now > me.heard + PATIENCE) {
            fprintf(stderr, "%s does not answer; is the server there?\n", address);
            break;
        }
    }
    send_message(LEAVE);
    (void)ss_close(me.stream);
    printf("snapshots: %lu of %lu, late %lu, lost %lu, doubled %lu; there and back: %lu ms\n", me.received,
           me.expected, me.late, me.expected - me.received, me.doubled, (unsigned long)me.round_trip);
    return me.received ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seconds", required_argument, NULL, 's'}, {0}};
    long seconds = USUAL;
    char *rest = "";
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        seconds = option == 's' ? strtol(optarg, &rest, 10) : 0;
    if (*rest || seconds < 1 || seconds > MOST || optind + 1 < argc) {
        fprintf(stderr, "usage: %s [--seconds N] [ADDRESS]\n", argv[0]);
        return 2;
    }
    return play(optind < argc ? argv[optind] : "localhost:8537", seconds);
}
