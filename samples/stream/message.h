/* SPDX-License-Identifier: MIT */
/* What a listener and the source of a stream say to each other. The stream itself is RTP (RFC 3550, 5.1); all
   else is one line of text in each datagram, a word and 16 hexadecimal digits:

     listen COOKIE   from the listener: I want the stream for another LEASE; at first the cookie is 0
     cookie COOKIE   the answer to a wrong one: this is yours. It is as long as the question
     stop COOKIE     from the listener: no more of it
     full COOKIE     from the source: there are as many listeners as there may be
     bye COOKIE      from the source: it ends */
#ifndef STREAM_MESSAGE_H
#define STREAM_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEASE = 5000, RENEWAL = 1500 /* ms: until a listener is forgotten, and until it asks again */ };
enum { MESSAGE_SIZE = 24, RTP_HEADER = 12, RTP_VERSION = 2, CLOCK_RATE = 8000 /* of PCMU, in Hz */ };

enum word { NO_WORD, LISTEN, COOKIE, STOP, FULL, BYE };

/* Returns what is said, NO_WORD: nothing that is known. */
enum word message_parse(const char *data, size_t size, uint64_t *cookie);
size_t message_format(enum word word, uint64_t cookie, char text[MESSAGE_SIZE + 1]);

struct rtp {
    bool marker;      /* after a pause */
    unsigned type;    /* of the payload; 0 is PCMU */
    uint16_t number;  /* of the datagram */
    uint32_t time;    /* of its first sample */
    uint32_t source;  /* another one when the source begins anew */
    const char *data; /* points into the datagram */
    size_t size;
};

/* False: this is no RTP. */
bool rtp_parse(const char *data, size_t size, struct rtp *rtp);

/* Writes the header. */
void rtp_format(const struct rtp *rtp, char header[RTP_HEADER]);

#endif
