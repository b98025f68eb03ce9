/* SPDX-License-Identifier: MIT */
/* dashboard [ADDRESS [CLASS]]: the server shows its own requests a second, their latency, its connections and
   its memory, as they change. Each page that is open gets the figures of each second as a server-sent event,
   in straight code. Everything else is a file from www/ below the current directory.

   Try:  build/samples/dashboard localhost:8087
   and:  curl http://localhost:8087/ */
#include "event_source.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_ullong requests, microseconds; /* of all requests that have ended, and how long they took */
static atomic_int connections;

static unsigned long memory_now(void) /* KiB that are resident */
{
    char text[100];
    FILE *f = fopen("/proc/self/statm", "re");
    const char *resident = f && fgets(text, sizeof text, f) ? strchr(text, ' ') : NULL;
    if (f)
        fclose(f);
    return resident ? strtoul(resident, NULL, 10) * (unsigned long)sysconf(_SC_PAGESIZE) / 1024 : 0;
}

static int watch(struct ss_handler *h)
{
    struct es *es = NULL;
    unsigned long long before = requests, before_us = microseconds;
    int rc = es_begin(h, NULL, &es);
    while (rc > 0 && (rc = es_wait(es, 1000, NULL)) > 0) {
        unsigned long long count = requests - before, us = microseconds - before_us;
        before += count;
        before_us += us;
        es_printf(es, "figures",
                  "{\"requests\": %llu, \"latency\": %llu, \"connections\": %d, \"memory\": %lu}", count,
                  count ? us / count : 0, connections, memory_now());
    }
    return rc;
}

static int do_GET(struct ss_handler *h)
{
    return strcmp(http_request(h)->path, "/figures") == 0 ? watch(h) : http_do_GET(h);
}

static const char *translate_path(struct ss_handler *h, const char *path)
{
    return strcmp(path, "/") == 0 ? "dashboard.html" : SimpleHTTPRequestHandler.translate_path(h, path);
}

static void log_request(struct ss_handler *h, int status, int64_t size)
{
    (void)status, (void)size;
    if (strcmp(http_request(h)->path, "/figures") == 0)
        return; /* these take as long as somebody looks at the page */
    requests++;
    microseconds += (unsigned long long)http_duration(h);
}

static const struct simple_http_class Handler = {
    .http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler},
             .table_size = sizeof Handler,
             .methods = HTTP_METHODS({"GET", do_GET}),
             .log_request = log_request},
    .directory = "www",
    .translate_path = translate_path,
};

/* The server's class counts its connections. */
static int get_request(struct ss_server *self, struct ss_request *request);
static void close_request(struct ss_server *self, struct ss_request *request);
static const struct ss_class Dashboard = {
    .name = "Dashboard", .base = &HTTPServer, .get_request = get_request, .close_request = close_request};

static int get_request(struct ss_server *self, struct ss_request *request)
{
    int rc = ss_super(self, &Dashboard)->get_request(self, request);
    connections += rc == 0;
    return rc;
}

static void close_request(struct ss_server *self, struct ss_request *request)
{
    connections--;
    ss_super(self, &Dashboard)->close_request(self, request);
}

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Shows its own requests, their latency, its connections and its memory.",
        .address = "localhost:8087",
        .cls = "EventLoopDashboard",
        .own = &Dashboard,
        .scheme = "http",
        .handler = &Handler.http.handler,
    };
    return ss_main(argc, argv, &program);
}
