/* SPDX-License-Identifier: MIT */
/* websocket: WebSockets in C (RFC 6455), on top of http_server.h.

   Any do_GET can turn its connection into a WebSocket, and goes on in straight code, under every mix-in:

     static int do_GET(struct ss_handler *h)
     {
         struct ws *ws;
         struct ws_message message;
         int rc = ws_accept(h, NULL, &ws);
         if (rc <= 0)
             return rc;
         while ((rc = ws_recv(ws, &message)) > 0)
             ws_send(ws, message.type, message.data, message.size);
         return rc;
     }

   Or it hands the connection over to a struct ws_class, whose functions are called for what happens. Between
   two messages such a connection is parked, and takes less than 300 bytes of memory:

     static int message(struct ws *ws, const struct ws_message *message)
     {
         return ws_send(ws, message->type, message->data, message->size);
     }
     static const struct ws_class Echo = {.message = message};

     static int do_GET(struct ss_handler *h)
     {
         return ws_serve(h, &Echo);
     }

   What the protocol asks for happens by itself. Pings are answered. A client that says nothing is sent pings,
   and when it answers none its connection is closed. A client that breaks the rules gets the code that RFC
   6455 7.4.1 has for that, and its connection is closed. When the server drains, each client gets 1001. When
   do_X returns while the WebSocket is open, the client gets 1000, or 1011 after -errno.

   Nothing that a client sends, or does not read, takes more memory than max_message, h->wfile's buffer and
   the connection's mailbox; and some 40 KiB while a message comes that is compressed. Output waits for a
   client that does not read as struct ss_handler's write_timeout says; then the connection is closed.

   The rules of socketserver.h about errors, owners, threads and waiting hold here too. A WebSocket belongs to
   its handler; others send to it by ws_post and ws_publish. */
#ifndef WEBSOCKET_H
#define WEBSOCKET_H

#include "http_server.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ws;

enum ws_type {
    WS_TEXT = 1,   /* UTF-8: ws_recv has checked it, ws_send checks it */
    WS_BINARY = 2, /* any bytes */
    WS_POSTED = 3, /* not from the client: what ss_post or ss_publish has sent to this connection */
};

/* What ws_recv gives. */
struct ws_message {
    enum ws_type type;
    const char *data; /* ended by a NUL that is not part of it (not with WS_POSTED). It lives until the next
                         ws_recv, ws_next or ws_close, or until `message` of the class returns */
    size_t size;      /* bytes */
    const char *channel; /* as in struct ss_message, with WS_POSTED; else NULL */
};

/* Why a WebSocket has ended (RFC 6455 7.4.1). Programs use 3,000 to 4,999 for reasons of their own. */
enum ws_code {
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,  /* the server stops; or the page was left */
    WS_PROTOCOL = 1002,    /* against the protocol */
    WS_UNSUPPORTED = 1003, /* this type of data */
    WS_NO_CODE = 1005,     /* the peer has given none. Never sent */
    WS_ABNORMAL = 1006,    /* without a good-bye: the connection was lost. Never sent */
    WS_INVALID = 1007,     /* text that is not UTF-8 */
    WS_POLICY = 1008,      /* against the rules of this server */
    WS_TOO_BIG = 1009,     /* a message */
    WS_INTERNAL_ERROR = 1011,
    WS_TRY_AGAIN = 1013, /* later: the server has no room for it now */
};

#define WS_MAX_REASON 123 /* bytes of the text that a peer gives beside the code */

/* How messages are compressed, with clients that offer it, and with servers that accept what ws_connect
   offers (permessage-deflate, RFC 7692). Messages of 1 KiB and more are sent compressed where that makes them
   shorter; a peer may compress what it likes. This needs zlib: a build without it declines all offers, and
   makes none. Who compresses something secret together with something that an attacker has chosen tells by
   its size what the secret is. */
enum ws_compression {
    WS_NO_COMPRESSION,
    WS_DEFLATE,         /* each message by itself: a WebSocket takes no more memory between messages */
    WS_DEFLATE_CONTEXT, /* what was in the messages before is repeated by reference: small messages, from 64
                           bytes on, get smaller too, and each WebSocket takes 50 to 80 KiB */
};

