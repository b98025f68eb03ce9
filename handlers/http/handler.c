/* SPDX-License-Identifier: MIT */
/* BaseHTTPRequestHandler: the loop over the requests of a connection. */
#include "http/body.h"
#include "http/coded_output.h"
#include "http/error.h"
#include "http/late.h"
#include "http/log.h"
#include "http/response.h"
#include "http/upgrade.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifndef SS_VERSION
#define SS_VERSION "0"
#endif

enum { NEXT_REQUEST = SS_PARK + 1 };

/* ---------------------------------------------------------------- one request */

static int do_OPTIONS(struct ss_handler *h)
{
    int rc = http_body_inspect(h);
    if (rc < 0)
        return rc;
    http_send_response(h, 204, NULL);
    http_send_header(h, "Allow", http_allow(h));
    return http_end_headers(h);
}

/* 405 for the methods of RFC 9110 and PATCH, which the class does not have; 501 for methods that nobody
   knows. */
static int unknown_method(struct http_exchange *x, const char *name)
{
    static const char known[][8] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                    "CONNECT", "OPTIONS", "TRACE", "PATCH"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i]) == 0)
            return http_send_error(x->h, 405, NULL, NULL);
    return http_send_error(x->h, 501, NULL, NULL);
}

/* True if one of the slots `before` has answered, or failed: then do_X is not to be called. */
static bool is_answered_before(struct http_exchange *x, int *rc)
{
    *rc = 0;
    for (int (**before)(struct ss_handler *) = x->cls->before; before && *before; before++)
        if ((*rc = (*before)(x->h)) < 0 || x->response.status)
            return true;
    return false;
}

static int what_counts(const struct http_exchange *x, int rc)
{
    return rc < 0 || x->upgraded || x->late ? rc : 0;
}

/* 0 or -errno; after http_upgrade and http_later what do_X has returned. */
static int run_method(struct http_exchange *x)
{
    const struct http_request *request = &x->head.request;
    int rc;
    if (request->content_length > x->cls->table->max_body)
        return http_send_error(x->h, 413, NULL, NULL);
    if (is_answered_before(x, &rc))
        return what_counts(x, rc);
    int (*run)(struct ss_handler *) = http_class_find(x->cls, request->command);
    rc = run ? run(x->h) : unknown_method(x, request->command);
    return what_counts(x, rc);
}

int http_delegate(struct ss_handler *h, const struct http_handler_class *other)
{
    struct http_exchange *x = http_exchange_of(h);
    const struct http_class *own = x->cls, *delegate = http_class_delegate(own, &other->handler);
    if (!delegate)
        own->table->log_error(
            h, "http_delegate: the class is not among the delegates of the one that hands over");
    if (!delegate || x->response.status)
        return delegate ? -EALREADY : -EINVAL;
    x->cls = delegate;
    x->close |= !delegate->persistent;
    int rc = run_method(x);
    x->cls = own;
    return rc;
}

/* do_X has begun a response and not called http_end_headers. What it has written had nowhere to go, and a 200
   has something to say: both are mistakes that the client must not take for an answer. */
static int end_head(struct http_exchange *x)
{
    if (x->lent->wfile.error)
        return x->lent->wfile.error;
    return x->response.status == 200 && x->response.length != 0 ? -ENODATA : http_end_headers(x->h);
}

/* What do_X has left to be done; -ENODATA: it has not answered at all. */
static int finish_response(struct http_exchange *x)
{
    const struct http_response *r = &x->response;
    int rc = r->status && !r->ended ? end_head(x) : 0;
    if (rc < 0)
        return rc;
    if (!r->ended)
        return -ENODATA;
    if (!r->committed)
        http_body_settle(x);
    return http_response_finish(x);
}

/* Of do_X's errors the client learns what passes or is full (503, 507); all others are just a 500. */
static int send_failure(struct http_exchange *x, const struct http_refusal *refusal, int error)
{
    if (refusal->status)
        return http_send_error(x->h, refusal->status, NULL, refusal->explain);
    int status = http_errno_status(error);
    return status > 500 ? http_send_errno(x->h, error, NULL) : http_send_error(x->h, 500, NULL, NULL);
}

