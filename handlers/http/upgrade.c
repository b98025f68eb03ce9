/* SPDX-License-Identifier: MIT */
/* A connection goes on in another protocol: after 101, or as the tunnel that CONNECT asks for (RFC 9110 7.8,
   9.3.6); or its last response goes on without end. */
#include "http/upgrade.h"
#include "http/header.h"
#include "http/log.h"
#include "text/chars.h"
#include <errno.h>
#include <string.h>

/* protocol-name ["/" protocol-version] */
static bool is_protocol(const char *name)
{
    const char *slash = strchr(name, '/');
    size_t size = slash ? (size_t)(slash - name) : strlen(name);
    return http_is_token(name, size) && (!slash || http_is_token(slash + 1, strlen(slash + 1)));
}

/* A class that speaks HTTP/1.0 cannot send 101, and after CONNECT the client waits for a tunnel. */
static bool is_possible(const struct http_exchange *x, const char *name)
{
    if (!name)
        return x->head.connects;
    return is_protocol(name) && x->cls->persistent && !x->head.connects;
}

static bool is_other_response(const struct http_response *r, const char *name)
{
    return r->ended || (r->status && (name ? r->status != 101 : r->status / 100 != 2));
}

/* The answer to a HEAD is a head, after which the connection goes on. HTTP/1.0 has no such thing. */
static bool is_asked_for(const struct http_exchange *x, const char *name)
{
    return x->head.request.minor > 0 && strcmp(x->head.request.command, "HEAD") != 0 &&
           http_header_has(x->h, "Connection", "upgrade") && http_header_has(x->h, "Upgrade", name);
}

/* Several protocols may be tried, one after another: all are offered. */
static int offer_protocol(struct http_exchange *x, const char *name)
{
    const char *before = x->offered ? x->offered : "";
    x->offered = ss_format(x->h, "%s%s%s", before, *before ? ", " : "", name);
    return x->offered ? -EPROTO : -ENOMEM;
}

/* The new protocol begins behind the request's body. A client that waits for 100 gets it before 101. */
static int skip_body(struct http_exchange *x)
{
    char data[4096];
    ssize_t n;
    do
        n = ss_read(&x->lent->rfile, data, sizeof data);
    while (n > 0);
    return (int)n;
}

static int send_head(struct http_exchange *x, const char *name)
{
    struct ss_handler *h = x->h;
    int rc = x->response.status ? 0
             : name             ? http_send_response(h, 101, NULL)
                                : http_send_response(h, 200, "Connection established");
    if (rc == 0 && name)
        rc = http_add_field(x, "Connection", "Upgrade");
    if (rc == 0 && name)
        rc = http_add_field(x, "Upgrade", name);
    x->upgraded = true;
    if (rc == 0)
        rc = http_end_headers(h);
    if (rc == 0)
        rc = ss_flush(h->wfile);
    x->upgraded = rc == 0;
    return rc;
}

/* Nothing of HTTP is left on the connection. */
static void leave_http(struct http_exchange *x)
{
    http_exchange_return(x);
    x->in->tied = NULL;
    ss_set_deadline(x->in, -1);
    ss_set_owed(x->in, false);
    x->h->rfile = x->in;
    x->h->wfile = x->out;
    x->h->request->busy = false;
}

int http_upgrade(struct ss_handler *h, const char *name)
{
    struct http_exchange *x = http_exchange_of(h);
    if (!is_possible(x, name))
        return -EINVAL;
    if (is_other_response(&x->response, name))
        return -EALREADY;
    if (name && !is_asked_for(x, name))
        return offer_protocol(x, name);
    int rc = skip_body(x);
    if (rc == 0)
        rc = send_head(x, name);
    if (rc == 0)
        leave_http(x);
    return rc;
}

int http_leave_open(struct http_exchange *x)
{
    struct http_response *r = &x->response;
    if (r->length >= 0)
        return -EINVAL;
    x->close = true;
    r->coding = HTTP_IDENTITY;
    int rc = skip_body(x);
    if (rc == 0)
        rc = http_end_headers(x->h);
    if (rc == 0)
        rc = ss_flush(x->h->wfile);
    if (rc == 0)
        leave_http(x);
    x->upgraded = rc == 0;
    return rc;
}

int http_upgrade_require(struct http_exchange *x)
{
    bool closes = x->close || x->head.request.minor == 0 || ss_draining(x->h->server);
    http_error_header(x->h, "Connection", closes ? "upgrade, close" : "upgrade");
    http_error_header(x->h, "Upgrade", x->offered);
    return http_send_error(x->h, 426, NULL, NULL);
}

int http_upgrade_conclude(struct http_exchange *x, int rc)
{
    const struct http_handler_class *table = x->cls->table;
    if (rc == SS_PARK && !x->h->request->resume) {
        table->log_error(x->h, "SS_PARK after http_upgrade, but request->resume is not set");
        rc = 0;
    }
    if (rc > SS_PARK)
        rc = -EDOM;
    if (x->leave && rc != SS_PARK)
        x->leave(x->h, rc);
    if (table->log_request != http_log_nothing)
        http_log_ended(x, rc);
    return rc;
}
