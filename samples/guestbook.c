/* SPDX-License-Identifier: MIT */
/* guestbook [ADDRESS [CLASS [FILE]]]: GET, POST and files together. / shows the entries and a form, a POST
   adds an entry, and everything else is a file from www/ below the current directory. Each entry is a line of
   FILE, and is added by one write(2), so that threads, processes and loops do not disturb each other.

   Try:  build/samples/guestbook localhost:8080 EventLoop guestbook.txt
   and:  curl -d message=Hello http://localhost:8080/ */
#include "http_server.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ENTRY = 1000 }; /* bytes */
static const char *file = "guestbook.txt";

static int show_entries(struct ss_handler *h)
{
    char line[MAX_ENTRY + 2];
    FILE *f = fopen(file, "re");
    http_send_response(h, 200, NULL);
    http_send_header(h, "Content-Type", "text/html; charset=utf-8");
    http_end_headers(h);
    ss_printf(h->wfile, "<!doctype html><html lang=en><title>Guest book</title>"
                        "<meta name=viewport content='width=device-width'>"
                        "<link rel=stylesheet href=/style.css><main><h1>Guest book</h1><ul>");
    while (f && fgets(line, sizeof line, f))
        ss_printf(h->wfile, "<li>%s", http_escape(h, line));
    if (f)
        fclose(f);
    return ss_printf(h->wfile,
                     "</ul><form method=post action=/><label>Message <input name=message "
                     "maxlength=%d required autofocus></label> <button>Sign</button></form>"
                     "<p><a href=/index.html>Start page</a></main></html>",
                     MAX_ENTRY / 3);
}

static int do_GET(struct ss_handler *h)
{
    return strcmp(http_request(h)->path, "/") ? http_do_GET(h) : show_entries(h);
}

static int do_POST(struct ss_handler *h)
{
    struct http_form *form = NULL;
    struct http_part part;
    char *message = "";
    int rc = http_form_open(h, &form);
    while (rc >= 0 && (rc = http_form_next(form, &part)) > 0)
        if (strcmp(part.name, "message") == 0)
            rc = http_form_value(form, MAX_ENTRY, &message, NULL);
    if (rc < 0)
        return rc; /* answered with 400, 413 or 415 */
    if (!*message)
        return http_send_error(h, 400, NULL, "The form has one field: message.");
    char *line = ss_format(h, "%.*s\n", (int)strcspn(message, "\r\n"), message);
    int fd = line ? open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666) : -1;
    bool written = fd >= 0 && write(fd, line, strlen(line)) > 0;
    if (fd >= 0)
        close(fd);
    if (!written)
        return http_send_error(h, 500, NULL, "The guest book cannot be written.");
    http_send_response(h, 303, NULL); /* "see there": reloading the page does not sign again */
    http_send_header(h, "Location", "/");
    http_send_header(h, "Content-Length", "0");
    return http_end_headers(h);
}

static const struct simple_http_class Guestbook = {
    .http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler},
             .table_size = sizeof Guestbook,
             .methods = HTTP_METHODS({"GET", do_GET}, {"POST", do_POST})},
    .directory = "www",
};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Shows entries and takes new ones, which it keeps in FILE (guestbook.txt).",
        .address = "localhost:8080",
        .cls = "EventLoopHTTPServer",
        .own = &HTTPServer,
        .scheme = "http",
        .argument = "FILE",
        .value = &file,
        .handler = &Guestbook.http.handler,
    };
    return ss_main(argc, argv, &program);
}
