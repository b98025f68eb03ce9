/* SPDX-License-Identifier: MIT */
/* Requests that are answered later, for the tests; what the paths do stands beside them, at the end. */
#include "settings.h"
#include <errno.h>

static int number_after(const struct ss_handler *h, const char *name)
{
    const char *at = strstr(http_request(h)->path, name);
    return at ? (int)strtol(at + strlen(name), NULL, 10) : 0;
}

static bool asks_for(const struct ss_handler *h, const char *word)
{
    return strstr(http_request(h)->path, word);
}

static const char *or_nothing(const char *text)
{
    return text ? text : "-";
}

/* ---- what comes later ---- */

/* All that is known of the request, so that none of it is lost meanwhile. */
static int tell(struct ss_handler *h, const struct ss_message *message)
{
    const struct http_request *request = http_request(h);
    char text[2000], body[10];
    if (!message && asks_for(h, "204"))
        return http_send_response(h, 204, NULL);
    int size =
        snprintf(text, sizeof text, "%.*s|%s|%s|%s|%s|%s|%zu|%s|%s|%d|%zd", message ? (int)message->size : 4,
                 message ? message->data : "none", or_nothing(message ? message->channel : NULL),
                 request->command, request->path, request->host, request->requestline, request->field_count,
                 or_nothing(http_header(h, "x-one")), or_nothing(http_header(h, "X-Empty")), request->minor,
                 ss_read(h->rfile, body, sizeof body));
    return http_reply(h, 200, "text/plain", text, (size_t)size);
}

static int fail(struct ss_handler *h, const struct ss_message *message)
{
    (void)message;
    return asks_for(h, "silent") ? 0 : -EIO;
}

static int upgrade(struct ss_handler *h, const struct ss_message *message)
{
    char line[100];
    ssize_t n;
    (void)message;
    int rc = http_upgrade(h, "echo");
    if (rc < 0)
        return rc;
    while ((n = ss_readline(h->rfile, line, sizeof line)) > 0)
        ss_write(h->wfile, line, (size_t)n);
    return (int)n;
}

/* Answers the third message. */
static int count(struct ss_handler *h, const struct ss_message *message)
{
    int *seen = h->request->data;
    if (message && ++*seen < 3)
        return http_later(h, 20000, count);
    char text[20];
    return http_reply(h, 200, "text/plain", text, (size_t)snprintf(text, sizeof text, "%d", *seen));
}

/* ---- what comes first ---- */

static int wait_for_news(struct ss_handler *h, int (*answer)(struct ss_handler *, const struct ss_message *))
{
    struct ss_ref ref = {0};
    int rc = ss_subscribe(h, "room", asks_for(h, "strict") ? SS_END : SS_DROP_OLDEST);
    if (rc == 0)
        rc = ss_ref(h, &ref);
    if (rc < 0)
        return rc;
    fprintf(stderr, "ref %llu/%u\n", (unsigned long long)ref.number, ref.place);
    int ms = number_after(h, "ms=");
    return http_later(h, ms ? ms : -1, answer);
}

static int poll_news(struct ss_handler *h)
{
    return wait_for_news(h, asks_for(h, "fail") ? fail : asks_for(h, "upgrade") ? upgrade : tell);
}

static void let_go(void *data)
{
    fprintf(stderr, "released %d\n", *(int *)data);
    free(data);
}

static int count_news(struct ss_handler *h)
{
    if (!h->request->data && !(h->request->data = calloc(1, sizeof(int))))
        return -ENOMEM;
    h->request->free_data = let_go;
    *(int *)h->request->data = 0;
    return wait_for_news(h, count);
}

/* Mistakes, and others' answers. */
static int wrong(struct ss_handler *h)
{
    int rc;
    if (asks_for(h, "begun")) {
        http_send_response(h, 200, NULL);
        rc = http_later(h, 1, tell) == -EALREADY;
    } else {
        rc = http_later(h, 1, tell) == SS_PARK && http_later(h, 1, tell) == -EALREADY;
    }
    return http_reply(h, 200, "text/plain", rc ? "refused" : "not refused", rc ? 7 : 11);
}

static int publish(struct ss_handler *h)
{
    char text[20];
    const char *at = http_request(h)->path + strlen("/publish/");
    int rc = ss_publish(h->server, "room", at, strlen(at));
    return http_reply(h, 200, "text/plain", text, (size_t)snprintf(text, sizeof text, "%d", rc));
}

/* /post/NUMBER/PLACE */
static int post(struct ss_handler *h)
{
    char *end, text[20];
    struct ss_ref ref = {.number = strtoull(http_request(h)->path + strlen("/post/"), &end, 10)};
    ref.place = (uint32_t)strtoul(end + 1, NULL, 10);
    int rc = ss_post(h->server, ref, "posted", 6);
    return http_reply(h, 200, "text/plain", text, (size_t)snprintf(text, sizeof text, "%d", rc));
}

static int delegated(struct ss_handler *h);
static const struct http_handler_class Other = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .server_version = "Other",
    .methods = HTTP_METHODS({"GET", delegated}),
};

static int tell_class(struct ss_handler *h, const struct ss_message *message)
{
    return http_class_of(h)->server_version == Other.server_version ? tell(h, message) : -EIO;
}

static int delegated(struct ss_handler *h)
{
    return wait_for_news(h, tell_class);
}

static int delegate(struct ss_handler *h)
{
    return http_delegate(h, &Other);
}

static const struct path paths[] = {
    {"/poll", poll_news}, {"/count", count_news},  {"/wrong", wrong}, {"/publish/", publish},
    {"/post/", post},     {"/delegate", delegate}, {NULL, NULL}};

static int do_GET(struct ss_handler *h)
{
    return run_path(h, paths);
}

static const struct http_handler_class Polls = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"GET", do_GET}, {"POST", do_GET}),
    .delegates = HTTP_DELEGATES(&Other),
};

int main(int argc, char **argv)
{
    return run_probe(argc, argv, &Polls);
}
