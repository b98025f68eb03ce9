/* What the files of BaseHTTPRequestHandler share and nobody else sees. The life of a request:

     http_handler.c    the loop over a connection's requests; calls the others in this order
     http_head.c       waits for a request head
     http_request.c    parses it, with http_request_line.c; http_memo.c knows it already
     http_class.c      finds do_X
     http_body.c       the request's body as a stream
     http_response.c   the response's head
     http_output.c     the response's body as a stream
     http_coding.c     the same in a content coding
     http_error.c      error pages
     preconditions.c   what a request makes of a representation; for handlers
     http_content.c    sends a representation so
     http_log.c        log lines; access_log.c others, log_text.c their pieces, log_file.c where they go */
#ifndef HTTP_INTERNAL_H
#define HTTP_INTERNAL_H

#include "http/content_coding.h"
#include "http_server.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

/* ---------------------------------------------------------------- characters (http_chars.c) */

#define HTTP_TOKEN 1  /* of a token (RFC 9110 5.6.2) */
#define HTTP_VALUE 2  /* of a field's value, white space included (RFC 9110 5.5) */
#define HTTP_TARGET 4 /* of a request target; more than RFC 3986 has, as browsers send more */
#define HTTP_HOST 8   /* of a host name (RFC 3986 3.2.2) */
#define HTTP_PLAIN 16 /* of a path's segment, where it stands for itself (RFC 3986 3.3), except the dot */
extern const unsigned char http_chars[256];

/* How many bytes at the beginning of `text` are of this kind. */
size_t http_span(const char *text, size_t size, unsigned char kind);
/* The same for HTTP_VALUE, of which there is much. */
size_t http_value_span(const char *text, size_t size);
bool http_is_token(const char *text, size_t size);
/* True for "name: value" without anything that is forbidden there; no line end. */
bool http_is_field_line(const char *line, size_t size);
/* True for host [":" port], the host never empty, as for http and https (RFC 9110 4.2). */
bool http_is_authority(const char *text, size_t size, bool port_needed);
/* Steps through a comma-separated list: the next element that is not empty, or false. */
bool http_list_next(const char **list, const char **element, size_t *size);
bool http_list_has(const char *list, const char *token);
/* Its value, -1 for any other character. */
int http_hex_digit(char c);
/* A weight of content negotiation (qvalue, RFC 9110 12.4.2) in thousandths; -1 if it is malformed. */
int http_read_qvalue(const char *text, size_t size);

/* True if the field has this name. Most have not: their first letters tell. */
static inline bool http_is_named(const struct http_field *field, const char *name, size_t size)
{
    return field->name_size == size && ((field->name[0] ^ name[0]) & ~0x20) == 0 &&
           strncasecmp(field->name, name, size) == 0;
}

/* A bit for the first letter of a field's name, in any case: what no name begins with need not be looked for.
 */
#define HTTP_INITIAL(letter) (1u << ((letter)&31))

/* ---------------------------------------------------------------- the head (http_request.c) */

/* Why a request is refused. */
struct http_refusal {
    int status;
    const char *explain;
};

struct http_head {
    struct http_request request;
    bool close;           /* the client wants it so: this was the last request */
    bool expect_continue; /* Expect: 100-continue */
    bool connects;        /* the method is CONNECT */
    uint32_t initials;    /* HTTP_INITIAL of the names of all fields */
    struct http_refusal refusal;
};

static inline int http_refuse(struct http_refusal *refusal, int status, const char *explain)
{
    *refusal = (struct http_refusal){status, explain};
    return -EBADMSG;
}

/* Checks a request line (without its end) as it was sent: path and query may have bytes from 0x80 up, as
   busybox and curl send them. 0, or -EBADMSG with the reason. */
int http_check_line(const char *line, size_t size, struct http_refusal *refusal);
/* The line with those bytes percent-encoded, which makes path and query what RFC 3986 knows: its size, and
   itself. */
size_t http_encoded_line_size(const char *line, size_t size);
void http_encode_line(const char *line, size_t size, char *to);
/* Parses it, encoded, the strings made in place: command, path, request_version, host of an absolute target.
 */
