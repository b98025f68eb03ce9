/* SPDX-License-Identifier: MIT */
/* ws_echo [ADDRESS [CLASS]]: sends each message back. Under /straight in straight code, where each connection
   has a stack of its own; elsewhere as functions that are called for what happens, where it is parked between
   two messages: that takes the least memory and time.

   Try:  build/samples/ws_echo localhost:8082
   and:  echo hello | build/samples/ws_client ws://localhost:8082/
         echo hello | build/samples/ws_client ws://localhost:8082/straight */
#include "websocket.h"
#include <string.h>

static const struct ws_options options = {.max_message = 64 << 20, .compression = WS_DEFLATE};

static int echo(struct ss_handler *h)
{
    struct ws *ws;
    struct ws_message message;
    int rc = ws_accept(h, &options, &ws);
    if (rc <= 0)
        return rc; /* it was refused, and the answer says why */
    while ((rc = ws_recv(ws, &message)) > 0)
        ws_send(ws, message.type, message.data, message.size);
    return rc;
}

static int send_back(struct ws *ws, const struct ws_message *message)
{
    return ws_send(ws, message->type, message->data, message->size);
}

static const struct ws_class Echo = {.options = {.max_message = 64 << 20, .compression = WS_DEFLATE},
                                     .message = send_back};

static int do_GET(struct ss_handler *h)
{
    return strcmp(http_request(h)->path, "/straight") == 0 ? echo(h) : ws_serve(h, &Echo);
}

static const struct http_handler_class Handler = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"GET", do_GET}),
};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Sends each message of a WebSocket back.",
        .address = "localhost:8082",
        .cls = "EventLoopHTTPServer",
        .own = &HTTPServer,
        .scheme = "http",
        .handler = &Handler.handler,
    };
    return ss_main(argc, argv, &program);
}
