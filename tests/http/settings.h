/* SPDX-License-Identifier: MIT */
/* What the programs of this directory have in common: they serve HTTP on 127.0.0.1 with a port of the
   kernel's choice, print their URL, and take their settings from the command line as NAME=VALUE:

     mixin=a,b masked=left|right workers=N directory=DIR protocol=HTTP/1.0 server=NAME max_body=BYTES
     head_timeout=MS idle_timeout=MS request_timeout=MS write_timeout=MS shutdown_timeout=MS
     min_rate=BYTES rate_window=MS max_requests=N
     mime_types=FILE log=FORMAT compress=all */
#ifndef TESTS_HTTP_SETTINGS_H
#define TESTS_HTTP_SETTINGS_H

#include "../masked.h"
#include "http_server.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A program may define another class that is based on this one. */
#ifndef SERVER_CLASS
#define SERVER_CLASS HTTPServer
#endif

static int serve_forever(struct ss_server *self);
static const struct ss_class Banner = {.name = "BannerMixIn", .serve_forever = serve_forever};

static int serve_forever(struct ss_server *self)
{
    printf("http://127.0.0.1:%u/\n", ss_address_port(&self->server_address));
    fflush(stdout);
    return ss_super(self, &Banner)->serve_forever(self);
}

/* What a program does for requests whose path begins so; an array of them ends with {NULL, NULL}. */
struct path {
    const char *begins;
    int (*run)(struct ss_handler *h);
};

/* Answers as the first path says that fits, or with the path itself. */
static inline int run_path(struct ss_handler *h, const struct path *paths)
{
    const char *path = http_request(h)->path;
    for (; paths->begins; paths++)
        if (strncmp(path, paths->begins, strlen(paths->begins)) == 0)
            return paths->run(h);
    return http_reply(h, 200, "text/plain", path, strlen(path));
}

/* What "NAME=" says; NULL: nothing. */
static char *setting_of(int argc, char **argv, const char *name)
{
    size_t size = strlen(name);
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], name, size) == 0)
            return argv[i] + size;
    return NULL;
}

/* Banner, the mix-ins "a,b", and HTTPServer; and among them, if asked for, the one that masks every byte. */
static void set_bases(const struct ss_class **bases, char *mixins, const char *masked)
{
    *bases++ = &Banner;
    if (masked && strcmp(masked, "left") == 0)
        *bases++ = &Masking;
    for (char *name = strtok(mixins, ","); name; name = strtok(NULL, ","))
        if ((*bases = ss_mixin(name)))
            bases++;
    if (masked && strcmp(masked, "right") == 0)
        *bases++ = &Masking;
    *bases++ = &SERVER_CLASS;
    *bases = NULL;
}

static struct simple_http_class handler;

static void set(struct ss_server *server, const char *name, const char *value)
{
    int number = (int)strtol(value, NULL, 10);
    if (strcmp(name, "head_timeout") == 0)
        handler.http.head_timeout = number;
    else if (strcmp(name, "idle_timeout") == 0)
        handler.http.idle_timeout = number;
    else if (strcmp(name, "request_timeout") == 0)
        server->request_timeout = number;
    else if (strcmp(name, "min_rate") == 0)
        server->min_rate = (unsigned)number;
    else if (strcmp(name, "rate_window") == 0)
        server->rate_window = number;
    else if (strcmp(name, "write_timeout") == 0)
        server->write_timeout = number;
    else if (strcmp(name, "shutdown_timeout") == 0)
        server->shutdown_timeout = number;
    else if (strcmp(name, "workers") == 0)
        server->workers = (unsigned)number;
    else if (strcmp(name, "max_requests") == 0)
        server->max_requests = (unsigned)number;
    else if (strcmp(name, "max_body") == 0)
        handler.http.max_body = number;
    else if (strcmp(name, "protocol") == 0)
        handler.http.protocol_version = value;
    else if (strcmp(name, "mime_types") == 0)
        http_init_types(value);
    else if (strcmp(name, "log") == 0)
        handler.http.log_request = strcmp(value, "python") == 0     ? http_log_python
                                   : strcmp(value, "common") == 0   ? http_log_common
                                   : strcmp(value, "combined") == 0 ? http_log_combined
                                                                    : http_log_json;
    else if (strcmp(name, "compress") == 0)
        handler.compress = HTTP_COMPRESS_ALL;
    else if (strcmp(name, "server") == 0)
        handler.http.server_version = value;
    else if (strcmp(name, "directory") == 0)
        handler.directory = value;
}

static bool serves_files(const struct ss_handler_class *cls)
{
    while (cls && cls != &SimpleHTTPRequestHandler.http.handler)
        cls = cls->base;
    return cls;
}

static inline int run_probe(int argc, char **argv, const struct http_handler_class *cls)
{
    const struct ss_class *bases[SS_MAX_BASES + 1];
    char eventloop[] = "eventloop", *mixins = setting_of(argc, argv, "mixin=");
    struct ss_server server;
    handler.http.handler.base = &cls->handler;
    handler.http.table_size = serves_files(&cls->handler) ? sizeof handler : sizeof handler.http;
    set_bases(bases, mixins ? mixins : eventloop, setting_of(argc, argv, "masked="));
    int rc = ss_server_init(&server, bases, "127.0.0.1:0", &handler.http.handler);
    for (int i = 1; rc == 0 && i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value) {
            *value = 0;
            set(&server, argv[i], value + 1);
        }
    }
    if (rc == 0)
        rc = ss_server_bind(&server);
    if (rc == 0)
        rc = ss_run_server(&server);
    ss_server_close(&server);
    if (rc < 0)
        fprintf(stderr, "http: cannot serve: %s\n", strerror(-rc));
    return rc < 0 ? 1 : rc;
}

#endif
