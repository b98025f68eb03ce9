/* SPDX-License-Identifier: MIT */
/* A stream of a struct es_class: it is parked while nothing happens. */
#include "events/es.h"
#include <errno.h>

/* It has ended, or is to: well if `rc` is 0. */
static int end_it(struct es *es, int rc)
{
    rc = rc < 0 ? es_lost(es, rc) : es_end(es);
    es_tell(es);
    es->h = NULL;
    return rc < 0 ? rc : 0;
}

/* Sends what has come, and parks the connection. */
static int serve_on(struct es *es, int rc)
{
    struct ss_handler *h = es->h;
    struct ss_message message;
    while (rc >= 0 && !es->ended && (rc = es_pass_on(es, &message)) == ES_MESSAGE)
        rc = es->cls->message ? es->cls->message(es, &message) : 0;
    if (rc < 0 || es->ended)
        return end_it(es, rc);
    h->timeout = es->heartbeat;
    es->last_id = "";
    es->h = NULL;
    return SS_PARK;
}

static int resume_stream(struct ss_handler *h, int why)
{
    struct es *es = h->request->data;
    es->h = h;
    h->write_timeout = es->write_timeout;
    if (why < 0)
        return end_it(es, why);
    int rc = why & SS_INPUT ? es_skip_input(es) : 0;
    if (rc == 0 && why == 0)
        rc = es->cls->idle ? es->cls->idle(es) : es_comment(es, "");
    return serve_on(es, rc);
}

int es_serve(struct ss_handler *h, const struct es_class *cls)
{
    struct es *es = NULL;
    int rc = es_begin(h, &cls->options, &es);
    if (rc <= 0)
        return rc;
    es->cls = cls;
    h->request->resume = resume_stream;
    return serve_on(es, cls->open ? cls->open(es) : 0);
}
