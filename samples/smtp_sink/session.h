/* SPDX-License-Identifier: MIT */
/* A connection, as long as it lasts. */
#ifndef SMTP_SINK_SESSION_H
#define SMTP_SINK_SESSION_H

#include "smtp_sink/smtp.h"
#include "socketserver.h"

enum { PATIENCE = 300000 /* ms, as RFC 5321 4.5.3.2 wants it */ };
enum { RECIPIENTS = 100, ERRORS = 10, COMMANDS = 200 /* without a message */ };
enum { MESSAGE = 10 << 20 /* bytes */ };

struct session {
    struct ss_handler *h;
    char name[NAME + 1]; /* the client's */
    bool extended;       /* it has said EHLO, not HELO */
    bool has_sender, utf8;
    char sender[PATH + 1];
    unsigned count;               /* of recipients */
    char (*recipients)[PATH + 1]; /* NULL until there are some */
    unsigned errors, commands;
    bool over;
};

/* The name of this machine. */
const char *session_host(void);

/* Forgets sender and recipients. */
void session_reset(struct session *s);

/* DATA: takes the message, and answers. 0 or -errno. */
int session_take(struct session *s);

#endif
