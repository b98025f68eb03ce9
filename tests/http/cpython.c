/* SPDX-License-Identifier: MIT */
/* cpython [NAME=VALUE...]: the methods of BaseHTTPServerTestCase in CPython's test_httpservers.py, and no
   GET. For the settings see settings.h. */
#include "settings.h"
#include <stdlib.h>
#include <string.h>

static int empty(struct ss_handler *h, int status, const char *connection)
{
    http_send_response(h, status, NULL);
    http_send_header(h, "Content-Type", "text/html");
    http_send_header(h, "Connection", connection);
    return http_end_headers(h);
}

static int do_TEST(struct ss_handler *h)
{
    return empty(h, 204, "close");
}

static int do_KEEP(struct ss_handler *h)
{
    return empty(h, 204, "keep-alive");
}

static int do_CUSTOM(struct ss_handler *h)
{
    return empty(h, 999, "close");
}

static int do_KEYERROR(struct ss_handler *h)
{
    return http_send_error(h, 999, NULL, NULL);
}

static int do_NOTFOUND(struct ss_handler *h)
{
    return http_send_error(h, 404, "File not found", NULL);
}

static int do_EXPLAINERROR(struct ss_handler *h)
{
    return http_send_error(h, 999, "Short <Message>", "This is a long \n <explanation>");
}

static int do_LATINONEHEADER(struct ss_handler *h)
{
    const char *incoming = http_header(h, "x-special-incoming");
    http_send_response(h, 999, NULL);
    http_send_header(h, "X-Special", "D\xe4ngerous Mind");
    http_send_header(h, "Connection", "close");
    http_end_headers(h);
    return ss_write(h->wfile, incoming ? incoming : "", incoming ? strlen(incoming) : 0);
}

static int do_SEND_ERROR(struct ss_handler *h)
{
    return http_send_error(h, (int)strtol(http_request(h)->path + 1, NULL, 10), NULL, NULL);
}

static const struct http_handler_class CPython = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"TEST", do_TEST}, {"KEEP", do_KEEP}, {"KEYERROR", do_KEYERROR},
                            {"NOTFOUND", do_NOTFOUND}, {"EXPLAINERROR", do_EXPLAINERROR},
                            {"CUSTOM", do_CUSTOM}, {"LATINONEHEADER", do_LATINONEHEADER},
                            {"SEND_ERROR", do_SEND_ERROR}, {"HEAD", do_SEND_ERROR}, {"ERROR", do_NOTFOUND}),
};

int main(int argc, char **argv)
{
    return run_probe(argc, argv, &CPython);
}
