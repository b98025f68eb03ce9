/* SPDX-License-Identifier: MIT */
/* stream [ADDRESS [CLASS [RATE]]]: sound, as telephones send it (RTP with PCMU, RFC 3550, RFC 3551): 50
   datagrams a second of 172 bytes, each with a number and a time. Nobody sends again what is lost, as it
   would come too late. Who wants to hear it says so again and again, and is forgotten when he does not; and
   at first he shows that he gets what is sent to his address, or the stream could be turned against somebody
   else. RATE is another number of datagrams a second.

   Try:  build/samples/stream localhost:8536 EventLoopUDPServer
   and:  build/samples/stream_client --seconds 2 localhost:8536 */
#include "address_cookie.h"
#include "stream/message.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LISTENERS = 256, LISTENERS_OF_ONE = 32 /* at one address */, MOST_RATE = 1000 };
enum { LATEST = 100 /* ms: what is later than that is not sent any more */ };

static const char *rate_text = "50";
static unsigned rate;
static struct cookie_key key;

/* A tone of 1 kHz at 0 dBm0, a period of it at 8 kHz (ITU-T G.711). */
static const unsigned char tone[] = {0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e};

/* What all threads and processes share. */
static const struct ss_class Stream;
struct listener {
    uint64_t until;             /* ms, as ss_now */
    struct ss_address to, from; /* from: the address of ours that was asked */
    uint64_t cookie;
};
struct listeners {
    pid_t source;
    struct listener of[LISTENERS];
};

/* For the thread that serves alone. */
static struct {
    uint64_t began, sent; /* ms; datagrams since then */
    struct rtp next;
} source;

/* Who has died with it may have left a listener half written; it ends by itself, as all do. */
static struct listeners *listeners_lock(const struct ss_server *self)
{
    int rc = ss_lock(self, &Stream);
    return rc == 0 || rc == -EOWNERDEAD ? ss_shared(self, &Stream) : NULL;
}

/* ---------------------------------------------------------------- the stream */

static void send_to_all(struct ss_server *self, const char *data, size_t size)
{
    struct listeners *all = listeners_lock(self);
    uint64_t now = ss_now();
    for (int i = 0; all && i < LISTENERS; i++)
        if (all->of[i].until > now)
            (void)ss_send_to(self, &all->of[i].from, &all->of[i].to, data, size); /* what is lost is lost */
    if (all)
        ss_unlock(self, &Stream);
}

static void send_next(struct ss_server *self)
{
    char datagram[RTP_HEADER + CLOCK_RATE];
    unsigned samples = CLOCK_RATE / rate;
    rtp_format(&source.next, datagram);
    for (unsigned i = 0; i < samples; i++)
        datagram[RTP_HEADER + i] = (char)tone[(source.next.time + i) % sizeof tone];
    send_to_all(self, datagram, RTP_HEADER + samples);
    source.next.number++;
    source.next.time += samples;
    source.next.marker = false;
    source.sent++;
}

/* The clock says how many are due, as a timer may be late. After a long pause the rest of it is silence: the
   time goes on, the numbers do not. */
static int tick(struct ss_server *self, void *argument)
{
    uint64_t due = (ss_now() - source.began) * rate / 1000, late = due - source.sent;
    (void)argument;
    if (late > 1 + (uint64_t)LATEST * rate / 1000) {
        source.next.time += (uint32_t)(late - 1) * (CLOCK_RATE / rate);
        source.next.marker = true;
        source.sent = due - 1;
    }
    while (source.sent < due)
        send_next(self);
    return 0;
}

/* ---------------------------------------------------------------- listeners */

static bool add(struct listeners *all, const struct ss_handler *h, uint64_t cookie, uint64_t now)
{
    struct listener *place = NULL;
    int own = 0;
    for (int i = 0; i < LISTENERS; i++) {
        struct listener *one = &all->of[i];
        if (one->until <= now) {
            place = place ? place : one;
        } else if (address_is_same(&one->to, &h->client_address, true)) {
            one->until = now + LEASE;
            one->cookie = cookie;
            return true;
        } else {
            own += address_is_same(&one->to, &h->client_address, false);
        }
    }
    if (!place || own >= LISTENERS_OF_ONE)
        return false;
    *place = (struct listener){now + LEASE, h->client_address, h->request->datagram->local_address, cookie};
    return true;
}

