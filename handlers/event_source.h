/* SPDX-License-Identifier: MIT */
/* event_source: server-sent events (WHATWG HTML 9.2), on top of http_server.h: a response that has no end, in
   which the server sends events as they happen. A page receives them with EventSource, which connects again
   by itself; anybody else with curl -N. They may be sent in straight code, from any do_GET:

     static int do_GET(struct ss_handler *h)
     {
         struct es *es;
         int rc = es_begin(h, NULL, &es);
         while (rc > 0 && (rc = es_wait(es, 1000, NULL)) > 0)
             es_printf(es, "tick", "%llu", (unsigned long long)ss_now());
         return rc;
     }

   or as a class of functions that are called for what happens, where a stream takes some hundred bytes
   between two events (it is parked, see SS_PARK):

     static int joined(struct es *es)
     {
         return ss_subscribe(es_handler(es), "news", SS_END);
     }
     static const struct es_class News = {.open = joined};
     static int do_GET(struct ss_handler *h)
     {
         return es_serve(h, &News);
     }

   Both run under every mix-in. (Where one connection is served at a time, one stream is.) Whoever has
   something to tell calls es_publish, in any thread or process of the server:

         es_publish(server, "news", &(struct es_event){.event = "note", .data = "Hello!"});

   The answer has the status 200, Content-Type text/event-stream, and "Cache-Control: no-store, no-transform":
   it is not compressed, neither here (http_compress is of no effect) nor on its way, since a compressor holds
   events back. "X-Accel-Buffering: no" tells nginx the same. HTTP/1.1 gets it in chunks and HTTP/1.0 until
   the connection is closed, which it is in any case when the stream has ended. HEAD is answered with the head
   alone. A stream takes one of the six connections that a browser opens to a server, for all of its pages: so
   a page has one, with several types of events. To tell an EventSource not to connect again, answer with 204
   instead of a stream. Pages of other origins can read a stream only if it has Access-Control-Allow-Origin
   (http_send_header before es_begin).

   The stream ends when do_X, or a function of the class, ends it; when the server drains; when the client has
   closed its side of the connection; and when it does not read. A client that does not read costs what its
   mailbox holds (see mailbox_count) and what the kernel holds, and after write_timeout its connection. So
   does one whose mailbox is full, if it has subscribed with SS_END; a client that gets an id with each event
   then comes back, and gets what it has missed (see es_follow). What the client sends during a stream is
   dropped.

   The rules of http_server.h hold here, too. A `struct es` is its handler's; others send to it by es_post and
   es_publish. */
#ifndef EVENT_SOURCE_H
#define EVENT_SOURCE_H

#include "http_server.h"

