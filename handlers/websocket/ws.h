/* SPDX-License-Identifier: MIT */
/* A WebSocket, as the files of websocket/ share it. The life of one:

     life.c      what it has while it runs
     accept.c    the handshake; key.c, what is proved in it
     wait.c      for what comes
     receive.c   the frames of messages
     message.c   frames become messages
     control.c   pings, and how it ends; close.c, when the server wants that
     send.c      messages become frames; write.c, one of them
     deflate.c   messages are compressed; extension.c, whether they are
     posted.c    what others send
     serve.c     one of a struct ws_class, which is parked between messages
     connect.c   one that is a client's

   frame.c knows what a frame looks like. */
#ifndef WS_WS_H
#define WS_WS_H

#include "text/utf8_check.h"
#include "websocket.h"
#include "websocket/extension.h"
#include "websocket/frame.h"

struct http_coder_buffers;

enum { WS_PARKS = 1 }; /* no time: nothing is waited for, as the connection is parked then */
enum { WS_TAG = 1 };   /* of messages that are frames, see ss_post_tagged */

/* The message that is being received. */
struct ws_incoming {
    enum ws_type type; /* 0: none */
    bool final;        /* its last frame has begun */
    bool deflated;     /* it is compressed */
    bool full;         /* there may be more to inflate before anything else comes */
    unsigned fragments;
    uint64_t size; /* bytes of all its frames that have begun; or that were inflated */
    uint64_t left; /* bytes that are to come of this frame, */
    uint64_t at;   /* and have come */
    size_t clear;  /* bytes in the input buffer that are unmasked, and not inflated yet */
    unsigned char key[WS_KEY];
    struct http_utf8 utf8;
};

/* What there is of a WebSocket while a handler runs, and is given back when the connection is parked. */
struct ws_run {
    struct ss_server *server; /* NULL: a client's outside of servers */
    struct ss_handler *h;     /* NULL: a client's */
    struct ss_stream *client; /* what ws_connect has connected; NULL: a handler's */
    int limit;                /* ms that a client's output may wait */
    struct ss_stream *in, *out;
    struct ws_options options;
    struct ws_incoming incoming;
    char *whole; /* the last message that ws_recv has given, where it does not stand in the input buffer */
    struct ws_message *posted; /* one that has come while a message of the client's was being received */
    uint64_t close_at;         /* when it waits for the client's close no longer, 0: it does not wait */
    uint64_t waited;           /* ms for the rest of a frame, */
    uint64_t waited_from;      /* and how much had come before */
    uint64_t turn;             /* how much had come when others had their turn */
    uint64_t begins_by; /* when it waits no longer for the beginning of a message: -EAGAIN; or WS_PARKS. 0: it
                           waits */
    char reason[WS_MAX_REASON + 1];
};

/* Ten thousand that are idle have this in memory, and no more of a WebSocket. */
struct ws {
    union {
        struct ws_run *run;       /* while it runs, */
        struct ss_server *server; /* and while it is parked */
    };
    const struct ws_class *cls; /* NULL: straight code */
    void *context;
    void (*release)(void *context);
    uint32_t ping_at;  /* the lower half of the ms when it is to be pinged, as ss_now counts */
    uint16_t code;     /* 0: open */
    uint8_t protocol;  /* its number in options.protocols, from 1 on; 0: none */
    bool runs : 1;     /* a handler does */
    bool deflates : 1; /* messages are compressed: it is a struct ws_deflating */
    bool has_ping : 1; /* it was decided when, since something has come */
    bool closing : 1;  /* ours was sent: nothing may follow it */
    bool ended : 1;    /* nothing is received any more */
    bool pinged : 1;   /* and nothing has come since */
    bool told : 1;     /* `close` of the class was called */
};
_Static_assert(sizeof(void *) != 8 || sizeof(struct ws) <= 40, "an idle WebSocket has grown");

struct ws_deflating {
    struct ws ws;
    struct ws_deflate *deflate;
};

/* NULL: messages are not compressed. */
static inline struct ws_deflate *ws_deflate_of(struct ws *ws)
{
    return ws->deflates ? ((struct ws_deflating *)ws)->deflate : NULL;
}

/* ---- life.c ---- */

/* Fills in what options leave open. */
void ws_run_begin(struct ws *ws, struct ws_run *run, struct ss_handler *h, const struct ws_options *options);
/* The same for what ws_connect has connected. */
void ws_run_client(struct ws *ws, struct ws_run *run, struct ss_stream *client, int limit,
                   const struct ws_options *options);
/* Gives back what it has while it runs. */
void ws_run_end(struct ws *ws);
/* Tells the class that the WebSocket has ended, if it does not know. */
void ws_tell(struct ws *ws);
/* The connection, whose `data` it is, is closed. */
void ws_release(void *data);
/* do_X has returned. */
void ws_leave(struct ss_handler *h, int rc);

/* ---- key.c ---- */

