/* SPDX-License-Identifier: MIT */
/* WebSockets for the tests; what the paths do stands beside them, at the end. */
#include "settings.h"
#include "websocket.h"
#include <errno.h>

static int number_after(const struct ss_handler *h, const char *name)
{
    const char *at = strstr(http_request(h)->path, name);
    return at ? (int)strtol(at + strlen(name), NULL, 10) : 0;
}

/* Options as the query has them. */
static struct ws_options options_of(const struct ss_handler *h)
{
    static const char *const protocols[] = {"one", "two", NULL};
    static const char *const origins[] = {"https://a.example", "http://b.example:8080", NULL};
    const char *path = http_request(h)->path;
    return (struct ws_options){.protocols = strstr(path, "protocols") ? protocols : NULL,
                               .origins = strstr(path, "origins") ? origins : NULL,
                               .any_origin = strstr(path, "anybody"),
                               .compression = strstr(path, "context")   ? WS_DEFLATE_CONTEXT
                                              : strstr(path, "deflate") ? WS_DEFLATE
                                                                        : WS_NO_COMPRESSION,
                               .max_message = (size_t)number_after(h, "max="),
                               .max_fragments = (unsigned)number_after(h, "fragments="),
                               .idle_timeout = number_after(h, "idle="),
                               .close_timeout = number_after(h, "wait=")};
}

static int accept_with_options(struct ss_handler *h, struct ws **ws)
{
    const struct ws_options options = options_of(h);
    return ws_accept(h, &options, ws);
}

static int echo(struct ss_handler *h)
{
    struct ws *ws;
    struct ws_message message;
    int rc = accept_with_options(h, &ws);
    if (rc <= 0)
        return rc;
    while ((rc = ws_recv(ws, &message)) > 0)
        ws_send(ws, message.type == WS_POSTED ? WS_BINARY : message.type, message.data, message.size);
    return rc;
}

/* Sends how many bytes a message has, and their sum. */
static int count(struct ss_handler *h)
{
    struct ws *ws;
    struct ws_message message;
    unsigned char data[1000];
    int rc = accept_with_options(h, &ws);
    while (rc > 0 && (rc = ws_next(ws, &message)) > 0) {
        size_t size = 0;
        unsigned long sum = 0;
        ssize_t n;
        while ((n = ws_read(ws, data, sizeof data)) > 0) {
            for (ssize_t i = 0; i < n; i++)
                sum += data[i];
            size += (size_t)n;
        }
        if (n == 0)
            ws_printf(ws, "%s %zu %lu", message.type == WS_TEXT ? "text" : "binary", size, sum);
        else
            fprintf(stderr, "cut: %zd %zd\n", n, ws_read(ws, data, sizeof data));
    }
    return rc;
}

/* Reads the first byte of each message, and leaves the rest. */
static int begin(struct ss_handler *h)
{
    struct ws *ws;
    struct ws_message message;
    char byte;
    int rc = accept_with_options(h, &ws);
    while (rc > 0 && (rc = ws_next(ws, &message)) > 0)
        if (ws_read(ws, &byte, 1) == 1)
            ws_send(ws, WS_BINARY, &byte, 1);
    return rc;
}

/* Reads a piece, does something else for as long as it is told, and reads on when it has said so. */
static int pause_amid(struct ss_handler *h)
{
    struct ws *ws;
    struct ws_message message;
    char data[1000];
    int rc = accept_with_options(h, &ws);
    if (rc > 0 && (rc = ws_next(ws, &message)) > 0)
        while (ws_read(ws, data, sizeof data) > 0) {
            ss_sleep(h->server, number_after(h, "ms="));
            ws_printf(ws, "on");
        }
    return rc < 0 ? rc : 0;
}

/* Takes messages, and says nothing. */
static int swallow(struct ss_handler *h)
{
    struct ws *ws;
    struct ws_message message;
    int rc = accept_with_options(h, &ws);
    while (rc > 0 && (rc = ws_recv(ws, &message)) > 0)
        ;
    return rc;
}

/* Looks for messages again and again, and never waits for one. */
static int look(struct ss_handler *h)
{
    struct ws *ws;
    struct ws_message message;
    int rc = accept_with_options(h, &ws);
    if (rc <= 0)
        return rc;
    ws_printf(ws, "looks");
    while ((rc = ws_recv_for(ws, &message, 0)) == -EAGAIN || rc > 0)
        if (rc > 0)
            ws_send(ws, message.type, message.data, message.size);
        else
            ss_sleep(h->server, 5);
    return rc;
}

static int protocol(struct ss_handler *h)
{
    struct ws *ws;
    int rc = accept_with_options(h, &ws);
    return rc <= 0 ? rc : ws_printf(ws, "%s", ws_protocol(ws) ? ws_protocol(ws) : "none");
}

