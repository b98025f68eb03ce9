/* SPDX-License-Identifier: MIT */
/* discovery [ADDRESS [CLASS [SERVICE]]]: who offers what in this network? Each participant announces its
   service now and then, when it starts and when it ends; answers who asks for it; and shows what it hears of
   others, until they say good-bye or are silent for too long. All of it goes by multicast (IPv4 and IPv6) and
   by broadcast, on each interface, so nobody needs to be told an address. It is like mDNS (RFC 6762), in
   simpler words: see packet.h. SERVICE is "TYPE/PORT[/SECONDS] NAME"; SECONDS is how long an announcement
   holds.

   Try:  build/samples/discovery :8535 UDPServer 'http/8000 The shelf'
   and:  build/samples/discovery_client :8535 http */
#include "discovery/heard.h"
#include "discovery/links.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { TICK = 200, SECOND = 1000, SOON = SECOND /* ms */, TIMES = 3 };
#define USUAL_TIME "60" /* seconds */

static const char *service = "example/8000 A service";
static struct packet own;

/* What all threads and processes have in common. */
static const struct ss_class Discovery;
struct common {
    pid_t speaker;                   /* who says good-bye */
    _Atomic uint64_t wanted;         /* ms: somebody who hears all has asked; 0: nobody */
    uint64_t announced, due, looked; /* ms: the last time, the next one; of the links */
    unsigned count;
    struct links links;
    struct heard heard;
};

static struct common *common_of(const struct ss_server *self)
{
    return ss_shared(self, &Discovery);
}

/* A process that is killed may leave an entry half done, which expires as all do. */
static bool lock(const struct ss_server *self)
{
    int rc = ss_lock(self, &Discovery);
    return rc == 0 || rc == -EOWNERDEAD;
}

/* ---------------------------------------------------------------- saying */

static void say(struct ss_server *self, const struct packet *packet)
{
    char text[PACKET_SIZE];
    size_t size = packet_format(packet, text);
    (void)links_send(&common_of(self)->links, self, ss_address_port(&self->server_address), text, size);
}

/* Each may be lost, so it comes twice at first, and TIMES times while it holds. */
static void announce(struct ss_server *self, uint64_t now)
{
    static const struct packet anything = {.kind = ASK, .type = "*"};
    struct common *common = common_of(self);
    say(self, &own);
    if (common->count++ < 2)
        say(self, &anything);
    common->announced = now;
    common->due = now + (common->count < 2 ? SOON : own.seconds * (uint64_t)SECOND / TIMES);
    common->wanted = 0;
}

static void look_for_links(struct ss_server *self, uint64_t now)
{
    struct common *common = common_of(self);
    struct links links;
    if (common->looked + SECOND > now || links_find(&links) < 0)
        return;
    common->looked = now;
    links_join(&links, self);
    if (lock(self)) {
        common->links = links;
        ss_unlock(self, &Discovery);
    }
}

static int tick(struct ss_server *self, void *argument)
{
    struct common *common = common_of(self);
    struct entry entry;
    uint64_t now = ss_now(), wanted = common->wanted;
    (void)argument;
    look_for_links(self, now);
    if (common->due <= now || (wanted && common->announced + SECOND <= now))
        announce(self, now);
    for (enum change change = EXPIRED; change == EXPIRED && lock(self);) {
        change = heard_expire(&common->heard, now, &entry);
        ss_unlock(self, &Discovery);
        if (change == EXPIRED)
            entry_print(&entry, "- ", "  (not heard any more)");
    }
    return 0;
}

/* ---------------------------------------------------------------- hearing */

/* Who asks from the port that all listen at hears announcements, which are for all. Others get an answer of
   their own, if they are in this network: what comes from elsewhere may have a forged address. */
static int answer(struct ss_handler *h, const struct packet *question)
{
    struct common *common = common_of(h->server);
    char text[PACKET_SIZE];
    if ((strcmp(question->type, "*") != 0 && strcmp(question->type, own.type) != 0) || !lock(h->server))
        return 0;
    bool is_near = links_have(&common->links, &h->client_address);
    ss_unlock(h->server, &Discovery);
    struct packet packet = own;
    packet.question = question->question;
    size_t size = packet_format(&packet, text);
    if (!is_near)
        return 0;
    if (ss_address_port(&h->client_address) == ss_address_port(&h->server->server_address))
        common->wanted = 1;
    else if (size <= MOST_ANSWER * h->request->datagram->size)
        return ss_write(h->wfile, text, size);
    return 0;
}

