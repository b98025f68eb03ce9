/* SPDX-License-Identifier: MIT */
/* hello [ADDRESS [CLASS]]: the smallest HTTP server with a handler of its own.

   Try:  build/samples/hello localhost:8081
   and:  curl http://localhost:8081/world */
#include "http_server.h"

static int do_GET(struct ss_handler *h)
{
    http_send_response(h, 200, NULL);
    http_send_header(h, "Content-Type", "text/plain; charset=utf-8");
    http_end_headers(h);
    return ss_printf(h->wfile, "Hello, you asked for %s\n", http_request(h)->path);
}

static const struct http_handler_class Hello = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"GET", do_GET}),
};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "The smallest HTTP server with a handler of its own.",
        .address = "localhost:8081",
        .cls = "EventLoopHTTPServer",
        .own = &HTTPServer,
        .scheme = "http",
        .handler = &Hello.handler,
    };
    return ss_main(argc, argv, &program);
}
