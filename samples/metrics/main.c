/* SPDX-License-Identifier: MIT */
/* metrics [ADDRESS [CLASS [HTTP_ADDRESS]]]: programs tell by statsd what they count and how long things take,
   mostly in datagrams that nobody answers; the totals are a page of HTTP, as Prometheus reads it. So these
   are two servers in one program: the second one runs in a thread, and what both know is in memory that all
   threads and processes of the first one share.

   Try:  build/samples/metrics localhost:8125 EventLoopUDPServer localhost:8126
   and:  echo 'page.views:1|c|#lang:en' | nc -u -w1 localhost 8125
         curl http://localhost:8126/metrics */
#include "metrics/page.h"
#include "metrics/table.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { IDLE = 600000, LAST = 1000 /* ms: a program that says nothing; those who read the page at the end */ };

static const char *http_address = "localhost:8126";
static struct ss_server http;
static const struct ss_class Metrics;

/* ---------------------------------------------------------------- statsd */

static void note(struct ss_handler *h, const char *line, size_t size)
{
    struct metric metric;
    struct table *table = ss_shared(h->server, &Metrics);
    bool good = statsd_parse(line, size, &metric);
    ss_explain(h, "parse", good ? metric.name : "malformed"); /* with --explain it is shown */
    if (page_lock(h->server, &Metrics) < 0)
        return;
    table->verdicts[good ? table_add(table, &metric) : MALFORMED]++;
    ss_unlock(h->server, &Metrics);
}

/* A datagram has one line or several, and so has a connection: for a stream both are the same. Of a line that
   is too long all pieces but the last one are full. */
static int collect(struct ss_handler *h)
{
    char line[LINE + 3];
    bool amid = false;
    ssize_t n;
    h->timeout = IDLE;
    while ((n = ss_readline(h->rfile, line, sizeof line)) > 0) {
        size_t size = (size_t)n, text = size - (line[size - 1] == '\n');
        bool ends = text < size || size < sizeof line - 1;
        text -= text > 0 && line[text - 1] == '\r';
        if (ends && (text > 0 || amid))
            note(h, line, amid ? LINE + 1 : text);
        amid = !ends;
    }
    return n == -ETIMEDOUT ? 0 : (int)n;
}

static const struct ss_handler_class Collector = {.handle = collect};

/* ---------------------------------------------------------------- HTTP */

static int do_GET(struct ss_handler *h)
{
    const char *path = http_request(h)->path;
    if (strncmp(path, "/metrics", 8) != 0 || (path[8] && path[8] != '?'))
        return http_send_error(h, 404, NULL, "The totals are at /metrics.");
    http_send_response(h, 200, NULL);
    http_send_header(h, "Content-Type", PAGE_TYPE);
    http_send_header(h, "Cache-Control", "no-store");
    http_compress(h);
    http_end_headers(h);
    return page_write(h, h->server->context, &Metrics);
}

static const struct http_handler_class Totals = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"GET", do_GET}),
    .log_request = http_log_nothing,
};

/* ---------------------------------------------------------------- both */

/* Both are bound before one of them serves: so the program runs with both, or not at all. */
static int bind_both(struct ss_server *self)
{
    struct table *table = ss_shared(self, &Metrics);
    int rc = ss_super(self, &Metrics)->server_bind(self);
    if (rc == 0 && getrandom(&table->key, sizeof table->key, 0) < 0)
        rc = -errno;
    if (rc < 0)
        return rc;
    rc = ss_server_init(&http, SS_BASES(&EventLoopMixIn, &HTTPServer), http_address, &Totals.handler);
    http.context = self;
    http.shutdown_timeout = LAST;
    if (rc == 0)
        rc = ss_server_bind(&http);
    if (rc == 0)
        return 0;
    fprintf(stderr, "metrics: cannot serve HTTP on %s: %s; name another address behind the class\n",
            http_address, strerror(-rc));
    return -ECANCELED;
}

static void *serve_http(void *result)
{
    *(int *)result = ss_serve_forever(&http);
    return NULL;
}

/* The first one has the signals: when it has ended, the second one is told to. */
static int serve_both(struct ss_server *self)
{
    pthread_t thread;
    int result = 0, rc = -pthread_create(&thread, NULL, serve_http, &result);
    if (rc < 0)
        return rc;
    rc = ss_super(self, &Metrics)->serve_forever(self);
    ss_shutdown(&http);
    pthread_join(thread, NULL);
    return rc < 0 ? rc : result;
}

static void close_both(struct ss_server *self)
{
    ss_super(self, &Metrics)->server_close(self);
    ss_server_close(&http);
}

/* In a process of the first server the second one does not run. Its socket is open there, too: it would stay
   so after the parent has closed it. */
static void forked(struct ss_server *self)
{
    ss_super(self, &Metrics)->forked(self);
    if (http.socket >= 0)
        close(http.socket);
    http.socket = -1;
}

static const struct ss_class Metrics = {
    .name = "Metrics",
    .shared_size = sizeof(struct table),
    .server_bind = bind_both,
    .serve_forever = serve_both,
    .server_close = close_both,
    .forked = forked,
};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Collects metrics by statsd, and shows the totals to Prometheus at HTTP_ADDRESS/metrics\n"
                 "(localhost:8126).",
        .address = "localhost:8125",
        .cls = "EventLoopUDPServer",
        .own = &Metrics,
        .argument = "HTTP_ADDRESS",
        .value = &http_address,
        .handler = &Collector,
    };
    return ss_main(argc, argv, &program);
}
