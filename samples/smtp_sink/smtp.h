/* SPDX-License-Identifier: MIT */
/* What SMTP clients say (RFC 5321): commands, and the data of a message. Pure functions. */
#ifndef SMTP_SINK_SMTP_H
#define SMTP_SINK_SMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Octets with CR LF. Each extension makes commands longer: SIZE by 26, 8BITMIME by 17, SMTPUTF8 by 10. */
enum { COMMAND = 512 + 26 + 17 + 10, TEXT_LINE = 1000, PATH = 256, NAME = 255 };

enum verb { UNKNOWN, EHLO, HELO, MAIL, RCPT, DATA, RSET, NOOP, VRFY, HELP, QUIT, MISSING, FOREIGN };

struct command {
    enum verb verb;      /* MISSING: this server does without it; FOREIGN: another protocol's, as HTTP's */
    const char *wrong;   /* the reply to a malformed one; NULL: it is not */
    char name[NAME + 1]; /* of EHLO and HELO */
    char path[PATH + 1]; /* of MAIL and RCPT, without < > and without a route; MAIL's may be "" */
    bool utf8, is_8bit;  /* of MAIL */
    bool needs_utf8;     /* the path has it */
    uint64_t size;       /* of MAIL; 0: not said */
};

/* Understands a line of `size` bytes without its end. */
void command_read(const char *line, size_t size, struct command *command);

/* The data of a message, between DATA and CR LF . CR LF, in pieces of any size. */
struct data {
    enum { AT_START, IN_LINE, AFTER_CR, AFTER_DOT, AFTER_DOT_CR, AT_END, BROKEN } state;
    size_t line; /* octets of the current one */
    bool long_line;
};

/* Takes `size` bytes, or fewer when the data ends before: returns how many. Writes what they stand for into
   `text`, whose *used bytes are never more than that: lines end with LF there, and a dot that was added to a
   line's beginning is gone. `data` is zeroed at first; its state is AT_END at last, or BROKEN where a CR or
   an LF stands alone. Such a one ends no line, or a message for this server would be two for the one before,
   or the other way round (SMTP smuggling); so the connection has to end then. */
size_t data_read(struct data *data, const char *bytes, size_t size, char *text, size_t *used);

#endif
