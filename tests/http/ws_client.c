/* SPDX-License-Identifier: MIT */
/* Handlers that are clients, for test_websocket_client.py. The first message is a URL: the handler connects
   to it and says how that went, then passes each message on, and the answer back. With /tick it tells when
   nothing has come for 100 ms. "deflate" or "context" in the URL: it offers compression. Settings: see
   settings.h. */
#include "settings.h"
#include "websocket.h"
#include <errno.h>
#include <string.h>

static const char *const protocols[] = {"one", "two", NULL};

static int report(struct ws *ws, struct ws *peer)
{
    return ws_printf(ws, "closed %u %s", ws_code(peer), ws_reason(peer));
}

static int pass_on(struct ws *ws, struct ws *peer)
{
    struct ws_message message;
    int rc;
    while ((rc = ws_recv(ws, &message)) > 0) {
        if (strcmp(message.data, "leave") == 0 && ws_close(peer, 4000, "bye") < 0)
            return -EPROTO;
        rc = ws_send(peer, message.type, message.data, message.size);
        if (rc == -EPIPE || (rc == 0 && (rc = ws_recv(peer, &message)) == 0))
            return report(ws, peer);
        if (rc < 0)
            return ws_printf(ws, "failed %d", rc);
        ws_send(ws, message.type, message.data, message.size);
    }
    return rc;
}

static int relay(struct ss_handler *h, struct ws *ws)
{
    struct ws_options options = {.protocols = protocols, .max_message = 1 << 20};
    struct ws_message message;
    struct ws *peer;
    int rc = ws_recv(ws, &message);
    if (rc <= 0)
        return rc;
    options.compression = strstr(message.data, "context")   ? WS_DEFLATE_CONTEXT
                          : strstr(message.data, "deflate") ? WS_DEFLATE
                                                            : WS_NO_COMPRESSION;
    rc = ws_connect(h->server, message.data, &options, 5000, &peer);
    if (rc != 0)
        return ws_printf(ws, "%s %d", rc > 0 ? "refused" : strerror(-rc), rc);
    ws_printf(ws, "connected %s", ws_protocol(peer) ? ws_protocol(peer) : "");
    rc = pass_on(ws, peer);
    ws_free(peer);
    return rc;
}

static int tick(struct ws *ws)
{
    struct ws_message message;
    int rc = 0;
    for (int ticks = 0; ticks < 3;) {
        rc = ws_recv_for(ws, &message, ticks == 2 ? 0 : 100);
        if (rc == 0 || (rc < 0 && rc != -EAGAIN))
            return rc;
        ticks += rc == -EAGAIN;
        ws_printf(ws, "%s", rc == -EAGAIN ? "tick" : message.data);
    }
    return ws_recv_for(ws, &message, -1);
}

static int echo(struct ws *ws)
{
    struct ws_message message;
    int rc;
    while ((rc = ws_recv(ws, &message)) > 0)
        ws_send(ws, message.type, message.data, message.size);
    return rc;
}

static int do_GET(struct ss_handler *h)
{
    const char *path = http_request(h)->path;
    struct ws *ws;
    int rc = ws_accept(h, NULL, &ws);
    if (rc <= 0)
        return rc;
    return strcmp(path, "/tick") == 0 ? tick(ws) : strcmp(path, "/echo") == 0 ? echo(ws) : relay(h, ws);
}

static const struct http_handler_class Client = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"GET", do_GET}),
};

int main(int argc, char **argv)
{
    return run_probe(argc, argv, &Client);
}
