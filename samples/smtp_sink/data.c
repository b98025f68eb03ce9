/* SPDX-License-Identifier: MIT */
/* DATA: from the client into the Maildir. "250" says that the message will not be lost any more, so it is
   said when it is on the disk. Nothing is kept of one that does not come to its end. */
#include "smtp_sink/maildir.h"
#include "smtp_sink/session.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct message {
    struct session *session;
    struct delivery delivery;
    struct data data;
    size_t size;
    int error; /* the first one of the disk; what comes then is dropped */
};

/* Disks block, and fsync does so for a long time: under an event loop a thread beside it waits. */
static void write_piece(struct message *m)
{
    if (m->error == 0)
        m->error = ss_offload(m->session->h->server, delivery_write, &m->delivery);
    m->delivery.used = 0;
}

static void add(struct message *m, const char *text, size_t size)
{
    while (size > 0) {
        size_t room = PIECE - m->delivery.used, now = size < room ? size : room;
        memcpy(m->delivery.piece + m->delivery.used, text, now);
        m->delivery.used += now;
        text += now;
        size -= now;
        if (m->delivery.used == PIECE)
            write_piece(m);
    }
}

/* "[127.0.0.1]", "[IPv6:::1]". */
static void client_as_text(const struct ss_address *address, char text[INET6_ADDRSTRLEN + 10])
{
    char number[INET6_ADDRSTRLEN] = "";
    int family = address->length ? address->u.any.sa_family : AF_UNIX;
    const void *bytes =
        family == AF_INET6 ? (const void *)&address->u.in6.sin6_addr : &address->u.in.sin_addr;
    if (family == AF_INET || family == AF_INET6)
        inet_ntop(family, bytes, number, sizeof number);
    snprintf(text, INET6_ADDRSTRLEN + 10, *number ? "[%s%s]" : "local", family == AF_INET6 ? "IPv6:" : "",
             number);
}

/* The lines that the last server on a message's way puts in front of it (RFC 5321 4.4): from whom, for whom,
   and how it has come. */
static void add_head(struct message *m)
{
    struct session *s = m->session;
    char line[2 * NAME + 400], client[INET6_ADDRSTRLEN + 10], date[40];
    time_t now = time(NULL);
    struct tm tm;
    localtime_r(&now, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S %z", &tm);
    client_as_text(&s->h->client_address, client);
    add(m, line, (size_t)snprintf(line, sizeof line, "Return-Path: <%s>\n", s->sender));
    for (unsigned i = 0; i < s->count; i++)
        add(m, line, (size_t)snprintf(line, sizeof line, "X-Envelope-To: <%s>\n", s->recipients[i]));
    add(m, line,
        (size_t)snprintf(line, sizeof line, "Received: from %s (%s)\n\tby %s (smtp_sink) with %s;\n\t%s\n",
                         s->name, client, session_host(),
                         s->utf8       ? "UTF8SMTP"
                         : s->extended ? "ESMTP"
                                       : "SMTP",
                         date));
}

/* Reads up to the end of the data. 0; -EMSGSIZE: there is no end to it; -EBADMSG: a CR or an LF stands alone,
   so nobody knows what comes next; or -errno. What is too much is read all the same: the client listens when
   it has sent all. */
static int read_data(struct message *m)
{
    struct ss_stream *in = m->session->h->rfile;
    const char *bytes;
    char text[4096];
    ssize_t n;
    while (m->data.state != AT_END && m->data.state != BROKEN) {
        if ((n = ss_peek(in, &bytes, 1)) <= 0)
            return n < 0 ? (int)n : -ECONNRESET;
        size_t used, most = (size_t)n < sizeof text ? (size_t)n : sizeof text;
        ss_skip(in, data_read(&m->data, bytes, most, text, &used));
        m->size += used;
        if (m->size > 4 * (size_t)MESSAGE)
            return -EMSGSIZE;
        if (m->size <= MESSAGE)
            add(m, text, used);
    }
    return m->data.state == BROKEN ? -EBADMSG : 0;
}

static const char *refusal(const struct message *m)
{
    if (m->size > MESSAGE)
        return "552 5.3.4 The message is larger than SIZE says";
    if (m->data.long_line)
        return "554 5.6.0 A line has more than 1000 octets";
    if (m->error == -ENOSPC || m->error == -EDQUOT)
        return "452 4.3.1 The disk is full: try again later";
    return m->error < 0 ? "451 4.3.0 The message could not be stored: try again later" : NULL;
}

static int end_early(struct message *m, int rc)
{
    struct session *s = m->session;
    s->over = true;
    s->h->request->linger = true;
    if (rc == -EBADMSG)
        return ss_printf(s->h->wfile, "554 5.6.0 A CR or LF stands alone: lines end with CR LF. Bye\r\n");
    if (rc == -EMSGSIZE)
        return ss_printf(s->h->wfile, "552 5.3.4 The message is far larger than SIZE says. Bye\r\n");
    if (rc == -ETIMEDOUT)
        return ss_printf(s->h->wfile, "421 4.4.2 The data has not come in time. Bye\r\n");
    return rc;
}

static int take(struct message *m)
{
    struct ss_handler *h = m->session->h;
    add_head(m);
    int rc = read_data(m);
    const char *refused = refusal(m);
    if (rc == 0 && !refused) {
        m->error = ss_offload(h->server, delivery_finish, &m->delivery);
        refused = refusal(m);
    }
    if (m->error < 0)
        fprintf(stderr, "smtp_sink: %s\n", strerror(-m->error));
    if (rc < 0 || refused)
        (void)ss_offload(h->server, delivery_undo, &m->delivery);
    if (rc < 0)
        return end_early(m, rc);
    if (refused)
        return ss_printf(h->wfile, "%s\r\n", refused);
    m->session->commands = 0;
    return ss_printf(h->wfile, "250 2.0.0 Stored as %s\r\n", m->delivery.name);
}

int session_take(struct session *s)
{
    struct ss_handler *h = s->h;
    struct message message = {.session = s, .delivery = {.fd = -1, .piece = ss_borrow(h, PIECE)}};
    if (!message.delivery.piece)
        return ss_printf(h->wfile, "451 4.3.0 There is no memory: try again later\r\n");
    h->request->busy = true; /* a server that stops waits for the rest */
    int rc = ss_printf(h->wfile, "354 End with CR LF . CR LF\r\n");
    if (rc == 0)
        rc = take(&message);
    h->request->busy = false;
    ss_return(h, message.delivery.piece);
    session_reset(s);
    return rc;
}