/* Closes with the code and reason that it is told, and says in the log how that went. */
static int close_it(struct ss_handler *h)
{
    struct ws *ws;
    struct ws_message message;
    int rc = accept_with_options(h, &ws);
    if (rc <= 0 || (rc = ws_recv(ws, &message)) <= 0)
        return rc;
    unsigned code = (unsigned)strtol(message.data, NULL, 10);
    const char *space = strchr(message.data, ' ');
    rc = ws_close(ws, code, space ? space + 1 : NULL);
    if (rc < 0)
        return ws_printf(ws, "%d", rc);
    fprintf(stderr, "closed: %u \"%s\"\n", ws_code(ws), ws_reason(ws));
    return 0;
}

static int send_wrong(struct ss_handler *h)
{
    struct ws *ws;
    int rc = accept_with_options(h, &ws);
    if (rc <= 0)
        return rc;
    int text = ws_send(ws, WS_TEXT, "\xff", 1), type = ws_send(ws, WS_POSTED, "x", 1);
    rc = ws_printf(ws, "%d %d", text == -EILSEQ, type == -EINVAL);
    return rc < 0 ? rc : ws_printf(ws, "%5000d", 7);
}

static int fail(struct ss_handler *h)
{
    struct ws *ws;
    int rc = accept_with_options(h, &ws);
    return rc <= 0 ? rc : -EIO;
}

/* Sends without end, to a client that does not read. */
static int flood(struct ss_handler *h)
{
    static const char block[65536];
    struct ws *ws;
    int rc = accept_with_options(h, &ws);
    if (rc <= 0)
        return rc;
    while ((rc = ws_send(ws, WS_BINARY, block, sizeof block)) == 0)
        ;
    fprintf(stderr, "flood: %d\n", rc);
    return rc;
}

/* ---- what others send ---- */

/* Subscribes, and says what comes to the others. */
static int room(struct ss_handler *h)
{
    struct ws *ws;
    struct ws_message message;
    struct ss_ref ref;
    int rc = accept_with_options(h, &ws);
    if (rc <= 0)
        return rc;
    if ((rc = ss_subscribe(h, "room", SS_END)) < 0 || (rc = ss_ref(h, &ref)) < 0)
        return rc;
    ws_printf(ws, "%llu %u", (unsigned long long)ref.number, ref.place);
    while ((rc = ws_recv(ws, &message)) > 0)
        if (message.type == WS_POSTED)
            ws_printf(ws, "%s: %.*s", message.channel ? message.channel : "-", (int)message.size,
                      message.data);
        else if ((rc = ws_publish_others(ws, "room", message.type, message.data, message.size)) < 0)
            break;
    return rc;
}

/* /post/NUMBER/PLACE: ws_post; with "plain" ss_post. /publish */
static int post(struct ss_handler *h)
{
    char *end, text[100] = "posted";
    struct ss_ref ref = {.number = strtoull(http_request(h)->path + 6, &end, 10)};
    ref.place = (uint32_t)strtoul(end + 1, NULL, 10);
    bool plain = strstr(http_request(h)->path, "plain");
    int rc = plain ? ss_post(h->server, ref, text, 6) : ws_post(h->server, ref, WS_TEXT, text, 6);
    return http_reply(h, 200, "text/plain", text, (size_t)snprintf(text, sizeof text, "%d", rc));
}

static int publish(struct ss_handler *h)
{
    char text[100] = "published";
    bool plain = strstr(http_request(h)->path, "plain"), wait = strstr(http_request(h)->path, "wait");
    int rc = wait    ? ss_publish(h->server, "room", "wait", 4)
             : plain ? ss_publish(h->server, "room", text, 9)
                     : ws_publish(h->server, "room", WS_TEXT, text, 9);
    return http_reply(h, 200, "text/plain", text, (size_t)snprintf(text, sizeof text, "%d", rc));
}

/* Publishes until its client has something to say. */
static int spam(struct ss_handler *h)
{
    struct ws *ws;
    int rc = accept_with_options(h, &ws);
    while (rc > 0 && (rc = ss_wait(h, SS_INPUT, 0)) == 0)
        for (int i = 0; i < 100; i++)
            ws_publish(h->server, "room", WS_TEXT, "spam", 4);
    return rc < 0 ? rc : 0;
}

/* ---- a class ---- */

static void let_go(void *context)
{
    fprintf(stderr, "released %s\n", (char *)context);
}

/* With something of its own in the connection before. */
static int keep(struct ss_handler *h)
{
    static char own[] = "own";
    struct ws *ws;
    h->request->data = own;
    h->request->free_data = let_go;
    int rc = accept_with_options(h, &ws);
    return rc < 0 ? rc : 0;
}

