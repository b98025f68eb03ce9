/* SPDX-License-Identifier: MIT */
/* syslog [ADDRESS [CLASS]]: collects what programs log, by UDP, TCP and the socket of this machine alike: one
   handler. It shows each message, and at the end how many there were of each severity (RFC 5424, RFC 3164,
   RFC 6587).

   Try:  build/samples/syslog localhost:8514 UDPServer
   and:  logger -n localhost -P 8514 --udp -p user.warning 'The disk is nearly full.'
   or:   build/samples/syslog localhost:8515 ThreadingTCPServer
   and:  logger -n localhost -P 8515 --tcp 'Nothing is lost on this way.' */
#include "syslog/message.h"
#include <stdatomic.h>
#include <stdio.h>

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

static void note(struct ss_handler *h, char *message)
{
    struct counts *counts = ss_shared(h->server, &Syslog);
    const char *text;
    int code = message_read(message, &text);
    ss_explain(h, "parse", code < 0 ? "malformed" : severities[code % SEVERITIES]);
    if (code < 0) {
        counts->malformed++;
        return;
    }
    counts->of[code % SEVERITIES]++;
    printf("%s.%s %s\n", facilities[code / SEVERITIES], severities[code % SEVERITIES], text);
    fflush(stdout);
}

static int collect(struct ss_handler *h)
{
    char message[LONGEST + 2];
    int rc;
    if (h->request->datagram) { /* it has an end */
        ssize_t n = ss_read(h->rfile, message, LONGEST);
        message[n > 0 ? n : 0] = '\0';
        note(h, message);
        return 0;
    }
    while ((rc = message_next(h->rfile, message)) > 0)
        note(h, message);
    return rc;
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
