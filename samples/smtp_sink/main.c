/* SPDX-License-Identifier: MIT */
/* smtp_sink [ADDRESS [CLASS [DIRECTORY]]]: takes mail for everybody and keeps it in DIRECTORY, a Maildir,
   where each message is a file: for programs under test, whose mail is to go nowhere else. It passes nothing
   on. It speaks SMTP (RFC 5321) with SIZE, 8BITMIME, PIPELINING and SMTPUTF8.

   Try:  build/samples/smtp_sink localhost:8025 EventLoopTCPServer mail
   and:  swaks --server localhost:8025 --to ann@example.org --header 'Subject: Hello' */
#include "smtp_sink/maildir.h"
#include "smtp_sink/session.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST = 16384 /* bytes that have no end of a line */ };

static const char *directory = "mail";
static char host[65] = "localhost";

const char *session_host(void)
{
    return host;
}

void session_reset(struct session *s)
{
    s->has_sender = s->utf8 = false;
    s->count = 0;
}

static int reply(struct session *s, const char *text)
{
    return ss_printf(s->h->wfile, "%s\r\n", text);
}

static int fail(struct session *s, const char *text)
{
    s->errors++;
    return reply(s, text);
}

/* ---------------------------------------------------------------- commands */

static int greet(struct session *s, const struct command *command)
{
    session_reset(s);
    s->extended = command->verb == EHLO;
    strcpy(s->name, command->name);
    if (!s->extended)
        return ss_printf(s->h->wfile, "250 %s\r\n", host);
    return ss_printf(s->h->wfile,
                     "250-%s\r\n250-SIZE %d\r\n250-8BITMIME\r\n250-PIPELINING\r\n250-SMTPUTF8\r\n"
                     "250-ENHANCEDSTATUSCODES\r\n250 HELP\r\n",
                     host, MESSAGE);
}

static int set_sender(struct session *s, const struct command *command)
{
    if (!*s->name)
        return fail(s, "503 5.5.1 Say EHLO first");
    if (s->has_sender)
        return fail(s, "503 5.5.1 There is a sender already: RSET begins anew");
    if (command->needs_utf8 && !command->utf8)
        return fail(s, "553 5.6.7 An address that is not ASCII needs SMTPUTF8");
    if (command->size > MESSAGE)
        return fail(s, "552 5.3.4 The message is larger than SIZE says");
    s->has_sender = true;
    s->utf8 = command->utf8;
    strcpy(s->sender, command->path);
    return reply(s, "250 2.1.0 Ok");
}

static int add_recipient(struct session *s, const struct command *command)
{
    if (!s->has_sender)
        return fail(s, "503 5.5.1 Say MAIL first");
    if (command->needs_utf8 && !s->utf8)
        return fail(s, "553 5.6.7 An address that is not ASCII needs SMTPUTF8");
    if (s->count == RECIPIENTS)
        return fail(s, "452 4.5.3 There are too many recipients: send to the others in another message");
    if (!s->recipients)
        s->recipients = ss_alloc(s->h, RECIPIENTS * sizeof *s->recipients);
    if (!s->recipients)
        return fail(s, "451 4.3.0 There is no memory: try again later");
    strcpy(s->recipients[s->count++], command->path);
    return reply(s, "250 2.1.5 Ok");
}

static int begin_data(struct session *s)
{
    if (!s->count)
        return fail(s, s->has_sender ? "554 5.5.1 Say RCPT first" : "503 5.5.1 Say MAIL first");
    return session_take(s);
}

/* Another server that waits for a browser's words would not be told by them to send mail. */
static int end_foreign(struct session *s)
{
    s->over = s->h->request->linger = true;
    return reply(s, "421 4.7.0 This is SMTP. Bye");
}

static int quit(struct session *s)
{
    s->over = true;
    return reply(s, "221 2.0.0 Bye");
}

static int run(struct session *s, const struct command *command)
{
    switch (command->verb) {
    case EHLO:
    case HELO:
        return greet(s, command);
    case MAIL:
        return set_sender(s, command);
    case RCPT:
        return add_recipient(s, command);
    case DATA:
        return begin_data(s);
    case RSET:
        session_reset(s);
        return reply(s, "250 2.0.0 Ok");
    case NOOP:
        return reply(s, "250 2.0.0 Ok");
    case VRFY:
        return reply(s, "252 2.1.5 Everybody gets mail here");
    case HELP:
        return reply(s, "214 2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT (RFC 5321)");
    case QUIT:
        return quit(s);
    case MISSING:
        return fail(s, "502 5.5.1 This server does without that");
    case FOREIGN:
        return end_foreign(s);
    default:
        return fail(s, "500 5.5.2 There is no such command: HELP");
    }
}