/* http_upgrade was refused, and do_X has answered nothing else. */
static int require_upgrade(struct http_exchange *x)
{
    int rc = http_upgrade_require(x);
    return rc < 0 ? rc : finish_response(x);
}

/* do_X has failed. Returns what is to be reported: a client's bad body is the client's affair. */
static int answer_failure(struct http_exchange *x, int error)
{
    const struct http_refusal *refusal = &x->body.refusal;
    if (error == -EPROTO && x->offered && !x->response.committed && !refusal->status)
        error = require_upgrade(x);
    if (error == 0)
        return 0;
    x->close = true;
    if (x->response.committed || x->out->error)
        return error;
    http_response_reset(x);
    int rc = send_failure(x, refusal, error);
    if (rc == 0)
        rc = finish_response(x);
    return rc == 0 && refusal->status ? 0 : error;
}

static int complete(struct http_exchange *x, int rc)
{
    if (rc == 0)
        rc = finish_response(x);
    return rc < 0 ? answer_failure(x, rc) : 0;
}

/* Ends an exchange whose response is complete, or never will be. */
static int conclude(struct http_exchange *x, int rc)
{
    x->in->tied = NULL;
    ss_unref(x->h);
    if (x->coded)
        http_coded_free(x);
    if (x->cls->table->log_request != http_log_nothing)
        http_log_ended(x, rc);
    if (x->h->server->explained)
        http_explain_response(x);
    if (x->forwarded) /* the next request may be another client's */
        (void)ss_client_address(x->h->request, &x->h->client_address);
    if (rc == 0 && !x->close && http_body_skip(x)) {
        x->h->request->busy = false;
        x->h->request->resume = NULL; /* of a do_X whose http_upgrade was refused */
        return NEXT_REQUEST;
    }
    if (!x->body.done || x->in->rpos < x->in->rend)
        x->h->request->linger = true;
    return rc;
}

static int resume_late(struct ss_handler *h, int why);

/* do_X has returned, or what it has left for later. */
static int leave_or_conclude(struct http_exchange *x, int rc)
{
    if (x->late && rc == SS_PARK && !x->upgraded)
        return http_late_park(x, resume_late);
    if (x->late)
        free(x->late); /* it has done something else all the same */
    x->late = NULL;
    return x->upgraded ? http_upgrade_conclude(x, rc) : conclude(x, complete(x, rc < 0 ? rc : 0));
}

static int answer(struct http_exchange *x)
{
    x->close = x->head.close || !x->cls->persistent;
    http_response_reset(x);
    x->in->tied = &x->lent->wfile;
    if (x->h->server->explained)
        http_explain_request(x);
    int rc = http_body_begin(x);
    if (rc == 0)
        rc = run_method(x);
    return leave_or_conclude(x, rc);
}

/* Goes on with a request that was parked. `late` is what is known of it. */
static int answer_now(struct http_exchange *x, const struct http_late *late, const struct ss_message *message)
{
    const struct http_class *own = x->cls;
    x->cls = late->cls;
    int rc = late->answer(x->h, message);
    x->cls = own;
    return leave_or_conclude(x, rc);
}

static int answer_late(struct http_exchange *x)
{
    struct http_late *late = x->h->request->data;
    struct ss_message message;
    int rc = http_late_await(x->h, late, &message);
    if (rc == HTTP_LATE_PARKED)
        return SS_PARK;
    http_late_restore(x, late);
    x->close |= rc == HTTP_LATE_CANCELED;
    if (rc < 0)
        rc = conclude(x, complete(x, rc));
    else if (rc == HTTP_LATE_GONE)
        rc = conclude(x, -ECONNRESET);
    else
        rc = answer_now(x, late, rc == HTTP_LATE_MESSAGE ? &message : NULL);
    free(late);
    return rc;
}

