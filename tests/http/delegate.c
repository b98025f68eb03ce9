/* SPDX-License-Identifier: MIT */
/* A server whose class hands requests over: /files/ to the directory "files", /drop/ to uploads into "drop",
   and what else there is to delegates that go about it in their own ways. Each slot `before` leaves a letter
   on the instance; GET /.../trail answers with them, and so does a slot that is named in X-Refused-By. */
#include "settings.h"
#include <errno.h>

struct trail {
    struct http_handler handler;
    char letters[16];
};

static struct trail *trail_of(struct ss_handler *h)
{
    return (struct trail *)h;
}

static int leave(struct ss_handler *h, char letter)
{
    char *letters = trail_of(h)->letters;
    size_t size = strlen(letters);
    const char *refused = http_header(h, "X-Refused-By");
    if (size < sizeof trail_of(h)->letters - 1)
        letters[size] = letter;
    if (refused && strchr(refused, letter))
        return http_reply(h, 403, "text/plain", letters, strlen(letters));
    const char *failed = http_header(h, "X-Failed-By"), *hinted = http_header(h, "X-Hinted-By");
    if (hinted && strchr(hinted, letter)) {
        http_send_response(h, 103, NULL);
        return http_end_headers(h);
    }
    return failed && strchr(failed, letter) ? -ENOSPC : 0;
}

#define BEFORE(name, letter)              \
    static int name(struct ss_handler *h) \
    {                                     \
        return leave(h, letter);          \
    }
BEFORE(before_base, 'b')
BEFORE(before_site, 's')
BEFORE(before_files, 'f')
BEFORE(before_drop, 'd')
BEFORE(before_inner, 'i')

static int send_trail(struct ss_handler *h)
{
    const char *letters = trail_of(h)->letters;
    return http_reply(h, 200, "text/plain", letters, strlen(letters));
}

static bool asks_for(const struct ss_handler *h, const char *end)
{
    const char *path = http_request(h)->path;
    size_t size = strlen(path), length = strlen(end);
    return size >= length && strcmp(path + size - length, end) == 0;
}

/* Without a length, so that the head leaves when do_X has returned. */
static int send_short(struct ss_handler *h)
{
    http_send_response(h, 200, NULL);
    http_end_headers(h);
    return ss_printf(h->wfile, "short");
}

static int get_file(struct ss_handler *h)
{
    if (asks_for(h, "/trail"))
        return send_trail(h);
    if (asks_for(h, "/short"))
        return send_short(h);
    return asks_for(h, "/fail") ? -ENOSPC : http_do_GET(h);
}

/* "/files/a" is "a" there. */
static const char *translate_path(struct ss_handler *h, const char *path)
{
    return SimpleHTTPRequestHandler.translate_path(h, strchr(path + 1, '/'));
}

static int write_extra(struct ss_handler *h)
{
    const char *failed = http_header(h, "X-Failed-By");
    return failed && strchr(failed, 'x') ? -ENOSPC : ss_printf(h->wfile, "<p>What is here</p>\n");
}

static int error_page(struct ss_handler *h, int status, const char *message, const char *explain)
{
    (void)message, (void)explain;
    return http_reply(h, status, "text/plain", "files' page", 11);
}

/* What the server's class and its delegates have in common. */
static const struct simple_http_class Base = {
    .http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler, .size = sizeof(struct trail)},
             .table_size = sizeof Base,
             .before = before_base},
    .translate_path = translate_path,
};
static const struct simple_http_class Files = {
    .http = {.handler = {.base = &Base.http.handler},
             .table_size = sizeof Files,
             .methods = HTTP_METHODS({"GET", get_file}),
             .before = before_files,
             .send_error = error_page},
    .directory = "files",
    .cache_seconds = 60,
    .listing_extra = write_extra,
};
static const struct upload_class Drop = {
    .simple = {.http = {.handler = {.base = &UploadHTTPRequestHandler.simple.http.handler},
                        .table_size = sizeof Drop,
                        .max_body = 100000,
                        .before = before_drop},
               .directory = "drop",
               .translate_path = translate_path},
    .max_uploads = 1,
};

/* A body that a coding takes in whole before anything comes out, so that the head leaves when do_X has
 * returned. */
static int get_much(struct ss_handler *h)
{
    unsigned number = 1;
    if (!asks_for(h, "/much"))
        return http_do_GET(h);
    http_send_response(h, 200, NULL);
    http_compress(h);
    http_end_headers(h);
    for (int i = 0; i < 15000; i++)
        ss_printf(h->wfile, "%08x", number = number * 1664525 + 1013904223);
    return 0;
}

static const struct http_handler_class Old = {.handler = {.base = &Base.http.handler},
                                              .table_size = sizeof Old,
                                              .methods = HTTP_METHODS({"GET", get_much}),
                                              .protocol_version = "HTTP/1.0"};

/* A delegate with a delegate. */
static int go_further(struct ss_handler *h)
{
    return http_delegate(h, &Files.http);
}

static const struct http_handler_class Inner = {
    .handler = {.base = &Base.http.handler},
    .table_size = sizeof Inner,
    .methods = HTTP_METHODS({"GET", go_further}),
    .before = before_inner,
    .delegates = HTTP_DELEGATES(&Files.http),
};
static const struct http_handler_class Stranger = {.handler = {.base = &BaseHTTPRequestHandler.handler}};

static int say(struct ss_handler *h, const char *text)
{
    return http_reply(h, 200, "text/plain", text, strlen(text));
}

static int too_late(struct ss_handler *h)
{
    http_send_response(h, 200, NULL);
    int rc = http_delegate(h, &Files.http);
    return say(h, rc == -EALREADY ? "too late" : "?");
}

static int choose(struct ss_handler *h)
{
    static const struct {
        const char *prefix;
        const struct http_handler_class *delegate;
    } delegates[] = {{"/files/", &Files.http},
                     {"/drop/", &Drop.simple.http},
                     {"/old/", &Old},
                     {"/inner/", &Inner},
                     {"/stranger/", &Stranger}};
    const char *path = http_request(h)->path;
    for (size_t i = 0; i < sizeof delegates / sizeof *delegates; i++)
        if (strncmp(path, delegates[i].prefix, strlen(delegates[i].prefix)) == 0)
            return http_delegate(h, delegates[i].delegate);
    if (strcmp(path, "/late") == 0)
        return too_late(h);
    return strcmp(path, "/trail") == 0 ? send_trail(h) : http_send_error(h, 404, NULL, NULL);
}

/* The request is over. */
static void forget(struct ss_handler *h, int status, int64_t size)
{
    http_log_python(h, status, size);
    memset(trail_of(h)->letters, 0, sizeof trail_of(h)->letters);
}

static const struct http_handler_class Site = {
    .handler = {.base = &Base.http.handler},
    .table_size = sizeof Site,
    .name = "Site",
    .methods = HTTP_METHODS({"GET", choose}, {"PUT", choose}, {"POST", choose}, {"DELETE", choose}),
    .before = before_site,
    .log_request = forget,
    .delegates = HTTP_DELEGATES(&Files.http, &Drop.simple.http, &Old, &Inner),
};

int main(int argc, char **argv)
{
    return run_probe(argc, argv, &Site);
}
