/* SPDX-License-Identifier: MIT */
/* A request's head: waiting for it (head.c), parsing it (request.c, fields.c, raw_target.c). */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "http_server.h"
#include <errno.h>

/* True if the field has this name, in any case. */
bool http_is_named(const struct http_field *field, const char *name, size_t size);

/* Why a request is refused. */
struct http_refusal {
    int status;
    const char *explain;
};

struct http_head {
    struct http_request request;
    bool close;           /* the client sends no further request */
    bool expect_continue; /* Expect: 100-continue */
    bool connects;        /* the method is CONNECT */
    bool negotiates;      /* there is an Accept-Encoding */
    bool conditional;     /* some field is a condition, or a Range */
    struct http_refusal refusal;
};

/* What the field lines say by themselves, before the request line is looked at. */
struct http_said {
    size_t count;                /* of fields */
    int hosts, lengths, codings; /* how many there are of Host, Content-Length, Transfer-Encoding */
    size_t host, length, coding; /* which field is the first one */
    bool good_host;              /* the Host is a valid authority */
    bool close, keep_alive, expect_continue, expect_other, conditional, negotiates;
    bool chunked;            /* what llhttp says about the framing, */
    uint64_t content_length; /* to be compared with the fields */
};

/* Stores the reason. Returns -EBADMSG. (Inline, so that analyzers know what it returns.) */
static inline int http_refuse(struct http_refusal *refusal, int status, const char *explain)
{
    *refusal = (struct http_refusal){status, explain};
    return -EBADMSG;
}

/* Checks a request line, without its end, as the client has sent it: path and query may have bytes from 0x80
   up, as busybox and curl send them. 0, or -EBADMSG with the reason. */
int http_check_line(const char *line, size_t size, struct http_refusal *refusal);
/* Percent-encode those bytes, so that path and query are what RFC 3986 allows. The first one returns the size
   that the line then has, the second one writes it. */
size_t http_encoded_line_size(const char *line, size_t size);
void http_encode_line(const char *line, size_t size, char *to);
/* Returns how many bytes of `target` belong to it, those bytes included, the first of which is at `n`. */
size_t http_raw_target_span(const char *target, size_t size, size_t n);
bool http_is_raw(char c);
/* True for "http://..." and "https://...". */
bool http_is_absolute(const char *target, size_t *scheme_size);
/* Parses field lines, up to and with the empty one. The strings are made in place; `fields` has room for
   `room` of them. 0, or -EBADMSG with the reason. */
int http_parse_fields(char *text, size_t size, struct http_field *fields, size_t room, struct http_said *said,
                      struct http_refusal *refusal);

struct http_memo;
/* Parses a complete head: text[0..size) up to and with the empty line, the first `line` bytes of it the
   request line, which is encoded. The strings of `head`, which is zeroed before, are made in place; `fields`
   has room for `room` fields. `known`: what its field lines are known to mean; NULL: they are parsed, and
   `said` is what they say. requestline is not set. 0, or -EBADMSG with head->refusal; the parts that were
   understood by then are set. */
int http_parse_head(char *text, size_t line, size_t size, struct http_field *fields, size_t room,
                    const struct http_memo *known, struct http_said *said, struct http_head *head);

/* A line for http_features. */
const char *http_parser_feature(void);

struct http_exchange;

/* What came of waiting for a request head */
enum http_arrival {
    HTTP_ARRIVED, /* x->head is set */
    HTTP_REFUSED, /* x->head.refusal is set */
    HTTP_IDLE,    /* nothing is there yet */
    HTTP_ENDED,   /* the client has closed */
};
/* Waits for a whole head, once its first byte is there. Returns one of http_arrival or -errno. */
int http_read_head(struct http_exchange *x);

#endif