#define WS_KEY_SIZE 25 /* bytes of Sec-WebSocket-Key, with a NUL */
/* Makes a key that nobody can guess; and random bytes. 0 or -errno. */
int ws_make_key(char key[WS_KEY_SIZE]);
int ws_random(void *data, size_t size);
#define WS_ACCEPT_SIZE 29 /* bytes of Sec-WebSocket-Accept, with a NUL */
/* Writes what answers a Sec-WebSocket-Key. 0; -ENOMEM; or -ENOTSUP where there is no libcrypto. */
int ws_accept_key(const char *key, char accept[WS_ACCEPT_SIZE]);
/* True for base64 of 16 bytes. */
bool ws_is_key(const char *key);

/* ---- wait.c ---- */

/* Waits until there is more input than is in the buffer. `within`: a part of a frame has come. Stores a
   message that was posted in *posted, if that is not NULL. 1; WS_POSTED when there is one; 0: it has ended;
   or -errno. */
int ws_await(struct ws *ws, bool within, struct ws_message *posted);
/* Something has come from the client. */
void ws_heard(struct ws *ws);
/* Milliseconds until an idle client is to be pinged; -1: never. */
int ws_patience(struct ws *ws);
/* Waits for `want` bytes of input, as they follow the beginning of a frame. Returns as ws_await. */
int ws_want(struct ws *ws, const char **data, size_t want);
/* As ss_peek_now; a peer that always sends lets others run meanwhile, and learns that its time is over. */
ssize_t ws_look(struct ws *ws, const char **data, size_t want);
/* Begins to measure how fast a frame comes. */
void ws_measure(struct ws_run *run);

/* ---- receive.c ---- */

/* Waits for the next frame of a message. 1; as ws_await. */
int ws_next_frame(struct ws *ws, struct ws_message *posted);
/* Waits for more of the message, and stores where in the input buffer it is, masked, and how much; 0 bytes:
   all of it was taken. 1; 0: the WebSocket has ended; or -errno. */
int ws_payload(struct ws *ws, char **data, size_t *size);
/* So many bytes of it were taken. */
void ws_took(struct ws *ws, size_t size);
/* The next part of the message's text, if it is text; `last`: it ends there. 1; 0: it is not UTF-8. */
int ws_take_text(struct ws *ws, const char *text, size_t size, bool last);

/* ---- message.c ---- */

/* As ws_recv, for a connection that is parked where that would wait: -EAGAIN. */
int ws_recv_or_park(struct ws *ws, struct ws_message *message);

/* ---- deflate.c ---- */

/* For one side of a WebSocket. NULL if out of memory. */
struct ws_deflate *ws_deflate_new(const struct ws_terms *terms, bool client);
/* May be NULL. */
void ws_deflate_free(struct ws_deflate *deflate);
/* Compresses a message, if that is agreed on and makes it shorter. Returns memory for free(), or NULL: it is
   to be sent as it is. */
char *ws_deflate(struct ws *ws, const void *data, size_t size, size_t *out_size);
/* Inflates more of a message; `last`: b->in is all that has not been inflated yet. Returns 1 when that was
   the end of the message, 0 when more input or more room is needed, -EPROTO when it is not compressed as
   agreed on, or -ENOMEM. May wait. */
int ws_inflate(struct ws *ws, struct http_coder_buffers *b, bool last);

/* ---- control.c ---- */

/* May this code be sent? (RFC 6455 7.4, and what IANA has registered since) */
bool ws_is_code(unsigned code);
/* Sends a close, if none was sent: nothing may follow it. 0 or -errno. */
int ws_send_close(struct ws *ws, unsigned code, const char *reason);
/* A control frame has come. 1; 0: the WebSocket has ended; or -errno. */
int ws_control(struct ws *ws, unsigned opcode, const char *payload, size_t size);
/* Ends a WebSocket whose client has broken the rules. Returns 0. */
int ws_fail(struct ws *ws, unsigned code, const char *reason);
/* Ends one whose connection has failed, or is to end: `error` is what a wait has returned, or 0. Returns 0,
   or `error` when that is the server's. */
int ws_lost(struct ws *ws, int error);
/* Sends a ping, or gives the client up when it has answered none. 1; 0: it has ended; or -errno. */
int ws_ping(struct ws *ws);

/* ---- close.c ---- */

/* Says good-bye, if nobody has yet. `rc` is what the handler has returned. */
void ws_bye(struct ws *ws, int rc);

/* ---- posted.c ---- */

/* Receives what was posted: sends frames on, and stores another message. 1 when it has stored one, 0, or
   -errno. */
int ws_take_posted(struct ws *ws, struct ws_message *message);

/* ---- write.c ---- */

/* Writes a frame that begins with the byte `first`. 0 or -errno. May wait. */
int ws_send_frame(struct ws *ws, unsigned first, const void *data, size_t size);
/* 0 for what can be sent as a message; else -EINVAL or -EILSEQ. */
int ws_check(enum ws_type type, const void *data, size_t size);

#endif