int http_parse_line(char *text, size_t size, struct http_head *head);

/* Parses a complete head: text[0..size) up to and with the empty line. The strings of `head`, which
   is zeroed before, are made in place; `fields` has room for `room` fields. requestline is not set.
   0, or -EBADMSG with head->refusal; the parts that were understood by then are set. */
int http_parse_head(char *text, size_t size, struct http_field *fields, size_t room, struct http_head *head);

/* A line for http_features. */
const char *http_parser_feature(void);

/* ---------------------------------------------------------------- heads that came before (http_memo.c) */

/* What the field lines say, whatever the request line is. */
struct http_said {
    size_t count;                       /* of fields */
    uint32_t initials;                  /* as in struct http_head */
    int hosts, lengths, codings;        /* how many there are of Host, Content-Length, Transfer-Encoding */
    const char *host, *length, *coding; /* the first ones, NULL: none */
    bool good_host;                     /* it is one that may be */
    bool close, keep_alive, expect_continue, expect_other;
    bool chunked;            /* so says the parser, */
    uint64_t content_length; /* and so */
};

/* Do the bytes begin with field lines, up to and with the empty one, that this thread has parsed a moment
   ago? Their size, and the number of lines; 0: no. */
size_t http_memo_match(const char *text, size_t size, size_t *lines);
/* If it has parsed just these, does so again: 'text', 'fields' and 'said' are as after parsing. */
bool http_memo_recall(char *text, size_t size, struct http_field *fields, size_t room,
                      struct http_said *said);
/* Keeps what is about to be parsed, and then what came of it. */
void http_memo_begin(const char *text, size_t size);
void http_memo_end(const char *text, size_t size, const struct http_field *fields,
                   const struct http_said *said);

/* ---------------------------------------------------------------- classes (http_class.c) */

struct http_class_method {
    size_t size;
    struct http_method method;
};

/* A handler class with everything inherited filled in. */
struct http_class {
    struct http_handler_class table;
    const struct ss_handler_class *key; /* the class that this resolves */
    struct http_class *next;
    const char *allow;        /* "GET, HEAD, OPTIONS" */
    const char *server_field; /* "Server: ...\r\n" or "" */
    size_t server_field_size;
    const char *ok; /* "HTTP/1.1 200 OK\r\n" and server_field */
    size_t ok_size;
    const char *cache_field; /* fields of files: "Cache-Control: ...\r\n", where files are taken also
                                what keeps them in a sandbox */
    size_t cache_field_size;
    bool persistent; /* protocol_version is "HTTP/1.1" or later */
    size_t method_count;
    struct http_class_method methods[];
};

/* The resolved class; made once for each class, kept for ever. NULL if out of memory. Any thread. */
const struct http_class *http_class_get(const struct ss_handler_class *key);
/* True for a class based on UploadHTTPRequestHandler. */
bool http_class_stores(const struct ss_handler_class *cls);
/* do_X for a method, NULL: none. HEAD falls back on GET. */
int (*http_class_find(const struct http_class *cls, const char *name))(struct ss_handler *);

/* ---------------------------------------------------------------- one request and its response */

/* The request's body as it comes from the connection. */
struct http_body {
    bool chunked;
    bool done;                   /* all of it was read */
    bool chunk_open;             /* the line end behind the chunk's data is to come */
    bool expecting;              /* the client waits for 100 Continue */
    bool reading;                /* the handler waits for more of it */
    int64_t left;                /* of the body, or of the chunk */
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
    HTTP_EMPTY,  /* there cannot be a body */
};

struct http_response {
    int status;     /* 0: none begun */
    bool ended;     /* http_end_headers was called */
    bool committed; /* the head has gone to the connection: nothing can be taken back */
    bool headless;  /* the request was HEAD: what is written only counts */
    /* fields that the handler has sent itself */
    bool has_close, has_date, has_server, has_allow, has_coding;
    enum http_coding coding; /* that the body is to be put into, if it does not end short */
    bool promised;           /* in any case: the field for it is there */
    bool needed;             /* the client takes the body in no other form */
    enum http_framing framing;
    int64_t length;  /* Content-Length, -1: none */
    int64_t written; /* bytes of the body */
    uint64_t start;  /* of the body: how much had been given to the connection before it */
    char *text;      /* the head so far: the status line, then fields */
    size_t size, room, line;
    int error; /* the first one while the head was made */
};

