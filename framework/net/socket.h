/* Streams over sockets, and how long the other side may take its time. */
#ifndef SS_SOCKET_H
#define SS_SOCKET_H

#include "socketserver.h"

/* A stream over a socket. */
struct socket {
    struct ss_stream stream;
    bool is_tcp;     /* a read that gets less than it asks for gets all, but for urgent data */
    bool drained;    /* the last read has left nothing behind */
    bool unread;     /* it has, or may have */
    unsigned polls;  /* what polls_made() said then */
    unsigned streak; /* calls since this stream last waited */
};
ssize_t socket_read(struct ss_stream *s, void *data, size_t size);
ssize_t socket_read_now(struct ss_stream *s, void *data, size_t size);
int socket_write(struct ss_stream *s, struct iovec *vector, int count, bool more);
int socket_sendfile(struct ss_stream *s, int fd, off_t offset, size_t size);
int socket_write_eof(struct ss_stream *s);
/* TCPServer's open_stream. */
int socket_open_stream(struct ss_server *self, struct ss_handler *h, struct ss_stream **stream);

/* Waits of one call that came back with nothing to be had: an error is told of that reading and writing do
   not take away (the error queue of MSG_ZEROCOPY, say). They must neither last for ever nor keep others from
   running. Zeroed at first, and after each success. */
struct vain {
    bool waited;
    unsigned count;
    uint64_t since;
};
/* Waits for the stream's descriptor within its limits; 0, -ETIMEDOUT, -ECANCELED, -errno. */
int stream_wait(struct ss_stream *s, short events, int until, struct vain *vain);
/* Lets others run when there was nothing to wait for, nor to be had; the same results. */
int stream_pause(struct ss_stream *s, struct vain *vain, int timeout);
/* pace.c */
/* Waits until a stream's socket has room for more output: as long as the other side takes something now and
   then. 0, -ETIMEDOUT, -ECANCELED, -errno. */
int pace_output(struct ss_stream *s);
/* Around a wait for input that is owed. Returns when it began, 0: it is not, or there is no rate to keep to.
 */
uint64_t pace_input_begin(struct ss_stream *s);
/* 0; -ETIMEDOUT: too little has come for all that waiting. */
int pace_input_end(struct ss_stream *s, uint64_t start);
/* Milliseconds without a byte taken that end such a wait, -1: no limit. */
int output_limit(const struct ss_stream *s);

#endif
