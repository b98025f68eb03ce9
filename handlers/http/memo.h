/* Heads that came before (memo.c). */
#ifndef HTTP_MEMO_H
#define HTTP_MEMO_H

#include "http_server.h"

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

#endif