/* Of the next error response, see http_error_header. */
struct http_error_field {
    const char *name, *value;
    struct http_error_field *next;
};

#define HTTP_LOG_ERRORS 512 /* bytes of all that log_error is told during a request; more is cut */

struct http_exchange {
    const struct http_class *cls;
    struct ss_stream *in, *out;    /* the connection's; h->rfile and h->wfile are meanwhile ... */
    struct ss_stream rfile, wfile; /* ... these, the bodies' */
    char told[HTTP_LOG_ERRORS];    /* what log_error was told during the request, told_size bytes */
    /* from here on one request's */
    struct http_head head;
    uint64_t begun; /* ns: when its first byte was there; 0 where nobody logs */
    struct http_body body;
    struct http_response response;
    struct http_error_field *error_fields;
    struct http_coded *coded; /* what puts the body into its coding, NULL: none */
    bool negotiated;          /* the response depends on Accept-Encoding: Vary says so */
    bool close;               /* the connection, after this response */
    size_t told_size;
    int failure; /* why the server could not do what it was asked for, or give its answer; 0: it could */
    bool logged; /* its line is written */
};

static inline struct http_exchange *http_exchange_of(const struct ss_handler *h)
{
    return ((const struct http_handler *)(const void *)h)->exchange;
}

/* False: no field's name begins with one of these. */
static inline bool http_has_initial(const struct ss_handler *h, uint32_t initials)
{
    return (http_exchange_of(h)->head.initials & initials) != 0;
}

static inline bool http_is_head(const struct http_exchange *x)
{
    const char *command = x->head.request.command;
    return *command == 'H' && strcmp(command, "HEAD") == 0;
}

/* True if a whole response can leave at once: nothing that comes after it changes its head. */
static inline bool http_is_settled(const struct http_exchange *x)
{
    return (x->body.done || x->close) && !x->head.connects;
}

/* http_head.c: what came of waiting for a request head */
enum http_arrival {
    HTTP_ARRIVED, /* x->head is set */
    HTTP_REFUSED, /* x->head.refusal is set */
    HTTP_IDLE,    /* nothing is there yet */
    HTTP_ENDED,   /* the client has closed */
};
/* Waits for the rest of a head if some of it is there. Returns one of http_arrival or -errno. */
int http_read_head(struct ss_handler *h);

/* http_body.c */
/* Makes h->rfile the request's body. 0 or -ENOMEM. */
int http_body_begin(struct ss_handler *h);
/* True if what was not read of the body will not be skipped. */
bool http_body_is_hopeless(const struct http_exchange *x);
/* Skips what was not read of the body. False: the connection cannot be used again. Waits. */
bool http_body_skip(struct ss_handler *h);
/* For those who answer without reading the body: skips it before the answer, so that chunks that are
   malformed are refused and not answered, and the answer knows whether the connection goes on. 0, or -errno
   for do_X to return. Waits. */
int http_body_inspect(struct ss_handler *h);
/* Before the head of a whole response leaves: skips the rest of the body, or has the response say that the
   connection ends (RFC 9112 9.6). Waits. */
void http_body_settle(struct ss_handler *h);
/* The same when the head leaves while the handler may still read: whether the rest is to end the connection,
   after `written` bytes of the response's body. Who has written far more than it has read does not answer as
   it reads. `flushed`: the handler wants it to leave, be it before it reads. Waits, unless flushed. */
bool http_body_is_ignored(struct http_exchange *x, int64_t written, bool flushed);