static void take_note(struct ss_handler *h, const struct packet *packet)
{
    struct common *common = common_of(h->server);
    struct entry entry;
    if (packet->id == own.id || !lock(h->server))
        return;
    enum change change = UNCHANGED;
    if (links_have(&common->links, &h->client_address))
        change = heard_note(&common->heard, packet, &h->client_address, ss_now(), &entry);
    ss_unlock(h->server, &Discovery);
    if (change != UNCHANGED)
        entry_print(&entry, change == APPEARED ? "+ " : "- ", change == LEFT ? "  (good-bye)" : "");
}

static int hear(struct ss_handler *h)
{
    const struct ss_datagram *datagram = h->request->datagram;
    struct packet packet;
    if (datagram->truncated || !packet_parse(datagram->data, datagram->size, &packet))
        return 0;
    if (packet.kind == ASK)
        return answer(h, &packet);
    take_note(h, &packet);
    return 0;
}

static const struct ss_handler_class Participant = {.handle = hear};

/* ---------------------------------------------------------------- the server */

/* A socket that was inherited may be bound to one address, where no group is heard. */
static bool hears_all(const struct ss_server *self)
{
    const struct ss_address *own_address = &self->server_address;
    if (own_address->u.any.sa_family == AF_INET)
        return own_address->u.in.sin_addr.s_addr == INADDR_ANY;
    return IN6_IS_ADDR_UNSPECIFIED(&own_address->u.in6.sin6_addr);
}

static const char advice[] =
    "groups are heard on all interfaces only: write :8535 (or 0.0.0.0:8535, [::]:8535)";

static int activate(struct ss_server *self)
{
    struct common *common = common_of(self);
    int rc = ss_super(self, &Discovery)->server_activate(self);
    if (rc < 0)
        return rc;
    if (!hears_all(self)) {
        fprintf(stderr, "discovery: %s\n", advice);
        return -EADDRNOTAVAIL;
    }
    common->speaker = getpid();
    look_for_links(self, ss_now());
    announce(self, ss_now());
    return 0;
}

/* All forget it at once, and need not wait until its time is over. */
static void say_good_bye(struct ss_server *self)
{
    struct packet packet = own;
    packet.seconds = 0;
    if (self->socket >= 0 && common_of(self)->speaker == getpid()) {
        say(self, &packet);
        common_of(self)->speaker = 0;
    }
    ss_super(self, &Discovery)->close_socket(self);
}

static const struct ss_class Discovery = {.name = "Discovery",
                                          .shared_size = sizeof(struct common),
                                          .server_activate = activate,
                                          .close_socket = say_good_bye};

/* "http/8000/60 The shelf" is what a packet says in another order, and is checked as one. */
static bool parse_service(void)
{
    char text[PACKET_SIZE];
    const char *name = strchr(service, ' '), *port = strchr(service, '/');
    if (!name || !port || port > name)
        return false;
    size_t type = (size_t)(port++ - service), digits = strcspn(port, "/ ");
    const char *seconds = port[digits] == '/' ? port + digits + 1 : USUAL_TIME " ";
    int size = snprintf(text, sizeof text, "discovery 1 have 0 0 %.*s %.*s %.*s %s",
                        (int)strcspn(seconds, " "), seconds, (int)digits, port, (int)type, service, name + 1);
    return size < (int)sizeof text && packet_parse(text, (size_t)size, &own) && own.seconds > 0;
}

static int complain(const char *text)
{
    fprintf(stderr, "discovery: %s\n", text);
    return 2;
}

static int prepare(struct ss_server *self)
{
    const char *at = self->address;
    if (!parse_service())
        return complain(
            "a service is written TYPE/PORT[/SECONDS] NAME, as in 'http/8000 The shelf'; the type "
            "has 1 to 15 of a-z, 0-9 and -");
    if (at[0] != ':' && strncmp(at, "0.0.0.0:", 8) != 0 && strncmp(at, "[::]:", 5) != 0 &&
        strncmp(at, "fd:", 3) != 0)
        return complain(advice);
    if (getrandom(&own.id, sizeof own.id, 0) != sizeof own.id)
        return complain("the system has no random numbers; wait until it has started");
    self->allow_reuse_port = true; /* several participants on one machine hear everything */
    self->allow_broadcast = true;
    self->max_packet_size = PACKET_SIZE;
    return ss_every(self, TICK, tick, NULL) < 0 ? complain("there is no memory") : 0;
}

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Who offers what in this network? Announces SERVICE, \"TYPE/PORT[/SECONDS] NAME\".",
        .address = ":8535",
        .cls = "UDPServer",
        .servers = "UDPServer",
        .own = &Discovery,
        .handler = &Participant,
        .prepare = prepare,
        .argument = "SERVICE",
        .value = &service,
    };
    return ss_main(argc, argv, &program);
}