static void drop(struct listeners *all, const struct ss_address *client)
{
    for (int i = 0; i < LISTENERS; i++)
        if (all->of[i].until && address_is_same(&all->of[i].to, client, true))
            all->of[i].until = 0;
}

static int say(struct ss_handler *h, enum word word, uint64_t cookie)
{
    char text[MESSAGE_SIZE + 1];
    return ss_write(h->wfile, text, message_format(word, cookie, text));
}

static int serve(struct ss_handler *h)
{
    const struct ss_datagram *datagram = h->request->datagram;
    uint64_t cookie, now = ss_now();
    enum word word = message_parse(datagram->data, datagram->size, &cookie);
    if ((word != LISTEN && word != STOP) || ss_address_port(&h->client_address) == 0)
        return 0;
    if (!cookie_is_right(&key, &h->client_address, now, cookie)) {
        if (word == LISTEN && datagram->size >= MESSAGE_SIZE)
            return say(h, COOKIE, cookie_of(&key, &h->client_address, now / COOKIE_PERIOD));
        return 0;
    }
    struct listeners *all = listeners_lock(h->server);
    bool is_in = all && word == LISTEN && add(all, h, cookie, now);
    if (all && word == STOP)
        drop(all, &h->client_address);
    if (all)
        ss_unlock(h->server, &Stream);
    return word == LISTEN && !is_in ? say(h, FULL, cookie) : 0;
}

static const struct ss_handler_class Source = {.handle = serve};

/* ---------------------------------------------------------------- the server */

static int begin(struct ss_server *self)
{
    ((struct listeners *)ss_shared(self, &Stream))->source = getpid();
    source.began = ss_now();
    return ss_super(self, &Stream)->serve_forever(self);
}

/* Listeners need not wait until they hear nothing any more. */
static void end(struct ss_server *self)
{
    char text[MESSAGE_SIZE + 1];
    struct listeners *all = ss_shared(self, &Stream);
    if (self->socket >= 0 && all && all->source == getpid() && listeners_lock(self)) {
        for (int i = 0; i < LISTENERS; i++)
            if (all->of[i].until > ss_now())
                (void)ss_send_to(self, &all->of[i].from, &all->of[i].to, text,
                                 message_format(BYE, all->of[i].cookie, text));
        all->source = 0;
        ss_unlock(self, &Stream);
    }
    ss_super(self, &Stream)->close_socket(self);
}

static const struct ss_class Stream = {
    .name = "Stream", .shared_size = sizeof(struct listeners), .serve_forever = begin, .close_socket = end};

static int prepare(struct ss_server *self)
{
    uint32_t random[3];
    char *rest;
    unsigned long number = strtoul(rate_text, &rest, 10);
    if (*rate_text < '0' || *rate_text > '9' || *rest || number < 1 || number > MOST_RATE ||
        CLOCK_RATE % number != 0) {
        fprintf(stderr, "stream: no rate: %s; there are 8000 samples a second, so it may be 50, 100, 200\n",
                rate_text);
        return 2;
    }
    if (!cookie_key_make(&key) || getrandom(random, sizeof random, 0) != sizeof random) {
        fprintf(stderr, "stream: the system has no random numbers; wait until it has started\n");
        return 1;
    }
    rate = (unsigned)number;
    source.next =
        (struct rtp){.marker = true, .number = (uint16_t)random[0], .time = random[1], .source = random[2]};
    self->max_packet_size = 2 * MESSAGE_SIZE;
    return ss_every(self, (int)(1000 / rate), tick, NULL) < 0;
}

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Sends sound (RTP) to all who ask for it, RATE datagrams a second (50).",
        .address = "localhost:8536",
        .cls = "EventLoopUDPServer",
        .servers = "UDPServer",
        .own = &Stream,
        .handler = &Source,
        .prepare = prepare,
        .argument = "RATE",
        .value = &rate_text,
    };
    return ss_main(argc, argv, &program);
}