/* The connection is closed, since nobody knows where the next request would begin. */
static int answer_refused(struct http_exchange *x)
{
    const struct http_refusal refusal = x->head.refusal;
    x->close = true;
    x->head.request.content_length = 0;
    if (!x->head.request.host)
        x->head.request.host = "";
    if (strncmp(x->head.request.requestline, "HEAD ", 5) == 0)
        x->head.request.command = "HEAD"; /* so that no content is sent, whatever else was wrong */
    http_response_reset(x);
    http_body_begin(x);
    x->body.done = false; /* there may be one */
    return conclude(x, complete(x, http_send_error(x->h, refusal.status, NULL, refusal.explain)));
}

static int become_idle(struct http_exchange *x)
{
    x->h->request->busy = false;
    x->h->timeout = x->cls->table->idle_timeout;
    return SS_PARK;
}

/* As ss_peek_now. A stream that has no read_now waits here, for as long as a parked connection may. */
static ssize_t look_for_request(struct http_exchange *x)
{
    const char *data;
    int timeout = x->h->timeout;
    x->h->timeout = x->cls->table->idle_timeout;
    ssize_t n = ss_peek_now(x->in, &data, 1);
    x->h->timeout = timeout;
    return n;
}

static int handle_one_request(struct http_exchange *x)
{
    ssize_t n = look_for_request(x);
    if (n == -EAGAIN)
        return become_idle(x);
    if (n == -ETIMEDOUT)
        return 0;
    memset(&x->head, 0, sizeof *x - offsetof(struct http_exchange, head));
    x->head.request = (struct http_request){.command = "",
                                            .path = "",
                                            .request_version = "",
                                            .requestline = "",
                                            .host = NULL,
                                            .scheme = "",
                                            .user = ""};
    int rc = http_read_head(x);
    switch (rc) {
    case HTTP_ARRIVED:
        return answer(x);
    case HTTP_REFUSED:
        return answer_refused(x);
    case HTTP_IDLE:
        return become_idle(x);
    case HTTP_ENDED:
        return 0;
    default:
        if (*x->head.request.requestline)
            http_log_ended(x, rc);
        return rc;
    }
}

/* Handles requests as long as there are some; `first` does it for the first one. */
static int handle_requests(struct ss_handler *h, int (*first)(struct http_exchange *x))
{
    struct ss_stream *in = h->rfile, *out = h->wfile;
    struct http_exchange *x = ss_alloc(h, sizeof *x);
    if (!x || !(x->cls = http_class_get(h->server->RequestHandlerClass)))
        return -ENOMEM;
    ((struct http_handler *)(void *)h)->exchange = x;
    x->h = h;
    x->lent = NULL;
    if (http_exchange_borrow(x) < 0)
        return -ENOMEM;
    x->in = in;
    x->out = out;
    struct ss_mark mark = ss_mark(h);
    for (int (*next)(struct http_exchange *) = first;; next = handle_one_request) {
        int rc = next(x);
        h->rfile = in;
        h->wfile = out;
        ss_release(h, mark);
        if (rc != NEXT_REQUEST)
            return rc;
    }
}

static int handle(struct ss_handler *h)
{
    return handle_requests(h, handle_one_request);
}

static int resume_late(struct ss_handler *h, int why)
{
    struct http_late *late = h->request->data;
    late->why = why;
    return handle_requests(h, answer_late);
}

const struct http_handler_class http_BaseHTTPRequestHandler = {
    .handler = {.base = &StreamRequestHandler, .size = sizeof(struct http_handler), .handle = handle},
    .table_size = sizeof(struct http_handler_class),
    .name = "BaseHTTPRequestHandler",
    .methods = HTTP_METHODS({"OPTIONS", do_OPTIONS}),
    .protocol_version = "HTTP/1.1",
    .server_version = "httpserver/" SS_VERSION,
    .max_request_line = 8192,
    .max_head = 32768,
    .max_headers = 100,
    .max_body = (int64_t)1 << 30,
    .head_timeout = 20000,
    .idle_timeout = 60000,
    .inherit = http_base_inherit,
    .send_error = http_default_send_error,
    .log_request = http_default_log_request,
    .log_error = http_default_log_error,
    .log_message = http_default_log_message,
};
