/* SPDX-License-Identifier: MIT */
/* A stream of events, as the files of events/ share it. The life of one:

     begin.c    the head of the response, and what there is of the stream
     send.c     what the handler itself sends
     posted.c   what others send
     wait.c     heartbeats, and the client's end
     end.c      how it ends
     serve.c    one of a struct es_class, which is parked between events

   format.c knows what an event looks like, history.c keeps some. */
#ifndef EVENTS_ES_H
#define EVENTS_ES_H

#include "event_source.h"

enum { ES_TAG = 2 }; /* of messages that are events, see ss_post_tagged */

struct es {
    struct ss_handler *h; /* NULL: it is parked, or has ended */
    struct ss_server *server;
    const struct es_class *cls; /* NULL: straight code */
    void *context;
    void (*release)(void *context);
    const char *last_id;   /* of the request */
    uint64_t heartbeat_at; /* ms, as ss_now counts; 0: not decided since something was sent */
    uint64_t sent;         /* bytes that had left then */
    int heartbeat, write_timeout;
    bool chunked;
    bool ended; /* nothing is sent any more */
    bool told;  /* `close` of the class was called */
};

/* ---- format.c ---- */

#define ES_CHUNK_HEAD 10 /* bytes of a chunk's first line: so large a text is none */

/* An event on the wire: a chunk of HTTP/1.1. `text` lies in it, for those who want no chunks. */
struct es_text {
    char *chunk, *text;
    size_t chunk_size, size;
};

/* Makes the text of an event, in memory for the caller to free (`chunk`). 0 or -errno, as es_send. */
int es_format(const struct es_event *event, struct es_text *text);
/* The same of a comment. */
int es_format_comment(const char *comment, struct es_text *text);
/* The text in a chunk that es_format has made. */
struct iovec es_text_of(const char *chunk, size_t size);

/* ---- send.c ---- */

/* What of a chunk that es_format has made is sent. */
struct iovec es_on_the_wire(const struct es *es, const char *chunk, size_t size);
/* Sends text of any size, which is not in a chunk yet. 0 or -errno. */
int es_send_text(struct es *es, const char *text, size_t size);

/* ---- posted.c ---- */

/* Sends what is in the buffer. As long as the client does not take it messages stay in the mailbox, which is
   bounded, and a drain ends the wait. 0; -ETIMEDOUT; or -errno. */
int es_make_room(struct es *es);
/* Sends what others have posted. ES_MESSAGE when there is another message, which is stored in *message; 0; or
   -errno. */
int es_pass_on(struct es *es, struct ss_message *message);

/* ---- wait.c ---- */

/* Drops some of what the client has sent. 0; -EPIPE when the client has ended. */
int es_skip_input(struct es *es);

/* ---- end.c ---- */

/* Ends a stream whose connection has failed, or that is to end because the server stops. Returns 0, or
   `error` when that is the server's. */
int es_lost(struct es *es, int error);
/* Tells the class that the stream has ended, if it does not know. */
void es_tell(struct es *es);

#endif
