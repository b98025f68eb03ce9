/* SPDX-License-Identifier: MIT */
/* notify [ADDRESS [CLASS]]: what is posted appears on all open pages at once. The pages receive it as
   server-sent events; one that was away for a moment gets what it has missed. Everything else is a file from
   www/ below the current directory.

   Try:  build/samples/notify localhost:8086 PreforkingEventLoop
   and:  curl -d 'The coffee is ready.' http://localhost:8086/
         curl http://localhost:8086/ */
#include "event_source.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MAX_NOTE = 1000 }; /* bytes */

/* The history is shared by all processes. */
static const struct ss_class NotifyServer = {
    .name = "NotifyServer", .base = &HTTPServer, .shared_size = ES_HISTORY_SIZE(64 << 10)};

static int joined(struct es *es)
{
    return es_follow(es, &NotifyServer, "notes", true);
}

static const struct es_class Notes = {.options = {.retry = 1000}, .open = joined};

static int do_GET(struct ss_handler *h)
{
    return strcmp(http_request(h)->path, "/notes") == 0 ? es_serve(h, &Notes) : http_do_GET(h);
}

static const char *translate_path(struct ss_handler *h, const char *path)
{
    return strcmp(path, "/") == 0 ? "notify.html" : SimpleHTTPRequestHandler.translate_path(h, path);
}

/* A page of somebody else's must not speak in the name of who looks at it. */
static bool is_foreign(const struct ss_handler *h)
{
    const char *site = http_header(h, "Sec-Fetch-Site");
    return site && strcmp(site, "same-origin") != 0;
}

static int do_POST(struct ss_handler *h)
{
    char *note = NULL, text[100];
    if (is_foreign(h))
        return http_send_error(h, 403, NULL, NULL);
    int rc = http_read_body(h, MAX_NOTE, &note, NULL);
    if (rc < 0)
        return rc; /* answered with 413, for instance */
    if (!*note)
        return http_send_error(h, 400, NULL, "There is nothing to be told.");
    char *data = ss_format(h, "%lld\n%s", (long long)time(NULL), note);
    if (!data)
        return -ENOMEM;
    rc = es_keep(h->server, &NotifyServer, "notes", &(struct es_event){.event = "note", .data = data});
    if (rc == -EILSEQ)
        return http_send_error(h, 400, NULL, "That is not UTF-8.");
    if (rc < 0)
        return rc;
    int size = snprintf(text, sizeof text, "Pages that show it: %d.\n", rc);
    return http_reply(h, 200, "text/plain; charset=utf-8", text, (size_t)size);
}

static const struct simple_http_class Handler = {
    .http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler},
             .table_size = sizeof Handler,
             .methods = HTTP_METHODS({"GET", do_GET}, {"POST", do_POST})},
    .directory = "www",
    .translate_path = translate_path,
};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "What is posted appears on all open pages at once.",
        .address = "localhost:8086",
        .cls = "EventLoopNotifyServer",
        .own = &NotifyServer,
        .scheme = "http",
        .handler = &Handler.http.handler,
    };
    return ss_main(argc, argv, &program);
}
