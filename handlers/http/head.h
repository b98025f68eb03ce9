/* A request's head: waiting for it (head.c), parsing it (request.c, request_line.c). */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "http_server.h"

/* True if the field has this name, in any case. */
bool http_is_named(const struct http_field *field, const char *name, size_t size);

/* A bit for the first letter of a field's name, in any case: what no name begins with need not be looked for.
 */
#define HTTP_INITIAL(letter) (1u << ((letter)&31))

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

/* Sets the reason; -EBADMSG. */
int http_refuse(struct http_refusal *refusal, int status, const char *explain);

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

struct http_exchange;

/* What came of waiting for a request head */
enum http_arrival {
    HTTP_ARRIVED, /* x->head is set */
    HTTP_REFUSED, /* x->head.refusal is set */
    HTTP_IDLE,    /* nothing is there yet */
    HTTP_ENDED,   /* the client has closed */
};
/* Waits for the rest of a head if some of it is there. Returns one of http_arrival or -errno. */
int http_read_head(struct http_exchange *x);

#endif
