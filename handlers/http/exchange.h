/* SPDX-License-Identifier: MIT */
/* One request and its response, as the files of http/ share them. The life of a request:

     handler.c       the loop over a connection's requests; calls the others in this order
     exchange.c      what a handler asks about its request
     head.c          waits for a request head
     request.c       parses it, with raw_target.c and fields.c; memo.c knows the fields already
     class.c         finds do_X
     body.c          the request's body as a stream
     header.c        the fields of the response
     response.c      the response's head, and its body as a stream
     coded_output.c  the same in a content coding
     error.c         error pages
     late.c          a request that is parked until somebody posts to it
     upgrade.c       101 and CONNECT, after which the connection speaks another protocol
     ended.c         when a request is logged
     access_log.c    in which words

   For handlers: preconditions.c, what a request makes of a representation, and content.c, which sends it so.
 */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include "http/class.h"
#include "http/content_coding.h"
#include "http/head.h"
#include <string.h>

/* The request's body as it comes from the connection. */
struct http_body {
    bool chunked;
    bool done;                   /* the client's last byte of it was read */
    bool chunk_open;             /* a chunk's data was read, the end of its line was not */
    bool expecting;              /* the client waits for 100 Continue */
    bool reading;                /* the handler waits for more of it */
    int64_t left;                /* bytes to come: of the body, or of the chunk */
    int64_t total;               /* bytes of chunks so far */
    size_t extra;                /* bytes of chunk extensions and trailers so far */
    struct http_refusal refusal; /* status != 0: the body cannot be read on */
};

/* How the response's body is framed. */
enum http_framing {
    HTTP_UNDECIDED, /* no Content-Length was given; the body may end before its buffer is full */
    HTTP_COUNTED,   /* as long as Content-Length says */
    HTTP_CHUNKED,
    HTTP_UNTIL_CLOSE,
    HTTP_TUNNEL, /* another protocol follows: 101, or CONNECT */
    HTTP_EMPTY,  /* the status allows no body */
};

/* A line of a response's head, which the handler may replace by one of its own. */
struct http_line {
    size_t at, size;
};

struct http_response {
    int status;     /* 0: none begun */
    bool ended;     /* http_end_headers was called */
    bool committed; /* the head has been given to the connection */
    bool headless;  /* the request is a HEAD: the body is counted and not sent */
    bool modern;    /* the status line says HTTP/1.1, as the class wanted that began the head */
    /* which fields the handler has sent itself */
    bool has_close, has_allow, has_coding;
    enum http_coding coding; /* what the body is put into, unless it is short */
    bool promised;           /* the head says so already: a short body is put into it, too */
    bool needed;             /* the client refuses the plain form */
    enum http_framing framing;
    int64_t length;  /* Content-Length, -1: none */
    int64_t written; /* bytes of the body */
    uint64_t start;  /* of the body among all bytes of the connection's output */
    char *text;      /* the head so far: the status line, Server and Date, the handler's fields */
    size_t size, room;
    struct http_line server, date;
    int error; /* the first one while the head was made, -errno */
};

/* A field that http_error_header has kept for the next error response. */
struct http_error_field {
    const char *name, *value;
    struct http_error_field *next;
};

#define HTTP_LOG_ERRORS 512 /* bytes of all that log_error is told during a request; more is cut */

/* What is lent to an exchange until its connection speaks another protocol. */
struct http_lent {
    struct ss_stream rfile, wfile; /* the bodies': what h->rfile and h->wfile are in do_X */
    char head[1024];               /* of a response: longer ones need more memory */
    char told[HTTP_LOG_ERRORS];    /* what log_error was told during the request, told_size bytes */
};

struct http_exchange {
    struct ss_handler *h; /* whose `exchange` this is */
    const struct http_class *cls;
    struct ss_stream *in, *out; /* the connection's */
    struct http_lent *lent;     /* NULL: it was returned */
    /* what follows is set to zero for each request */
    struct http_head head;
    uint64_t begun; /* ns: when its first byte was there; 0 where nobody logs */
    struct http_body body;
    struct http_response response;
    struct http_error_field *error_fields;
    struct http_coded *coded; /* what puts the body into its coding, NULL: none */
    bool negotiated;          /* the response depends on Accept-Encoding: Vary says so */
    bool close;               /* the connection, after this response */
    bool forwarded;           /* h->client_address is of this request only, and not of the connection */
    bool upgraded;            /* the connection speaks another protocol now */
    /* Ends that protocol when do_X has returned `rc`, and has not parked the connection. NULL: nothing is to
       be done */
    void (*leave)(struct ss_handler *h, int rc);
    struct http_late *late; /* what goes on after http_later, NULL: nothing does */
    const char *offered;    /* the protocols that http_upgrade was called for in vain; NULL: none */
    size_t told_size;
    int failure;      /* -errno: why the server could not answer as asked; 0: it could */
    bool logged;      /* log_request was called */
    bool reason_told; /* the line says what has gone wrong */
};

struct http_exchange *http_exchange_of(const struct ss_handler *h);

/* Sees to it that x->lent is there. 0 or -ENOMEM. */
int http_exchange_borrow(struct http_exchange *x);
/* Neither bodies nor the response's head are needed any more. */
void http_exchange_return(struct http_exchange *x);

/* False: the request has neither conditions nor a Range, and http_evaluate would say 200. */
bool http_is_conditional(const struct ss_handler *h);

#endif
