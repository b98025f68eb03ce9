/* Handler classes with everything inherited filled in (class.c). */
#ifndef HTTP_CLASS_H
#define HTTP_CLASS_H

#include "http_server.h"

struct http_class_method {
    size_t size;
    struct http_method method;
};

/* A handler class with everything inherited filled in. */
struct http_class {
    struct http_handler_class table;
    const struct ss_handler_class *key; /* the class that this resolves */
    struct http_class *next;
    const char *allow;        /* "GET, HEAD, OPTIONS" */
    const char *server_field; /* "Server: ...\r\n" or "" */
    size_t server_field_size;
    const char *ok; /* "HTTP/1.1 200 OK\r\n" and server_field */
    size_t ok_size;
    const char *cache_field; /* fields of files: "Cache-Control: ...\r\n", where files are taken also
                                what keeps them in a sandbox */
    size_t cache_field_size;
    bool persistent; /* protocol_version is "HTTP/1.1" or later */
    size_t method_count;
    struct http_class_method methods[];
};

/* The resolved class; made once for each class, kept for ever. NULL if out of memory. Any thread. */
const struct http_class *http_class_get(const struct ss_handler_class *key);
/* True for a class based on UploadHTTPRequestHandler. */
bool http_class_stores(const struct ss_handler_class *cls);
/* do_X for a method, NULL: none. HEAD falls back on GET. */
int (*http_class_find(const struct http_class *cls, const char *name))(struct ss_handler *);

#endif
