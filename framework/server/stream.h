/* SPDX-License-Identifier: MIT */
/* What streams, and the classes that make them, need besides socketserver.h. */
#ifndef SS_STREAM_H
#define SS_STREAM_H

#include "socketserver.h"

/* Gives `s` the server, request, descriptor and time limits of a handler. */
void stream_serve(struct ss_stream *s, struct ss_handler *h);

/* Would a read not wait, for more than ss_readline_now has found? Tries once to read. False for a stream
   without input, or without read_now. */
bool stream_has_news(struct ss_stream *s);

/* Gives back the memory of buffers that are empty, also of the streams below. They may be used as before. */
void stream_rest(const struct ss_stream *s);
/* The same for others of this thread, and only of buffers that are lent: until stream_borrow, which gets
   buffers anew, nobody uses the streams. 0 or -ENOMEM, which sticks. */
void stream_return(struct ss_stream *s, struct ss_arena *arena);
int stream_borrow(struct ss_stream *s, struct ss_arena *arena);

/* stream_output.c */
/* Remembers the first error of a stream, and returns it. */
int stream_failed(struct ss_stream *s, ssize_t rc);
/* Sends what the other side may be waiting for, also from the buffers of the streams that are over `s`, and
   of those that are tied to these. For streams that are about to wait for input. */
int stream_flush_above(struct ss_stream *s);
/* ss_sendfile for a stream that has no better way: reads the file and writes what it has read. */
int stream_copy_file(struct ss_stream *s, int fd, off_t offset, size_t size);
/* Has `s`, or a stream below it, input that was read from the connection and that nobody has taken yet? */
bool stream_holds_input(const struct ss_stream *s);

#endif
