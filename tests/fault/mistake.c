/* SPDX-License-Identifier: MIT */
/* A program whose author has made a mistake, of which the server tells when it starts. */
#include "http_server.h"

static const struct http_handler_class Forgetful = {
    .handler = {.base = &SimpleHTTPRequestHandler.http.handler}, .name = "Forgetful"};

int main(void)
{
    return ss_run(SS_BASES(&HTTPServer), "127.0.0.1:0", &Forgetful.handler);
}
