/* SPDX-License-Identifier: MIT */
/* dynamic PORT: a handler with an answer of its own to GET and POST, 1 KiB of text; a POST's body is read to
   its end. What a small web application costs, without the application. Its twin is dynamic.py. */
#include "common.h"
#include "http_server.h"

enum { SIZE = 1024 };
static char text[SIZE];

static int do_GET(struct ss_handler *h)
{
    return http_reply(h, 200, "text/plain", text, SIZE);
}

static int do_POST(struct ss_handler *h)
{
    char data[4096];
    ssize_t n;
    while ((n = ss_read(h->rfile, data, sizeof data)) > 0)
        ;
    return n < 0 ? (int)n : do_GET(h);
}

static const struct http_handler_class Dynamic = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"GET", do_GET}, {"POST", do_POST}),
    .max_body = (int64_t)1 << 50, /* uploads without end are measured too */
    .log_request = http_log_nothing,
};

int main(int argc, char **argv)
{
    if (argc != 2)
        DIE("usage: dynamic PORT");
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%s", argv[1]);
    memset(text, '.', SIZE);
    return ss_run(SS_BASES(&EventLoopMixIn, &HTTPServer), address, &Dynamic.handler) < 0;
}
