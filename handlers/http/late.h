/* SPDX-License-Identifier: MIT */
/* A request that is answered later (late.c). */
#ifndef HTTP_LATE_H
#define HTTP_LATE_H

#include "http/exchange.h"

/* What is known of a request while its connection is parked. */
struct http_late {
    int (*answer)(struct ss_handler *h, const struct ss_message *message);
    const struct http_class *cls; /* of the do_X that has left the answer for later */
    uint64_t due, begun;          /* `due`: ms, as ss_now counts; UINT64_MAX: never */
    int why;                      /* as `resume` was told */
    bool close, forwarded;
    struct ss_address client; /* where forwarded */
    void *data;               /* the program's request->data, in whose place this is */
    void (*free_data)(void *);
    struct http_head head;      /* its strings stand behind the fields */
    struct http_field fields[]; /* head.request.field_count of them */
};

/* Parks the connection of a request for which http_later was called. Returns SS_PARK. */
int http_late_park(struct http_exchange *x, int (*resume)(struct ss_handler *h, int why));

/* What has become of a request that was parked. */
enum http_lateness {
    HTTP_LATE_MESSAGE,  /* a message was received */
    HTTP_LATE_OVER,     /* the time is over */
    HTTP_LATE_CANCELED, /* the server stops, or needs the place */
    HTTP_LATE_PARKED,   /* nothing: it is parked again. h->timeout is set */
    HTTP_LATE_GONE,     /* the client has left */
};
/* Returns one of http_lateness, or -errno. Waits while there is input, which must not be taken yet. */
int http_late_await(struct ss_handler *h, const struct http_late *late, struct ss_message *message);
/* The request is x's again; `late` is the caller's to free. */
void http_late_restore(struct http_exchange *x, const struct http_late *late);

#endif
