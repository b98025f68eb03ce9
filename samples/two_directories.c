/* SPDX-License-Identifier: MIT */
/* two_directories [ADDRESS [CLASS]]: one server, two handler classes with a directory each. The server's own
   class hands each request to one of them. Only clients on this machine get anything from the directory with
   the sources. The directories are samples/ and www/ below the current one.

   Try:  build/samples/two_directories localhost:8083
   and:  curl http://localhost:8083/style.css
         curl http://localhost:8083/source/two_directories.c */
#include "http_server.h"
#include <arpa/inet.h>
#include <string.h>

/* Runs ahead of every do_X of the class. If it begins a response, that is the answer, and do_X is not
   called. */
static int only_from_here(struct ss_handler *h)
{
    const struct ss_address *client = &h->client_address;
    bool is_ipv4 = client->u.any.sa_family == AF_INET;
    if (is_ipv4 ? client->u.in.sin_addr.s_addr == htonl(INADDR_LOOPBACK)
                : IN6_IS_ADDR_LOOPBACK(&client->u.in6.sin6_addr))
        return 0;
    return http_send_error(h, 403, NULL, "The sources are for this machine only");
}

/* "/source/hello.c" is "hello.c" in the directory. `path` begins with "/source/" here, as do_GET below hands
   over nothing else. */
static const char *translate_path(struct ss_handler *h, const char *path)
{
    return SimpleHTTPRequestHandler.translate_path(h, strchr(path + 1, '/'));
}

static const struct simple_http_class Sources = {
    .http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler},
             .table_size = sizeof Sources,
             .before = only_from_here},
    .directory = "samples",
    .translate_path = translate_path,
};

static const struct simple_http_class Pages = {
    .http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler}, .table_size = sizeof Pages},
    .directory = "www",
};

static int do_GET(struct ss_handler *h)
{
    bool source = strncmp(http_request(h)->path, "/source/", 8) == 0;
    return http_delegate(h, source ? &Sources.http : &Pages.http);
}

static const struct http_handler_class Site = {
    .handler = {.base = &BaseHTTPRequestHandler.handler},
    .methods = HTTP_METHODS({"GET", do_GET}),
    .delegates = HTTP_DELEGATES(&Sources.http, &Pages.http),
};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Serves www/, and samples/ below /source/ to clients on this machine.",
        .address = "localhost:8083",
        .cls = "EventLoopHTTPServer",
        .own = &HTTPServer,
        .scheme = "http",
        .handler = &Site.handler,
    };
    return ss_main(argc, argv, &program);
}
