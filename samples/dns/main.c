/* SPDX-License-Identifier: MIT */
/* dns [ADDRESS [CLASS [ZONE]]]: a name server that knows the names of one zone, as the master file ZONE has
   them (RFC 1034, RFC 1035). A server of datagrams answers most questions, and says of a long answer that it
   is to be asked for by TCP (RFC 7766). For that a second server listens on the same port: the same program,
   another class.

   Try:  build/samples/dns localhost:8053 UDPServer
   and:  dig @localhost -p 8053 www.example.org AAAA
   or:   build/samples/dns localhost:8053 EventLoopTCPServer samples/dns/example.zone
   and:  dig @localhost -p 8053 +tcp example.org MX */
#include "dns/answer.h"
#include "socketserver.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Of connections: ms without a question, ms for all of one; and what one may have at most. */
enum { IDLE = 10000, PATIENCE = 5000, LONGEST_QUESTION = 4096, USUAL_ANSWER = 4096, LONGEST_ANSWER = 65535 };
enum { TURN = 32 /* questions of a connection until others are served */ };

static const char *file = "samples/dns/example.zone";
static struct service service;
static struct limiter *limiter; /* at the same address in all processes */

/* ---------------------------------------------------------------- datagrams */

static struct origin origin_of(const struct ss_address *client)
{
    switch (client->u.any.sa_family) {
    case AF_INET:
        return (struct origin){(const uint8_t *)&client->u.in.sin_addr, 4};
    case AF_INET6:
        return (struct origin){client->u.in6.sin6_addr.s6_addr, 16};
    default:
        return (struct origin){NULL, 0};
    }
}

static int answer_datagram(struct ss_handler *h)
{
    const struct ss_datagram *datagram = h->request->datagram;
    struct way way = {.limiter = limiter};
    uint8_t reply[PAYLOAD];
    if (h->client_address.length)
        way.origin = origin_of(&h->client_address);
    if (way.origin.size && ss_address_port(&h->client_address) == 0)
        return 0; /* nobody is there */
    size_t size =
        dns_answer(&service, &way, (const uint8_t *)datagram->data, datagram->size, reply, sizeof reply);
    return ss_write(h->wfile, reply, size);
}

/* ---------------------------------------------------------------- connections */

static int send_answer(struct ss_handler *h, uint8_t *reply, size_t size)
{
    put16(reply, (unsigned)size);
    return size ? ss_write(h->wfile, reply, 2 + size) : 0;
}

/* Few answers are so long that they need memory of their own. */
static int send_long_answer(struct ss_handler *h, const uint8_t *question, size_t size)
{
    const struct way way = {.limiter = NULL};
    uint8_t *reply = ss_borrow(h, 2 + LONGEST_ANSWER);
    if (!reply)
        return -ENOMEM;
    int rc = send_answer(h, reply, dns_answer(&service, &way, question, size, reply + 2, LONGEST_ANSWER));
    ss_return(h, reply);
    return rc;
}

static int answer_message(struct ss_handler *h, const uint8_t *question, size_t size)
{
    const struct way way = {.limiter = NULL};
    uint8_t reply[2 + USUAL_ANSWER];
    size_t n = dns_answer(&service, &way, question, size, reply + 2, USUAL_ANSWER);
    return n && is_truncated(reply + 2) ? send_long_answer(h, question, size) : send_answer(h, reply, n);
}

/* No question is so long. Its beginning alone is taken, and refused for what is missing. */
static int refuse_message(struct ss_handler *h, const char *message, size_t size)
{
    const char *data = message;
    ssize_t n;
    int rc = answer_message(h, (const uint8_t *)message + 2, LONGEST_QUESTION);
    for (size += 2; rc == 0 && size > 0; size -= (size_t)n) {
        if ((n = ss_peek(h->rfile, &data, 1)) <= 0)
            return n < 0 ? (int)n : -EPIPE;
        n = (size_t)n < size ? n : (ssize_t)size;
        ss_skip(h->rfile, (size_t)n);
    }
    return rc;
}

/* A message, behind two bytes that say how long it is. */
static int answer_next(struct ss_handler *h)
{
    const char *data;
    ssize_t n = ss_peek(h->rfile, &data, 2);
    size_t size = n < 2 ? 0 : get16((const uint8_t *)data),
           there = size < LONGEST_QUESTION ? size : LONGEST_QUESTION;
    if (n >= 2)
        n = ss_peek(h->rfile, &data, 2 + there);
    if (n < (ssize_t)(2 + there))
        return n < 0 ? (int)n : -EPIPE;
    if (size > LONGEST_QUESTION)
        return refuse_message(h, data, size);
    int rc = answer_message(h, (const uint8_t *)data + 2, size);
    ss_skip(h->rfile, 2 + size);
    return rc;
}

static int answer_connection(struct ss_handler *h)
{
    const char *data;
    ssize_t n = 1;
    int rc = 0;
    for (int i = 0; i < TURN && rc == 0 && (n = ss_peek_now(h->rfile, &data, 1)) > 0; i++) {
        ss_set_deadline(h->rfile, PATIENCE);
        rc = answer_next(h);
        ss_set_deadline(h->rfile, -1);
    }
    h->timeout = IDLE;
    return rc < 0 ? rc : n > 0 || n == -EAGAIN ? SS_PARK : (int)n;
}

static int handle(struct ss_handler *h)
{
    h->request->told = true; /* whoever sends what nobody can answer does not fill a log, too */
    return h->request->datagram ? answer_datagram(h) : answer_connection(h);
}

static const struct ss_handler_class NameServer = {.handle = handle};

/* ---------------------------------------------------------------- the server */

static const struct ss_class Dns;

/* Before any process is forked or address is bound. */
static void prepare(struct ss_server *self)
{
    char error[ERROR_SIZE];
    if (!(service.zone = zone_load(file, error))) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
    if (!secret_make(&service.secret)) {
        fprintf(stderr, "the system has no random numbers; wait until it has started\n");
        exit(1);
    }
    limiter = ss_shared(self, &Dns);
    self->max_packet_size = PAYLOAD;
    self->request_timeout = IDLE;
}

static const struct ss_class Dns = {.name = "Dns", .shared_size = sizeof(struct limiter), .init = prepare};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Knows the names of one zone, as the master file ZONE has them.",
        .address = "localhost:8053",
        .cls = "UDPServer",
        .own = &Dns,
        .argument = "ZONE",
        .value = &file,
        .handler = &NameServer,
    };
    return ss_main(argc, argv, &program);
}
