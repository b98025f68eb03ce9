/* SPDX-License-Identifier: MIT */
/* syslog [ADDRESS [CLASS]]: collects what programs log, by UDP, TCP and the socket of this machine alike: one
   handler. It shows each message, and at the end how many there were of each severity (RFC 5424, RFC 3164,
   RFC 6587).

   Try:  build/samples/syslog localhost:8514 UDPServer
   and:  logger -n localhost -P 8514 --udp -p user.warning 'The disk is nearly full.'
   or:   build/samples/syslog localhost:8515 ThreadingTCPServer
   and:  logger -n localhost -P 8515 --tcp 'Nothing is lost on this way.' */
#include "socketserver.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 8192 /* bytes of a message, more are left out */, SEVERITIES = 8, FACILITIES = 24 };

static const char *const severities[] = {"emergency", "alert",  "critical", "error",
                                         "warning",   "notice", "info",     "debug"};
static const char *const facilities[] = {"kern",   "user",   "mail",   "daemon", "auth",     "syslog",
                                         "lpr",    "news",   "uucp",   "cron",   "authpriv", "ftp",
                                         "ntp",    "audit",  "alert",  "clock",  "local0",   "local1",
                                         "local2", "local3", "local4", "local5", "local6",   "local7"};

/* All threads and processes count in the same memory. */
static const struct ss_class Syslog;
struct counts {
    atomic_ulong of[SEVERITIES], malformed;
};

static void close_and_sum_up(struct ss_server *self)
{
    ss_super(self, &Syslog)->server_close(self); /* waits for those who are still at it */
    const struct counts *counts = ss_shared(self, &Syslog);
    for (int i = 0; counts && i < SEVERITIES; i++)
        if (counts->of[i])
            printf("%lu %s\n", counts->of[i], severities[i]);
    if (counts && counts->malformed)
        printf("%lu malformed\n", counts->malformed);
}

static const struct ss_class Syslog = {
    .name = "Syslog", .shared_size = sizeof(struct counts), .server_close = close_and_sum_up};

/* What a stranger sends must not steer this terminal. */
static void make_harmless(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            *text = ' ';
}

/* "<34>text": 4 * 8 + 2, facility 4, severity 2. */
static void note(struct ss_handler *h, char *message)
{
    struct counts *counts = ss_shared(h->server, &Syslog);
    char *end = message;
    bool is_one = message[0] == '<' && message[1] >= '0' && message[1] <= '9';
    long code = is_one ? strtol(message + 1, &end, 10) : -1;
    if (code < 0 || code >= FACILITIES * SEVERITIES || *end != '>' || end > message + 4) {
        counts->malformed++;
        return;
    }
    make_harmless(end + 1);
    counts->of[code % SEVERITIES]++;
    printf("%s.%s %s\n", facilities[code / SEVERITIES], severities[code % SEVERITIES], end + 1);
    fflush(stdout);
}

/* A stream has no ends of messages: either "5 <34>x" says how long each one is, or a newline ends it. Returns
   the number of bytes, 0 at the end, or -errno. */
static ssize_t read_message(struct ss_handler *h, char *message)
{
    const char *first;
    char digit;
    size_t size = 0;
    ssize_t n = ss_peek(h->rfile, &first, 1);
    if (n <= 0)
        return n;
    if (*first < '0' || *first > '9')
        return ss_readline(h->rfile, message, LONGEST + 2);
    while ((n = ss_read(h->rfile, &digit, 1)) == 1 && digit >= '0' && digit <= '9' && size <= LONGEST)
        size = size * 10 + (size_t)(digit - '0');
    if (n != 1 || digit != ' ' || size > LONGEST)
        return n < 0 ? n : -EBADMSG;
    return ss_readexactly(h->rfile, message, size);
}

static int collect(struct ss_handler *h)
{
    char message[LONGEST + 2];
    ssize_t n;
    if (h->request->datagram) {
        n = ss_read(h->rfile, message, LONGEST);
        message[n > 0 ? n : 0] = '\0';
        note(h, message);
        return 0;
    }
    while ((n = read_message(h, message)) > 0 && n <= LONGEST) {
        message[n] = '\0';
        message[strcspn(message, "\r\n")] = '\0';
        note(h, message);
    }
    return n > LONGEST ? -EMSGSIZE : (int)n;
}

static const struct ss_handler_class Collector = {.handle = collect};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Collects what programs log (RFC 5424, RFC 3164).",
        .address = "localhost:8514",
        .cls = "UDPServer",
        .own = &Syslog,
        .handler = &Collector,
    };
    return ss_main(argc, argv, &program);
}
