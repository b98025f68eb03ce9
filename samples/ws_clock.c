/* SPDX-License-Identifier: MIT */
/* ws_clock [ADDRESS [CLASS]]: what time it is at the server, each second, until the client closes the
   WebSocket. One call waits for both, for the client and for the next second. Its page is /clock.html.

   Try:  build/samples/ws_clock localhost:8083
   and:  echo | build/samples/ws_client ws://localhost:8083/clock */
#include "websocket.h"
#include <errno.h>
#include <string.h>
#include <time.h>

/* Sends the time, and returns how many ms are left of this second. */
static int tell(struct ws *ws)
{
    struct timespec now;
    struct tm tm;
    char text[40];
    clock_gettime(CLOCK_REALTIME, &now);
    strftime(text, sizeof text, "%F %T %z", localtime_r(&now.tv_sec, &tm));
    ws_printf(ws, "%s", text);
    return 1000 - (int)(now.tv_nsec / 1000000);
}

static int tick(struct ss_handler *h)
{
    struct ws *ws;
    struct ws_message message;
    int rc = ws_accept(h, NULL, &ws);
    while (rc > 0) {
        uint64_t now, next = ss_now() + (uint64_t)tell(ws);
        while (rc > 0 &&
               (now = ss_now()) < next) /* what the client says does not matter, but that it leaves */
            rc = ws_recv_for(ws, &message, (int)(next - now));
        if (rc == -EAGAIN)
            rc = 1;
    }
    return rc;
}

static int do_GET(struct ss_handler *h)
{
    return strcmp(http_request(h)->path, "/clock") == 0 ? tick(h) : http_do_GET(h);
}

static const struct simple_http_class Handler = {
    .http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler},
             .table_size = sizeof Handler,
             .methods = HTTP_METHODS({"GET", do_GET})},
    .directory = "www",
};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "What time it is at the server, each second. Its page is /clock.html.",
        .address = "localhost:8083",
        .cls = "EventLoopHTTPServer",
        .own = &HTTPServer,
        .scheme = "http",
        .handler = &Handler.http.handler,
    };
    return ss_main(argc, argv, &program);
}
