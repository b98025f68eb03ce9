/* SPDX-License-Identifier: MIT */
/* Streams over sockets, and how long they wait for the other side. */
#ifndef SS_SOCKET_H
#define SS_SOCKET_H

#include "socketserver.h"

/* A window of waiting, in which so much must move; see struct ss_handler.min_rate. */
struct pace {
    uint64_t waited, moved; /* ms of waiting in it; the bytes that had moved when it began */
};

/* A stream over a socket. */
struct socket {
    struct ss_stream stream;
    struct pace in, out;
    unsigned debts;  /* the stream's when `in` began: with each new one a window begins */
    bool is_tcp;     /* a read that gets less than it asks for has got all, but for urgent data */
    bool drained;    /* the last read has left no input in the socket */
    bool unread;     /* the last read has left some, or may have */
    unsigned polls;  /* what polls_made() said after it */
    unsigned streak; /* calls since this stream has waited, or let others run */
};
/* Its methods; a server's and client.c's tables have them. */
ssize_t socket_read(struct ss_stream *s, void *data, size_t size);
ssize_t socket_read_now(struct ss_stream *s, void *data, size_t size);
int socket_write(struct ss_stream *s, struct iovec *vector, int count, bool more);
ssize_t socket_write_now(struct ss_stream *s, const void *data, size_t size);
int socket_sendfile(struct ss_stream *s, int fd, off_t offset, size_t size);
int socket_write_eof(struct ss_stream *s);
/* TCPServer's open_stream. */
int socket_open_stream(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream);

/* The waits of one call that have ended without anything to read, or room to write: poll(2) reports an error
   that reading and writing do not take away, as an entry in the error queue (MSG_ZEROCOPY). Such a call must
   neither last for ever nor keep others from running. All zero at first, and again after each success. */
struct vain_waits {
    bool waited;
    unsigned count;
    uint64_t since;
};
/* Waits for the stream's descriptor, within the stream's time limits. 0, -ETIMEDOUT, -ECANCELED, -errno. */
int stream_wait(struct ss_stream *s, short events, int until, struct vain_waits *vain);
/* Lets others run after a wait in vain; `timeout` milliseconds of such waits are -ETIMEDOUT (-1: no limit).
   Returns as stream_wait does. */
int stream_pause(struct ss_stream *s, struct vain_waits *vain, int timeout);

/* pace.c */
/* Waits until the socket has room for more output, as long as the other side takes some now and then, and
   fast enough. 0, -ETIMEDOUT, -ECANCELED, -errno. */
int pace_output(struct ss_stream *s);
/* Called before and after a wait for input that the other side owes. The first one returns when the wait
   begins; 0: there is no rate to keep to. */
uint64_t pace_input_begin(struct ss_stream *s);
/* 0; -ETIMEDOUT: in all that waiting too little has come. */
int pace_input_end(struct ss_stream *s, uint64_t start);
/* How many milliseconds the other side may take no output; -1: no limit. */
int output_limit(const struct ss_stream *s);

#endif
