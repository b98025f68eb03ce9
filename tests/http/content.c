/* SPDX-License-Identifier: MIT */
/* content [NAME=VALUE...]: handlers that answer with http_send_content and http_evaluate, as one with a
   database would. For the settings see settings.h. */
#include "settings.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define BLOB "0123456789"

static const time_t changed = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */

static int blob(struct ss_handler *h)
{
    return http_send_content(
        h, &(struct http_content){
               .type = "text/plain",
               .data = BLOB,
               .size = sizeof BLOB - 1,
               .validators = {.etag = "\"v7\"", .last_modified = &changed},
               .fields = (const struct http_field[]){{.name = "Cache-Control", .value = "max-age=5"},
                                                     {.name = "Vary", .value = "Accept"},
                                                     {.name = "Content-Language", .value = "de"},
                                                     {.name = "Content-Location", .value = "/b.de"},
                                                     {.name = NULL}},
           });
}

/* The start of the file large.bin in the directory; "?N": that it were N bytes. */
static int from_file(struct ss_handler *h)
{
    const char *query = strchr(http_request(h)->path, '?');
    char *name = ss_format(h, "%s/large.bin", http_simple_class_of(h)->directory);
    int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1, rc;
    if (fd < 0)
        return http_send_error(h, 404, NULL, NULL);
    rc = http_send_content(h, &(struct http_content){.type = "video/mp4",
                                                     .fd = fd,
                                                     .size = query ? strtoll(query + 1, NULL, 10) : 100000,
                                                     .validators = {.etag = "W/\"1\""}});
    close(fd);
    return rc;
}

static int nothing(struct ss_handler *h)
{
    return http_send_content(h, &(struct http_content){.type = "text/plain"});
}

static int malformed(struct ss_handler *h)
{
    struct http_content bad[] = {
        {.type = "text/plain\r\nX: y"},
        {.type = "text/plain", .validators = {.etag = "\"a\"\r\nX: y"}},
        {.type = "text/plain", .size = -1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (http_send_content(h, &bad[i]) != -EINVAL || http_status(h) != 0)
            return -EPROTO;
    return nothing(h);
}

static int busy(struct ss_handler *h)
{
    if (http_error_header(h, "Retry-After", "120") < 0 || http_error_header(h, "X\n", "a") != -EINVAL ||
        http_error_header(h, "X", "a\nb") != -EINVAL)
        return -EPROTO;
    return http_send_error(h, 503, NULL, NULL);
}

static int do_GET(struct ss_handler *h)
{
    static const struct {
        const char *path;
        int (*run)(struct ss_handler *);
    } paths[] = {{"/blob", blob},
                 {"/file", from_file},
                 {"/nothing", nothing},
                 {"/malformed", malformed},
                 {"/busy", busy}};
    size_t size = strcspn(http_request(h)->path, "?");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (strlen(paths[i].path) == size && memcmp(paths[i].path, http_request(h)->path, size) == 0)
            return paths[i].run(h);
    return http_do_GET(h);
}

/* "/blob" is there, "/new" is not. */
static int do_PUT(struct ss_handler *h)
{
    struct http_validators current = {.etag = "\"v7\"", .last_modified = &changed};
    bool exists = strcmp(http_request(h)->path, "/blob") == 0;
    struct http_decision decision;
    if (http_evaluate(http_request(h), exists ? &current : NULL, -1, &decision) == 412)
        return http_send_error(h, 412, NULL, NULL);
    return http_reply(h, exists ? 200 : 201, "text/plain", "stored", 6);
}

/* Another page, and what http_error_header said comes with it. */
static int send_error(struct ss_handler *h, int status, const char *message, const char *explain)
{
    (void)explain;
    http_send_response(h, status, message);
    http_send_header(h, "Content-Type", "text/plain");
    http_end_headers(h);
    return ss_printf(h->wfile, "sorry: %d", status);
}

/* log_request says its line by it, too. */
static void log_message(struct ss_handler *h, const char *text)
{
    (void)h;
    fprintf(stderr, "own: %s\n", text);
}

static const struct simple_http_class Content = {
    .http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler},
             .table_size = sizeof Content,
             .methods = HTTP_METHODS({"GET", do_GET}, {"PUT", do_PUT}),
             .send_error = send_error,
             .log_message = log_message},
    .cache_seconds = 77,
};

int main(int argc, char **argv)
{
    return run_probe(argc, argv, &Content.http);
}
