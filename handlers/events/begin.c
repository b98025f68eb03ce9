/* SPDX-License-Identifier: MIT */
/* A stream begins: the head of the response, and what is known of the stream from then on. */
#include "events/es.h"
#include "http/upgrade.h"
#include <errno.h>
#include <stdlib.h>

enum { HEARTBEAT = 15000, WRITE_TIMEOUT = 60000 };

static void release_stream(void *data)
{
    struct es *es = data;
    es->ended = true; /* a parked one, whose connection nobody could wake any more */
    es_tell(es);
    if (es->release)
        es->release(es->context);
    free(es);
}

/* do_X has returned. */
static void leave_stream(struct ss_handler *h, int rc)
{
    struct es *es = h->request->data;
    if (rc == 0 && es->h)
        (void)es_end(es);
    es->h = NULL;
}

static int begin_stream(struct ss_handler *h)
{
    int status = http_status(h), rc = status ? 0 : http_send_response(h, 200, NULL);
    if (status && status != 200)
        return -EALREADY;
    if (rc == 0)
        rc = http_send_header(h, "Content-Type", "text/event-stream");
    if (rc == 0)
        rc = http_send_header(h, "Cache-Control", "no-store, no-transform");
    return rc < 0 ? rc : http_send_header(h, "X-Accel-Buffering", "no");
}

/* The response is the stream's from now on. */
static struct es *take_over(struct ss_handler *h, const struct es_options *options)
{
    static const struct es_options none;
    const struct es_options *o = options ? options : &none;
    struct es *es = calloc(1, sizeof *es);
    if (!es)
        return NULL;
    const char *last_id = http_header(h, "Last-Event-ID");
    es->h = h;
    es->server = h->server;
    es->last_id = last_id ? last_id : "";
    es->heartbeat = o->heartbeat ? o->heartbeat : HEARTBEAT;
    es->write_timeout = o->write_timeout ? o->write_timeout : WRITE_TIMEOUT;
    return es;
}

int es_begin(struct ss_handler *h, const struct es_options *options, struct es **result)
{
    struct http_exchange *x = http_exchange_of(h);
    int rc = begin_stream(h);
    if (rc < 0)
        return rc;
    if (strcmp(http_request(h)->command, "HEAD") == 0)
        return http_end_headers(h);
    struct es *es = take_over(h, options);
    if (!es)
        return -ENOMEM;
    if ((rc = http_leave_open(x)) < 0) {
        free(es);
        return rc;
    }
    es->chunked = x->response.framing == HTTP_CHUNKED;
    h->write_timeout = es->write_timeout;
    h->request->data = es;
    h->request->free_data = release_stream;
    x->leave = leave_stream;
    if (options && options->retry && (rc = es_send(es, &(struct es_event){.retry = options->retry})) < 0)
        return rc;
    *result = es;
    return 1;
}

/* ---------------------------------------------------------------- what is known of it */

const char *es_last_id(const struct es *es)
{
    return es->last_id;
}

struct ss_server *es_server(const struct es *es)
{
    return es->server;
}

struct ss_handler *es_handler(const struct es *es)
{
    return es->h;
}

void es_set_context(struct es *es, void *context, void (*free_context)(void *context))
{
    es->context = context;
    es->release = free_context;
}

void *es_context(const struct es *es)
{
    return es->context;
}