/* ---------------------------------------------------------------- lines */

static int end_with(struct session *s, const char *text)
{
    s->over = true;
    return reply(s, text);
}

/* A client that sends on would lose the reply when the connection is closed. */
static int throw_out(struct session *s, const char *text)
{
    s->h->request->linger = true;
    return end_with(s, text);
}

/* Waits for the next line, unless it is there already: replies to commands that have come together go
   together. Returns 1: there is input; 0: the client was told that it is over; or -errno. */
static int wait_for_line(struct session *s)
{
    const char *there;
    if (ss_peek(s->h->rfile, &there, 0) > 0)
        return 1;
    int rc = ss_wait(s->h, SS_INPUT | SS_IDLE, PATIENCE);
    if (rc == 0)
        return end_with(s, "421 4.4.2 You were silent for too long. Bye");
    if (rc == -ECANCELED)
        return end_with(s, "421 4.3.2 The server stops. Bye");
    return rc;
}

/* The rest of a line that is too long. */
static int skip_line(struct session *s)
{
    char rest[512];
    size_t total = 0;
    ssize_t n;
    while ((n = ss_readline(s->h->rfile, rest, sizeof rest)) > 0 && rest[n - 1] != '\n')
        if ((total += (size_t)n) > LONGEST)
            return throw_out(s, "421 4.7.0 This line has no end. Bye");
    return n <= 0 ? (n < 0 ? (int)n : -ECONNRESET) : fail(s, "500 5.5.2 The line is too long");
}

static int read_and_run(struct session *s)
{
    char line[COMMAND + 1];
    struct command command;
    ssize_t n = ss_readline(s->h->rfile, line, sizeof line);
    if (n == -ETIMEDOUT)
        return end_with(s, "421 4.4.2 The line has not come in time. Bye");
    if (n <= 0 || line[n - 1] != '\n') {
        s->over = n < COMMAND;
        return n < COMMAND ? (int)(n < 0 ? n : 0) : skip_line(s);
    }
    if (n < 2 || line[n - 2] != '\r')
        return fail(s, "500 5.5.2 A line ends with CR LF, not with LF alone (nc has -C for that)");
    command_read(line, (size_t)n - 2, &command);
    line[n - 2] = '\0';
    ss_explain(s->h, "parse", command.wrong ? command.wrong : line); /* with --explain it is shown */
    s->commands++;
    return command.wrong && command.verb != FOREIGN ? fail(s, command.wrong) : run(s, &command);
}

static int converse(struct ss_handler *h)
{
    struct session s = {.h = h};
    h->timeout = PATIENCE;
    int rc = ss_printf(h->wfile, "220 %s ESMTP smtp_sink\r\n", host);
    while (rc >= 0 && !s.over && (rc = wait_for_line(&s)) > 0) {
        rc = read_and_run(&s);
        if (!s.over && s.errors >= ERRORS)
            rc = throw_out(&s, "421 4.7.0 There were too many errors. Bye");
        else if (!s.over && s.commands >= COMMANDS)
            rc = throw_out(&s, "421 4.7.0 There were too many commands, and no message. Bye");
    }
    return rc < 0 ? rc : 0;
}

static const struct ss_handler_class Receiver = {.handle = converse};

/* ---------------------------------------------------------------- the server */

static const struct ss_class SmtpSink;

static int server_bind(struct ss_server *self)
{
    if (gethostname(host, sizeof host - 1) < 0 || !*host || strpbrk(host, " \r\n"))
        strcpy(host, "localhost");
    int rc = maildir_begin(directory);
    return rc < 0 ? -ECANCELED : ss_super(self, &SmtpSink)->server_bind(self);
}

static void server_close(struct ss_server *self)
{
    ss_super(self, &SmtpSink)->server_close(self);
    maildir_end();
}

static const struct ss_class SmtpSink = {
    .name = "SmtpSink", .server_bind = server_bind, .server_close = server_close};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Takes mail for everybody, and keeps it in DIRECTORY (mail), a Maildir.",
        .address = "localhost:8025",
        .cls = "EventLoopTCPServer",
        .servers = "TCPServer UnixStreamServer",
        .own = &SmtpSink,
        .argument = "DIRECTORY",
        .value = &directory,
        .handler = &Receiver,
    };
    return ss_main(argc, argv, &program);
}
