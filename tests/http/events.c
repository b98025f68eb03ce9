/* SPDX-License-Identifier: MIT */
/* Streams of events for the tests; what the paths do stands beside them, at the end. */
#include "event_source.h"
#include <errno.h>

static const struct ss_class Kept = {
    .name = "KeptServer", .base = &HTTPServer, .shared_size = ES_HISTORY_SIZE(2000)};
#define SERVER_CLASS Kept
#include "settings.h"

static int number_after(const struct ss_handler *h, const char *name)
{
    const char *at = strstr(http_request(h)->path, name);
    return at ? (int)strtol(at + strlen(name), NULL, 10) : 0;
}

static bool asks_for(const struct ss_handler *h, const char *word)
{
    return strstr(http_request(h)->path, word);
}

static int begin(struct ss_handler *h, struct es **es)
{
    const struct es_options options = {.retry = (unsigned)number_after(h, "retry="),
                                       .heartbeat = number_after(h, "heartbeat="),
                                       .write_timeout = number_after(h, "patience=")};
    return es_begin(h, &options, es);
}

/* So many events, so many milliseconds apart, of so many digits. */
static int ticks(struct ss_handler *h)
{
    struct es *es;
    int count = number_after(h, "n="), ms = number_after(h, "ms=");
    int rc = begin(h, &es);
    for (int i = 1; rc > 0 && i <= count; i++)
        if ((rc = es_printf(es, "tick", "%0*d", number_after(h, "width="), i)) == 0)
            rc = es_wait(es, ms, NULL);
    return rc < 0 ? rc : 0;
}