/* Who may open a WebSocket, and what it may send. 0 and NULL mean what the comments say. */
struct ws_options {
    /* The subprotocols that the server speaks, ended by NULL: of those that a client asks for, in its order,
       the first one that is among them is taken, else none (Sec-WebSocket-Protocol). No more than 255. NULL:
       none */
    const char *const *protocols;
    /* The origins of pages that may open a WebSocket, "https://example.com", ended by NULL: any other page is
       refused with 403. Clients that are no browsers send no Origin, and are let in. NULL: only pages of this
       server itself (those whose origin is the Host of the request) */
    const char *const *origins;
    bool any_origin; /* let pages of any origin in. A page can then act in the name of who visits it */
    enum ws_compression compression; /* WS_NO_COMPRESSION */
    size_t max_message;     /* bytes of a message, of one that is compressed when it is inflated; more is
                               answered with 1009. 1 MiB */
    unsigned max_fragments; /* of a message; more is answered with 1009. 65,536 */
    int idle_timeout;       /* ms after which a client that has sent nothing is sent a ping, and after which
                               again it is given up. 30,000; -1: never */
    int close_timeout;      /* ms that ws_close waits for the client's answer. 2,000 */
};

/* ---------------------------------------------------------------- in straight code */

/* Opens the WebSocket that the request asks for. `options` may be NULL, and is borrowed for the call; what it
   points to lives as long as the WebSocket. Returns 1, and stores the WebSocket, which belongs to the
   connection and lives as long as that; 0 when the request is refused: then the answer has begun, and do_X
   returns 0. That is 426 with Upgrade and Sec-WebSocket-Version where the client has not asked for version 13
   of the protocol, 403 for a page of another origin, 400 for a request that is malformed, and 501 where this
   build has no libcrypto. Or -errno. When it is accepted, what there was in request->data is released:
   that is the library's now (see ws_set_context), and rfile and wfile must not be used. Waits. (RFC 6455
   4.2) */
SS_API int ws_accept(struct ss_handler *h, const struct ws_options *options, struct ws **ws);

/* Returns the subprotocol that was agreed on, one of options.protocols, or NULL. */
SS_API const char *ws_protocol(const struct ws *ws);

/* Receives the next message as a whole. Returns 1; 0 when the WebSocket has ended, and then ws_code says why;
   or -errno when the server has failed (-ENOMEM). Flushes what was sent before it waits. Meanwhile it sends
   what comes by ws_post and ws_publish, and answers pings. What ss_post and ss_publish have sent is given
   between two messages of the client, as WS_POSTED. Waits. */
SS_API int ws_recv(struct ws *ws, struct ws_message *message);

/* The same, but waits for `ms` milliseconds at most until a message begins; 0: not at all, -1: as ws_recv.
   The rest of a message that has begun is waited for. Returns as ws_recv, and -EAGAIN when none has begun.
   Waits. */
SS_API int ws_recv_for(struct ws *ws, struct ws_message *message, int ms);

/* The same for messages of any size, in constant memory: ws_next waits for the beginning of a message, and
   returns as ws_recv, but with data NULL and size 0 (not with WS_POSTED, which is given as a whole); what
   nobody has read of the message before is skipped. ws_read then reads the message, 1 to `size` bytes at
   once. It returns their number; 0 at the end of the message; or -EPIPE when the WebSocket has ended in the
   middle of it (ws_code says why), or another -errno. Pieces of text may end within a character. max_message
   holds here, too. Wait. */
SS_API int ws_next(struct ws *ws, struct ws_message *message);
SS_API ssize_t ws_read(struct ws *ws, void *data, size_t size);

/* Sends a message. `type` is WS_TEXT or WS_BINARY. It leaves as what is written to h->wfile does: before the
   next wait at the latest, and at ws_flush. Returns 0; -EPIPE when the WebSocket has ended; -EILSEQ when text
   is not UTF-8, -EINVAL for another type: then nothing is sent; or -errno, which sticks. May wait. */
SS_API int ws_send(struct ws *ws, enum ws_type type, const void *data, size_t size);

/* Sends formatted text, as printf(3) and vprintf(3). Returns as ws_send; -ENOMEM. May wait. */
SS_API int ws_printf(struct ws *ws, const char *format, ...) SS_PRINTF(2, 3);
SS_API int ws_vprintf(struct ws *ws, const char *format, va_list args);

/* Sends what was written by now. Returns 0; -EPIPE when the WebSocket has ended; or -errno. Waits. */
SS_API int ws_flush(struct ws *ws);

/* Closes the WebSocket: sends `code` and `reason` (UTF-8 of up to WS_MAX_REASON bytes, or NULL), and waits
   for the client's answer, for close_timeout at most; what it still sends is dropped. Returns 0, also when it
   had ended already; -EINVAL for a code that must not be sent, or a reason that is too long or not UTF-8; or
   -errno. Waits. (RFC 6455 7.1.2) */
SS_API int ws_close(struct ws *ws, unsigned code, const char *reason);