#ifdef __cplusplus
extern "C" {
#endif

struct es;

/* An event. All text is UTF-8, ended by a NUL. NULL and 0: it has no such field. At least one is needed. */
struct es_event {
    const char *event; /* its type, one line, for addEventListener; NULL: "message" */
    const char *data;  /* any number of lines, ended by LF, CR or both: each becomes a field of its own, and
                          the client gets them with an LF between them. NULL: the client notes `id` and `retry`
                          and tells nobody */
    const char *id;    /* one line. The client sends that of the last event that it has received when it
                          connects again (Last-Event-ID). "": it is to send none */
    unsigned retry;    /* ms after which the client connects again when the connection is lost */
};

/* 0 means what the comments say. */
struct es_options {
    unsigned retry;    /* what the first event tells the client, see es_event. 0: nothing; browsers wait for
                          some seconds */
    int heartbeat;     /* ms without anything to send, after which the client is sent a comment: so proxies do
                          not take the connection for a dead one, and the server finds that the client has
                          gone. 15,000; -1: never */
    int write_timeout; /* ms after which a client that takes nothing is given up; -1: never. 0: 60,000 */
};

/* ---------------------------------------------------------------- in straight code */

/* Begins the stream as the answer to the request. `options` may be NULL, and is borrowed for the call.
   Returns 1, and stores the stream, which belongs to the connection and lives as long as that; 0 when it has
   answered a HEAD: then do_X returns 0, too. Or -errno: -EALREADY when another response than 200 was begun,
   -EINVAL when that has a Content-Length, or what reading the request's body has failed with. More fields can
   be added to the head: call http_send_response(h, 200, NULL) and http_send_header before. From now on
   request->data is the library's (see es_set_context), and rfile and wfile must not be used, nor more of the
   response. Waits. */
SS_API int es_begin(struct ss_handler *h, const struct es_options *options, struct es **es);

/* What es_wait returns. */
enum {
    ES_TIME = 1,    /* the time is over */
    ES_MESSAGE = 2, /* there is a message */
};

/* Waits for `ms` milliseconds, or, with -1, for as long as the stream lasts. Meanwhile it sends what was
   written, what comes by es_post and es_publish, and heartbeats. Returns ES_TIME; ES_MESSAGE when ss_post or
   ss_publish has sent something else, which is stored in *message and lives as ss_receive says (`message`
   NULL: such are dropped); 0 when the stream has ended; or -errno when the server has failed, and -ENOBUFS
   when the mailbox was full (see SS_END). Then do_X returns that, too. Waits. */
SS_API int es_wait(struct es *es, int ms, struct ss_message *message);

/* Sends an event. It leaves with the next es_wait or es_flush. Returns 0; -EPIPE when the stream has ended;
   -EINVAL for an `id` or `event` of several lines, and for an event without any field, -EILSEQ for what is
   not UTF-8, and -ENOMEM: then nothing is sent; or another -errno, which sticks. May wait. */
SS_API int es_send(struct es *es, const struct es_event *event);

/* Sends an event of this type (NULL: "message"), with data formatted as printf(3) and vprintf(3) do. Returns
   as es_send. May wait. */
SS_API int es_printf(struct es *es, const char *event, const char *format, ...) SS_PRINTF(3, 4);
SS_API int es_vprintf(struct es *es, const char *event, const char *format, va_list args);

/* Sends text that the client drops, as a heartbeat. Each of its lines becomes a comment. Returns as es_send.
   May wait. */
SS_API int es_comment(struct es *es, const char *text);

/* Sends what was written by now. Returns 0; -EPIPE when the stream has ended; or -errno. Waits. */
SS_API int es_flush(struct es *es);

/* Ends the stream, so that the client sees that it is complete. do_X ends it, too, when it returns 0. (An
   EventSource connects again all the same, and is to be sent an event that says it had better not.) Returns 0
   or -errno. Waits. */
SS_API int es_end(struct es *es);

/* Returns the id of the last event that the client has received when it was connected before; "" when it
   sends none. The string lives until do_X returns; after that, in functions of a class, it is "". */
SS_API const char *es_last_id(const struct es *es);

/* Return the server, and the handler whose connection it is: to subscribe to channels, for ss_ref, and for
   h->client_address. With a struct es_class it is another one at each call, and NULL where `close` says so.
 */
SS_API struct ss_server *es_server(const struct es *es);
SS_API struct ss_handler *es_handler(const struct es *es);

/* Keeps a pointer of the program's with the stream. `release` is called with it when the connection is
   closed; NULL: nothing is. es_context returns the pointer, NULL at first. */
SS_API void es_set_context(struct es *es, void *context, void (*release)(void *context));
SS_API void *es_context(const struct es *es);

/* ---------------------------------------------------------------- as a class */

/* What is to be done when something happens. All slots may be NULL. Each returns 0, or -errno: then `close`
   is called, and the connection is closed without the end of the stream. To end it otherwise they call
   es_end. They may wait: then the connection is not parked meanwhile. */
struct es_class {
    struct es_options options;
    int (*open)(struct es *es); /* it was begun: who subscribes to channels does it here */
    /* ss_post or ss_publish has sent something that is no event: it is for this function to tell the client
     */
    int (*message)(struct es *es, const struct ss_message *message);
    int (*idle)(struct es *es); /* nothing was sent for options.heartbeat. NULL: a comment is sent */
    /* It has ended. Called once for each stream for which `open` was. When the connection has failed while it
       was parked there is no handler any more: then es_handler returns NULL, and `close` must not wait. */
    void (*close)(struct es *es);
};

/* Begins a stream as es_begin does, and serves it as `cls` says, which lives as long as the program. do_X
   returns what this returns. May wait. */
SS_API int es_serve(struct ss_handler *h, const struct es_class *cls);

/* ---------------------------------------------------------------- from elsewhere

   Each stream can be named by ss_ref and can subscribe to channels by ss_subscribe, both called with
   es_handler(es). What the functions below send goes to its client as an event, without a call of the program
   where the connection is parked. It is formatted once, for however many receivers. The limits of a mailbox
   hold for it, with 12 bytes more than the event has on the wire. */

/* Sends an event to the stream that `ref` names, in any process of the server. Never waits for the client.
   Returns as ss_post; -EINVAL, -EILSEQ and -ENOMEM as es_send. Any thread. */
SS_API int es_post(struct ss_server *self, struct ss_ref ref, const struct es_event *event);

/* Sends an event to all streams that have subscribed to a channel. Returns how many, or -errno as ss_publish;
   -EINVAL, -EILSEQ and -ENOMEM as es_send. Any thread. */
SS_API int es_publish(struct ss_server *self, const char *channel, const struct es_event *event);

/* ---------------------------------------------------------------- what was missed

   A history keeps the last events of one or more channels in memory that all processes of the server share.
   It belongs to a server class, which has nothing else in its shared memory:

     static const struct ss_class News = {
         .name = "News", .base = &HTTPServer, .shared_size = ES_HISTORY_SIZE(100000)};

   The history gives each event an id. So a client that was away for a moment is sent what it has missed, each
   event once and in order, as long as that is in the history. When the server was started anew, it is not. */

#define ES_HISTORY_SIZE(bytes) \
    (64 + (bytes)) /* room for events: as on the wire, and some 40 bytes for each */

/* Sends an event as es_publish does, and keeps it, in the place of the oldest ones if need be. event->id is
   NULL. Returns as es_publish; -EMSGSIZE also when it is larger than the history, -EINVAL also when `cls` is
   not among the server's bases. After an error it is not kept, either. Any thread. */
SS_API int es_keep(struct ss_server *self, const struct ss_class *cls, const char *channel,
                   const struct es_event *event);

/* Subscribes the stream to a channel with SS_END, and sends it all events of the channel that are in the
   history and have come after the one that the client has received last. If that one is not known, or the
   client has received none yet, it sends with `all` all that are there, and else none. Nothing comes twice,
   and nothing is left out between these events and those that are to come. To be called before do_X returns,
   so by `open` of a class. Returns 1 when the client has got all that it has missed; 0 when it may lack some,
   or is a new one; or -errno as ss_subscribe, ss_lock and es_send. May wait. */
SS_API int es_follow(struct es *es, const struct ss_class *cls, const char *channel, bool all);

#ifdef __cplusplus
}
#endif
#endif