/* All there is in an event. */
static int fields(struct ss_handler *h)
{
    struct es *es;
    int rc = begin(h, &es);
    if (rc <= 0)
        return rc;
    es_send(es, &(struct es_event){.id = "a:b c", .event = "x", .data = "one\ntwo\r\n\rfour\n", .retry = 70});
    es_send(es, &(struct es_event){.data = ""});
    es_send(es, &(struct es_event){.id = ""});
    es_send(es, &(struct es_event){.retry = UINT32_MAX});
    es_send(es, &(struct es_event){.event = "Grüße", .data = " \xF0\x9F\x8C\x8D"});
    es_comment(es, "a\n\nb");
    es_printf(es, NULL, "%03000d", 7);
    const struct es_event wrong[] = {
        {.retry = 0},     {.id = "a\nb", .data = "x"},    {.id = "a\r"},         {.event = "\n", .data = "x"},
        {.data = "\x80"}, {.event = "\xff", .data = "x"}, {.id = "\xed\xa0\x80"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        es_printf(es, "wrong", "%d", es_send(es, &wrong[i]));
    es_printf(es, "wrong", "%d", es_comment(es, "\xff"));
    es_printf(es, "id", "%s", es_last_id(es));
    es_flush(es);
    es_end(es);
    int after = es_printf(es, NULL, "x"), flushed = es_flush(es), waited = es_wait(es, -1, NULL);
    fprintf(stderr, "after the end: %d %d %d %d\n", after, flushed, waited, es_end(es));
    return 0;
}

/* Begins it with a head of its own. */
static int headed(struct ss_handler *h)
{
    struct es *es;
    http_send_response(h, asks_for(h, "404") ? 404 : 200, NULL);
    http_send_header(h, "Access-Control-Allow-Origin", "*");
    if (asks_for(h, "length"))
        http_send_header(h, "Content-Length", "100");
    if (asks_for(h, "compress"))
        http_compress(h);
    int rc = begin(h, &es);
    if (rc == -EALREADY)
        return http_end_headers(h);
    return rc <= 0 ? rc : es_printf(es, NULL, "%02000d", 7);
}

static int fail(struct ss_handler *h)
{
    struct es *es;
    int rc = begin(h, &es);
    if (rc > 0)
        es_printf(es, NULL, "one");
    return rc < 0 ? rc : -EIO;
}

/* Sends without end, to a client that does not read. */
static int flood(struct ss_handler *h)
{
    struct es *es;
    int rc = begin(h, &es);
    while (rc > 0 && (rc = es_printf(es, NULL, "%065536d", 7)) == 0)
        rc = es_wait(es, 0, NULL);
    fprintf(stderr, "flood: %d\n", rc);
    return rc;
}

/* ---- what others send ---- */

static int introduce(struct es *es)
{
    struct ss_ref ref = {0};
    int rc = es_server(es) == es_handler(es)->server ? ss_subscribe(es_handler(es), "room", SS_END) : -EIO;
    if (rc == 0)
        rc = ss_ref(es_handler(es), &ref);
    return rc < 0 ? rc : es_printf(es, "ref", "%llu/%u", (unsigned long long)ref.number, ref.place);
}

static int pass_on(struct es *es, const struct ss_message *message)
{
    if (message->size == 3 && memcmp(message->data, "end", 3) == 0)
        return es_end(es);
    if (message->size == 4 && memcmp(message->data, "fail", 4) == 0)
        return -EIO;
    return es_printf(es, "message", "%s %.*s", message->channel ? message->channel : "-", (int)message->size,
                     message->data);
}

static int room(struct ss_handler *h)
{
    struct es *es;
    struct ss_message message = {0};
    int rc = begin(h, &es);
    if (rc <= 0 || (rc = introduce(es)) < 0)
        return rc;
    while (rc >= 0 && (rc = es_wait(es, -1, asks_for(h, "deaf") ? NULL : &message)) > 0)
        rc = pass_on(es, &message);
    fprintf(stderr, "room: %d\n", rc);
    return rc;
}

static void let_go(void *context)
{
    fprintf(stderr, "released %s\n", (char *)context);
}

static int class_open(struct es *es)
{
    es_set_context(es, "context", let_go);
    return introduce(es);
}

static void class_close(struct es *es)
{
    fprintf(stderr, "closed %s, %s\n", (char *)es_context(es),
            es_handler(es) ? "well" : "while it was parked");
}

static int class_idle(struct es *es)
{
    return es_printf(es, "idle", "%s", es_last_id(es));
}

static int class_fail(struct es *es)
{
    (void)es;
    return -EIO;
}

static const struct es_class Class = {.open = class_open, .message = pass_on, .close = class_close};
static const struct es_class Beating = {.options = {.heartbeat = 100}, .close = class_close};
static const struct es_class Idle = {.options = {.heartbeat = 100}, .idle = class_idle};
static const struct es_class Deaf = {.options = {.retry = 5, .write_timeout = 300}, .open = introduce};
static const struct es_class Failing = {.open = class_fail, .close = class_close};

static int serve_class(struct ss_handler *h)
{
    return es_serve(h, asks_for(h, "beating")   ? &Beating
                       : asks_for(h, "idle")    ? &Idle
                       : asks_for(h, "deaf")    ? &Deaf
                       : asks_for(h, "failing") ? &Failing
                                                : &Class);
}

static int answer(struct ss_handler *h, int number)
{
    char text[20];
    return http_reply(h, 200, "text/plain", text, (size_t)snprintf(text, sizeof text, "%d", number));
}

/* The body as an event; else "posted". */
static int read_event(struct ss_handler *h, struct es_event *event)
{
    char *data;
    int rc = http_read_body(h, 100000, &data, NULL);
    if (rc < 0)
        return rc;
    *event = (struct es_event){.event = "news", .data = *data ? data : "posted"};
    return 0;
}

static int post(struct ss_handler *h)
{
    char *end;
    struct ss_ref ref = {.number = strtoull(http_request(h)->path + 6, &end, 10)};
    ref.place = (uint32_t)strtoul(end + 1, NULL, 10);
    struct es_event event;
    int rc = read_event(h, &event);
    if (rc < 0)
        return rc;
    return answer(h, asks_for(h, "plain") ? ss_post(h->server, ref, event.data, strlen(event.data))
                                          : es_post(h->server, ref, &event));
}

static int publish(struct ss_handler *h)
{
    struct es_event event;
    int rc = read_event(h, &event);
    if (rc < 0)
        return rc;
    return answer(h, asks_for(h, "plain") ? ss_publish(h->server, "room", event.data, strlen(event.data))
                                          : es_publish(h->server, "room", &event));
}

/* ---- what was missed ---- */

static const char *channel_of(const struct ss_handler *h)
{
    return asks_for(h, "other") ? "other" : "room";
}

static int keep(struct ss_handler *h)
{
    struct es_event event;
    int rc = read_event(h, &event);
    event.id = asks_for(h, "id") ? "own" : NULL;
    return rc < 0 ? rc : answer(h, es_keep(h->server, &Kept, channel_of(h), &event));
}

static int follow_class(struct es *es)
{
    const struct ss_handler *h = es_handler(es);
    return es_printf(es, "known", "%d", es_follow(es, &Kept, channel_of(h), asks_for(h, "all")));
}

static const struct es_class Following = {.open = follow_class};

static int follow(struct ss_handler *h)
{
    struct es *es;
    if (asks_for(h, "class"))
        return es_serve(h, &Following);
    int rc = begin(h, &es);
    if (rc > 0)
        rc = follow_class(es);
    return rc < 0 ? rc : es_wait(es, -1, NULL);
}

static int subscribers(struct ss_handler *h)
{
    return answer(h, ss_subscribers(h->server, channel_of(h)));
}

static const struct path paths[] = {{"/ticks", ticks}, {"/fields", fields},   {"/headed", headed},
                                    {"/fail", fail},   {"/flood", flood},     {"/room", room},
                                    {"/post", post},   {"/publish", publish}, {"/class", serve_class},
                                    {"/keep", keep},   {"/follow", follow},   {"/subscribers", subscribers},
                                    {NULL, NULL}};

static int do_GET(struct ss_handler *h)
{
    return run_path(h, paths);
}

static const struct http_handler_class Events = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"GET", do_GET}, {"POST", do_GET}),
};

int main(int argc, char **argv)
{
    return run_probe(argc, argv, &Events);
}