/* What is flushed comes while the handler does something else: here, until somebody is in the room. */
static int flush(struct ss_handler *h)
{
    struct ws *ws;
    int rc = accept_with_options(h, &ws);
    if (rc <= 0)
        return rc;
    ws_printf(ws, "first");
    rc = ws_flush(ws);
    while (ss_subscribers(h->server, "room") == 0)
        ss_sleep(h->server, 1);
    ws_printf(ws, "%d", rc);
    ws_close(ws, WS_NORMAL, NULL);
    fprintf(stderr, "flushed at the end: %d\n", ws_flush(ws));
    return 0;
}

static int class_open(struct ws *ws)
{
    ws_set_context(ws, "context", let_go);
    return ws_printf(ws, "open");
}

static int class_message(struct ws *ws, const struct ws_message *message)
{
    struct ws_message next;
    if (message->type == WS_POSTED && message->channel && message->size == 4) /* "wait" */
        return ws_printf(ws, "waits") < 0 || ss_wait(ws_handler(ws), SS_INPUT, -1) < 0 ? -EIO : 0;
    if (message->type == WS_POSTED)
        return ws_printf(ws, "%s: %.*s", message->channel ? message->channel : "-", (int)message->size,
                         message->data);
    if (strcmp(message->data, "fail") == 0)
        return -EIO;
    if (strcmp(message->data, "again") == 0)
        return -EAGAIN;
    if (strcmp(message->data, "close") == 0)
        return ws_close(ws, 4000, "as you wish");
    if (strcmp(message->data, "subscribe") == 0)
        return ss_subscribe(ws_handler(ws), "room", SS_END);
    if (strcmp(message->data, "subscribe to some") == 0)
        return ss_subscribe(ws_handler(ws), "room", SS_DROP_OLDEST);
    if (strcmp(message->data, "two") == 0 && ws_recv(ws, &next) > 0)
        return ws_printf(ws, "and %s", next.data);
    return ws_send(ws, message->type, message->data, message->size);
}

static void class_close(struct ws *ws)
{
    const char *name = ws_protocol(ws);
    fprintf(stderr, "closed: %u \"%s\"%s%s\n", ws_code(ws), ws_reason(ws), name ? " " : "", name ? name : "");
}

static int class_idle(struct ws *ws)
{
    return ws_printf(ws, "idle");
}

static const char *const protocols[] = {"chat", NULL};
static const struct ws_class Class = {.options = {.idle_timeout = -1, .protocols = protocols},
                                      .open = class_open,
                                      .message = class_message,
                                      .close = class_close};
static const struct ws_class Pinging = {
    .options = {.idle_timeout = 300}, .message = class_message, .close = class_close};
static const struct ws_class Quick = {.options = {.idle_timeout = 5}, .message = class_message};
static const struct ws_class Idle = {
    .options = {.idle_timeout = 100}, .message = class_message, .idle = class_idle, .close = class_close};
static const struct ws_class Silent = {.options = {.idle_timeout = -1}, .message = class_message};
static const struct ws_class Deflating = {.options = {.idle_timeout = -1, .compression = WS_DEFLATE},
                                          .message = class_message};
static const struct ws_class Repeating = {.options = {.idle_timeout = -1, .compression = WS_DEFLATE_CONTEXT},
                                          .message = class_message};

static int serve_class(struct ss_handler *h)
{
    const char *path = http_request(h)->path;
    return ws_serve(h, strstr(path, "pinging")   ? &Pinging
                       : strstr(path, "quick")   ? &Quick
                       : strstr(path, "idle")    ? &Idle
                       : strstr(path, "silent")  ? &Silent
                       : strstr(path, "deflate") ? &Deflating
                       : strstr(path, "context") ? &Repeating
                                                 : &Class);
}

static const struct path paths[] = {
    {"/echo", echo},        {"/count", count},      {"/begin", begin},     {"/protocol", protocol},
    {"/close", close_it},   {"/wrong", send_wrong}, {"/fail", fail},       {"/flood", flood},
    {"/room", room},        {"/post", post},        {"/publish", publish}, {"/class", serve_class},
    {"/pause", pause_amid}, {"/swallow", swallow},  {"/look", look},       {"/spam", spam},
    {"/keep", keep},        {"/flush", flush},      {NULL, NULL}};

static int do_GET(struct ss_handler *h)
{
    return run_path(h, paths);
}

static const struct http_handler_class WebSockets = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"GET", do_GET}, {"POST", do_GET}),
};

int main(int argc, char **argv)
{
    return run_probe(argc, argv, &WebSockets);
}
