/* SPDX-License-Identifier: MIT */
/* A message of syslog, and where it ends in a stream. */
#ifndef SYSLOG_MESSAGE_H
#define SYSLOG_MESSAGE_H

#include "socketserver.h"

enum { LONGEST = 8192 /* bytes of a message, more are left out */, SEVERITIES = 8, FACILITIES = 24 };

/* Reads "<34>text" (RFC 5424, RFC 3164): 34 is 4 * 8 + 2, facility 4, severity 2. Returns that number, and
   stores where the text begins; it is made harmless for a terminal. -1: this is malformed. */
int message_read(char *message, const char **text);

/* Reads the next message of a stream (RFC 6587), which has no ends of messages: either "5 <34>x" says how
   long each one is, or a newline ends it. `message` has room for LONGEST + 2 bytes; the end of a line is not
   in it, and a NUL is behind it. Returns 1; 0 at the end of the stream; -EBADMSG or -EMSGSIZE when nobody
   knows where the next one begins; or -errno. Waits. */
int message_next(struct ss_stream *s, char *message);

#endif
