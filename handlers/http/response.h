/* The response: its head (response.c), its body (output.c), and that in a coding (coded_output.c). */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include "http/exchange.h"

/* Adds ready-made fields, complete lines that need no check, and Content-Length, -1: none. 0 or -errno. */
int http_send_fields(struct http_exchange *x, const char *text, size_t size, int64_t length);
/* Adds a field, though the head has ended, before it is committed. 0 or -errno. */
int http_append_field(struct http_exchange *x, const char *name, const char *value);
/* Forgets a response that was begun and not committed. */
void http_response_reset(struct http_exchange *x);
#define HTTP_OK_FIELDS 5
/* A whole response at once: 200, these fields (up to HTTP_OK_FIELDS pieces of complete lines that need no
   check, Content-Length among them) and a body. Not for CONNECT. 0 or -errno. */
int http_send_ok(struct http_exchange *x, const struct iovec *fields, int count, const void *body,
                 size_t size);
/* How much of the body there is when the head leaves. */
enum http_progress {
    HTTP_WRITING, /* more than h->wfile's buffer holds */
    HTTP_FLUSHED, /* no more than that, and there may be more to come */
    HTTP_FINAL,   /* all of it is in the buffer */
};
/* Gives the head to the connection, before `size` bytes of the body. */
int http_commit(struct http_exchange *x, enum http_progress progress, size_t size);

/* Makes h->wfile a stream that refuses everything, before the head is complete. */
void http_output_refuse(struct http_exchange *x);
/* Makes h->wfile the response's body. 0 or -ENOMEM. */
int http_output_begin(struct http_exchange *x);
/* Ends the body. 0, or < 0: the client has not got a whole response. */
int http_output_end(struct http_exchange *x);

/* Has the body of a response put into a coding, whatever its length; the field for it is sent already. */
void http_compress_as(struct http_exchange *x, enum http_coding coding);
/* What the client accepts. False: it does not say. */
bool http_accepted(const struct http_request *request, struct http_accepted *accepted);
/* Puts the body, which is begun, into the response's coding: h->wfile is now what does so. 0 or -ENOMEM. */
int http_coded_begin(struct http_exchange *x);
/* Gives the rest to the body, and the coding its end. 0 or -errno. */
int http_coded_end(struct http_exchange *x);
/* Frees what it has. */
void http_coded_free(struct http_exchange *x);

#endif
