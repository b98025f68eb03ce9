/* SPDX-License-Identifier: MIT */
/* counter [ADDRESS [CLASS]]: one number that all processes of the server share. A GET shows it, a POST
   adds one. The memory and its lock belong to a class of one's own: all processes see it, and whoever has the
   lock may be killed.

   Try:  build/samples/counter localhost:8084 PreforkingEventLoop
   and:  curl http://localhost:8084/
         curl -d '' -L http://localhost:8084/ */
#include "http_server.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct ss_class Counter = {
    .name = "Counter",
    .base = &HTTPServer,
    .shared_size = sizeof(unsigned long),
};

static int add(struct ss_handler *h, unsigned long more, unsigned long *sum)
{
    unsigned long *number = ss_shared(h->server, &Counter);
    int rc = ss_lock(h->server, &Counter);
    if (rc < 0 &&
        rc != -EOWNERDEAD) /* a process that has died with the lock has left a number all the same */
        return rc;
    *sum = *number += more;
    return ss_unlock(h->server, &Counter);
}

static int do_GET(struct ss_handler *h)
{
    unsigned long sum;
    if (strcmp(http_request(h)->path, "/") != 0)
        return http_send_error(h, 404, NULL, NULL);
    int rc = add(h, 0, &sum);
    if (rc < 0)
        return rc;
    http_send_response(h, 200, NULL);
    http_send_header(h, "Content-Type", "text/html; charset=utf-8");
    http_send_header(h, "Cache-Control", "no-store");
    http_end_headers(h);
    return ss_printf(h->wfile,
                     "<!doctype html><html lang=en><title>Counter</title>"
                     "<meta name=viewport content='width=device-width'><h1>%lu</h1>"
                     "<form method=post action=/><button autofocus>Add one</button></form>"
                     "<p>says process %d</html>\n",
                     sum, (int)getpid());
}

static int do_POST(struct ss_handler *h)
{
    unsigned long sum;
    if (strcmp(http_request(h)->path, "/") != 0)
        return http_send_error(h, 404, NULL, NULL);
    int rc = add(h, 1, &sum);
    if (rc < 0)
        return rc;
    http_send_response(h, 303, NULL); /* "see there": reloading the page does not add again */
    http_send_header(h, "Location", "/");
    http_send_header(h, "Content-Length", "0");
    return http_end_headers(h);
}

static const struct http_handler_class Handler = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"GET", do_GET}, {"POST", do_POST}),
};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "One number that all processes of the server share.",
        .address = "localhost:8084",
        .cls = "Counter",
        .own = &Counter,
        .scheme = "http",
        .handler = &Handler.handler,
    };
    return ss_main(argc, argv, &program);
}
