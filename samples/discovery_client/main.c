/* SPDX-License-Identifier: MIT */
/* discovery_client [ADDRESS [TYPE]]: asks who offers services of a type (* is any), and lists who has
   answered within a second. ADDRESS is :PORT, which asks all in this network, or host:port, which asks one.
   Who asks all does not know whose answer comes; so its socket is not connected, and is a server's.

   Try:  build/samples/discovery :8535 UDPServer 'http/8000 The shelf'
   and:  build/samples/discovery_client :8535 http */
#include "discovery/heard.h"
#include "discovery/links.h"
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { PATIENCE = 900, PAUSE = 250 /* ms: all in all, and until it asks again */ };
enum { LOOK_UP = 5000 /* ms for a name */ };

static struct packet question = {.kind = ASK, .type = "*"};
static struct heard heard;
static struct ss_address one; /* of length 0: all */
static unsigned port;
static int asked;

static int listen_to(struct ss_handler *h)
{
    const struct ss_datagram *datagram = h->request->datagram;
    struct packet packet;
    struct entry entry;
    if (!datagram->truncated && packet_parse(datagram->data, datagram->size, &packet) &&
        packet.kind == HAVE && packet.question == question.question)
        (void)heard_note(&heard, &packet, &h->client_address, ss_now(), &entry);
    return 0;
}

static const struct ss_handler_class Listener = {.handle = listen_to};

/* A datagram may be lost: it asks more than once. */
static int ask(struct ss_server *self, void *argument)
{
    char text[PACKET_SIZE];
    size_t size = packet_format(&question, text);
    struct links links;
    (void)argument;
    if (one.length)
        asked += ss_send_to(self, NULL, &one, text, size) == 0;
    else if (links_find(&links) == 0)
        asked += links_send(&links, self, port, text, size);
    return 0;
}

static int stop(struct ss_server *self, void *argument)
{
    (void)argument;
    ss_shutdown(self);
    return 1;
}

/* ":8535", "10.0.0.2:8535", "[fe80::1%eth0]:8535" */
static bool parse_address(const char *text)
{
    struct ss_address all;
    bool is_right = *text == ':' ? ss_address_parse(text, &all) == 0
                                 : ss_getaddrinfo(NULL, text, SOCK_DGRAM, LOOK_UP, &one, 1) > 0;
    port = is_right ? ss_address_port(one.length ? &one : &all) : 0;
    return port > 0;
}

static int list(const char *name)
{
    int count = 0;
    for (int i = 0; i < ENTRIES; i++)
        if (heard.entries[i].until) {
            entry_print(&heard.entries[i], "", "");
            count++;
        }
    if (count == 0)
        fprintf(stderr, "%s: nobody has answered%s\n", name,
                asked ? "" : "; the question could not be sent: is there a network? (ip address)");
    return count ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct ss_server self;
    bool is_right = argc <= 3 && parse_address(argc > 1 ? argv[1] : ":8535");
    if (is_right && argc > 2 && (is_right = is_type(argv[2]) || !strcmp(argv[2], "*")))
        strcpy(question.type, argv[2]);
    if (!is_right) {
        fprintf(stderr, "usage: %s [:PORT | HOST:PORT [TYPE]]\n", argv[0]);
        return 2;
    }
    (void)!getrandom(&question.question, sizeof question.question, 0);
    question.question |= 1; /* 0 is nobody's */
    int rc = ss_server_init(&self, SS_BASES(&UDPServer), ":0", &Listener);
    self.allow_broadcast = true;
    if (rc == 0 && (rc = ss_server_bind(&self)) == 0 && (rc = ss_every(&self, PAUSE, ask, NULL)) == 0 &&
        (rc = ss_every(&self, PATIENCE, stop, NULL)) == 0) {
        (void)ask(&self, NULL);
        rc = ss_serve_forever(&self);
    }
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", argv[0], strerror(-rc));
    ss_server_close(&self);
    return rc < 0 ? 1 : list(argv[0]);
}