/* Return why the WebSocket has ended: the code that the client has sent, WS_NO_CODE if it has sent none,
   WS_ABNORMAL if there was no good-bye, or what the server has sent; and the text beside it, "" if there was
   none, which lives as long as the connection's handler. The code of an open WebSocket is 0. */
SS_API unsigned ws_code(const struct ws *ws);
SS_API const char *ws_reason(const struct ws *ws);

/* Return the server, and the handler whose connection it is: h->client_address, h->write_timeout. With a
   struct ws_class it is another one at each call. NULL for a client's, and where `close` says so. */
SS_API struct ss_server *ws_server(const struct ws *ws);
SS_API struct ss_handler *ws_handler(const struct ws *ws);

/* Keeps a pointer of the program's with the WebSocket. `release` is called with it when the connection is
   closed; NULL: nothing is. ws_context returns the pointer, NULL at first. */
SS_API void ws_set_context(struct ws *ws, void *context, void (*release)(void *context));
SS_API void *ws_context(const struct ws *ws);

/* ---------------------------------------------------------------- as a class */

/* What is to be done when something happens. All slots may be NULL. Each returns 0, or -errno: then the
   client gets 1011, `close` is called, and the connection is closed. To end the WebSocket otherwise they
   call ws_close. They may wait, and receive: then the connection is not parked meanwhile. */
struct ws_class {
    struct ws_options options;
    int (*open)(struct ws *ws);                                      /* it was accepted */
    int (*message)(struct ws *ws, const struct ws_message *message); /* a message has come */
    /* The client has sent nothing for idle_timeout. NULL: it is sent a ping, and is given up when nothing has
       come until the next time. */
    int (*idle)(struct ws *ws);
    /* It has ended; ws_code and ws_reason say why. Called once for each WebSocket for which `open` was. When
       the connection has failed while it was parked there is no handler any more: then ws_handler returns
       NULL, the code is WS_ABNORMAL, and `close` must not wait. */
    void (*close)(struct ws *ws);
};

/* Accepts the WebSocket that the request asks for as ws_accept does, and serves it as `cls` says, which lives
   as long as the program. do_X returns what this returns. May wait. */
SS_API int ws_serve(struct ss_handler *h, const struct ws_class *cls);

/* ---------------------------------------------------------------- from elsewhere

   Each WebSocket can be named by ss_ref and can subscribe to channels by ss_subscribe, both called with
   ws_handler(ws). What the functions below send goes to its client as a message, without a call of a handler
   where the connection is parked. The frame is made once, for however many receivers, and is not compressed.
   The limits of a mailbox hold for it, with the 10 bytes that a frame's head may take. */

/* Sends a message to the WebSocket that `ref` names, in any process of the server. Never waits for the
   client. Returns as ss_post; -EILSEQ and -EINVAL as ws_send. Any thread. */
SS_API int ws_post(struct ss_server *self, struct ss_ref ref, enum ws_type type, const void *data,
                   size_t size);

/* Sends a message to all WebSockets that have subscribed to a channel. Returns how many, or -errno as
   ss_publish; -EILSEQ and -EINVAL as ws_send. Any thread. */
SS_API int ws_publish(struct ss_server *self, const char *channel, enum ws_type type, const void *data,
                      size_t size);

/* The same, but without this one. For its handler. */
SS_API int ws_publish_others(struct ws *ws, const char *channel, enum ws_type type, const void *data,
                             size_t size);

/* ---------------------------------------------------------------- the client's side */

/* Opens a WebSocket to "ws://HOST[:PORT][/PATH][?QUERY]". `self` and `ms` are those of ss_connect: the server
   in whose handler this is called, or NULL; and the time for the connection and the handshake together, and
   for each wait to send. Of `options`, which may be NULL, the protocols and the compression are offered to
   the server, and the limits hold for what it sends; what they point to lives as long as the WebSocket.
   Returns 0, and stores the WebSocket, which the caller owns: ws_recv, ws_send and so on are for it, and
   ws_free in the end. Or the HTTP status with which the server has refused, 403 for instance; or -errno: as
   ss_connect, -EINVAL for a URL that cannot be read, -EPROTONOSUPPORT for wss, -EPROTO for an answer against
   the protocol, -ENOTSUP where this build has no libcrypto. Waits. (RFC 6455 4.1) */
SS_API int ws_connect(struct ss_server *self, const char *url, const struct ws_options *options, int ms,
                      struct ws **ws);

/* Closes what ws_connect has opened, with 1000 if it is open, and frees it. NULL is harmless. Waits. */
SS_API void ws_free(struct ws *ws);

#ifdef __cplusplus
}
#endif
#endif