/* http_response.c */
/* Adds ready-made fields, complete lines that need no check, and Content-Length, -1: none. 0 or -errno. */
int http_send_fields(struct ss_handler *h, const char *text, size_t size, int64_t length);
/* Adds a field, though the head has ended, before it is committed. 0 or -errno. */
int http_append_field(struct ss_handler *h, const char *name, const char *value);
/* Forgets a response that was begun and not committed. */
void http_response_reset(struct ss_handler *h);
#define HTTP_OK_FIELDS 5
/* A whole response at once: 200, these fields (up to HTTP_OK_FIELDS pieces of complete lines that need no
   check, Content-Length among them) and a body. Not for CONNECT. 0 or -errno. */
int http_send_ok(struct ss_handler *h, const struct iovec *fields, int count, const void *body, size_t size);
/* How much of the body there is when the head leaves. */
enum http_progress {
    HTTP_WRITING, /* more than h->wfile's buffer holds */
    HTTP_FLUSHED, /* no more than that, and there may be more to come */
    HTTP_FINAL,   /* all of it is in the buffer */
};
/* Gives the head to the connection, before `size` bytes of the body. */
int http_commit(struct ss_handler *h, enum http_progress progress, size_t size);

/* http_output.c */
/* Makes h->wfile a stream that refuses everything, before the head is complete. */
void http_output_refuse(struct ss_handler *h);
/* Makes h->wfile the response's body. 0 or -ENOMEM. */
int http_output_begin(struct ss_handler *h);
/* Ends the body. 0, or < 0: the client has not got a whole response. */
int http_output_end(struct ss_handler *h);

/* http_coding.c */
/* Has the body of a response put into a coding, whatever its length; the field for it is sent already. */
void http_compress_as(struct ss_handler *h, enum http_coding coding);
/* What the client accepts. False: it does not say. */
bool http_accepted(const struct ss_handler *h, struct http_accepted *accepted);
/* Puts the body, which is begun, into the response's coding: h->wfile is now what does so. 0 or -ENOMEM. */
int http_coded_begin(struct ss_handler *h);
/* Gives the rest to the body, and the coding its end. 0 or -errno. */
int http_coded_end(struct ss_handler *h);
/* Frees what it has. */
void http_coded_free(struct ss_handler *h);

/* http_error.c, http_log.c: what BaseHTTPRequestHandler does */
int http_default_send_error(struct ss_handler *h, int status, const char *message, const char *explain);
/* The status for what the system says (-errno) about something that a request asks for: a file to be opened,
   a directory to be read, an upload to be stored. 404, 403, 409, 413, 507 (no room), 503 (short of
   descriptors, memory or threads: it passes), else 500. No other place makes a status of an errno. */
int http_errno_status(int error);
/* Answers with an error page of that status, a 503 with Retry-After. `explain` as for http_send_error.
   0 or -errno. */
int http_send_errno(struct ss_handler *h, int error, const char *explain);
#define HTTP_RETRY_AFTER "1" /* seconds: descriptors and memory are short for a moment only */
/* 503 with Retry-After: a limit of the server's is reached. 0 or -errno. */
int http_send_busy(struct ss_handler *h, const char *explain);
/* Adds what http_error_header has collected. */
void http_send_error_headers(struct ss_handler *h);
void http_default_log_request(struct ss_handler *h, int status, int64_t size);
void http_default_log_error(struct ss_handler *h, const char *text);
void http_default_log_message(struct ss_handler *h, const char *text);
/* Notes when the request began. */
void http_log_begun(struct http_exchange *x);
/* The request is done with: calls log_request. `failure`: 0, or the -errno that ends the connection. */
void http_log_ended(struct ss_handler *h, int failure);
/* What has gone wrong, for the request's line; "" for nothing. */
enum { HTTP_LOG_REASON = HTTP_LOG_ERRORS + 128 };
const char *http_log_reason(const struct ss_handler *h, char text[HTTP_LOG_REASON]);

#define HTTP_DATE_FIELD_SIZE 37
/* http_date.c: "Date: ...\r\n" of now; this thread's, until it is called again. */
const char *http_date_field(void);

/* http_response.c: writes a number in decimal; returns its end, without NUL. */
char *http_append_number(char *at, int64_t value);

#endif
