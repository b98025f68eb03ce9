/* SPDX-License-Identifier: MIT */
/* Handler classes with everything inherited filled in: the table (inherit.c), and what goes with it
   (class.c). */
#ifndef HTTP_CLASS_H
#define HTTP_CLASS_H

#include "http_server.h"

typedef void http_inherit_function(struct http_handler_class *to, const struct http_handler_class *from);

struct http_class_method {
    size_t size;
    struct http_method method;
};

/* A handler class with everything inherited filled in. */
struct http_class {
    struct http_handler_class *table;   /* as large as the largest of its bases' */
    const struct ss_handler_class *key; /* the class that this resolves */
    struct http_class *next;
    char *texts;              /* the memory of the following ones */
    const char *allow;        /* "GET, HEAD, OPTIONS" */
    const char *server_field; /* "Server: ...\r\n" or "" */
    size_t server_field_size;
    int (**before)(struct ss_handler *); /* the slots of all classes of the chain, base first, ended by NULL;
                                            NULL: there are none */
    const struct http_class **delegates; /* ended by NULL; NULL: there are none */
    bool persistent;                     /* protocol_version is "HTTP/1.1" or later */
    size_t method_count;
    struct http_class_method methods[];
};

/* The resolved class; made once for each class, kept for ever. NULL if out of memory. Any thread. */
const struct http_class *http_class_get(const struct ss_handler_class *key);
/* The class that this resolves, as it was written. */
const struct http_handler_class *http_class_key(const struct http_class *cls);
/* do_X for a method, NULL: none. HEAD falls back on GET. */
int (*http_class_find(const struct http_class *cls, const char *name))(struct ss_handler *);
/* One of its delegates, resolved. NULL: it is none. */
const struct http_class *http_class_delegate(const struct http_class *cls,
                                             const struct ss_handler_class *key);
/* http_class_of, for who needs the options that this `inherit` sees to. A class that has none of them is not
   based on the one that is called `name`: that is said on stderr, and abort(3). */
const struct http_handler_class *http_class_with(const struct ss_handler *h, http_inherit_function *inherit,
                                                 const char *name);

/* A new table with everything inherited filled in; NULL if out of memory. A mistake in a table, which could
   be read past its end, is said on stderr, and abort(3). */
struct http_handler_class *http_class_complete(const struct http_handler_class *cls);
/* The next base up to BaseHTTPRequestHandler, whose is NULL. All of them have a struct http_handler_class. */
const struct http_handler_class *http_class_base(const struct http_handler_class *cls);
bool http_class_is_based_on(const struct ss_handler_class *cls, const struct ss_handler_class *base);
/* BaseHTTPRequestHandler's inherit. */
http_inherit_function http_base_inherit;
/* Says on stderr which class has which mistake, and abort(3). NULL: one whose name cannot be read. */
_Noreturn void http_class_give_up(const struct http_handler_class *cls, const char *format, ...)
    SS_PRINTF(2, 3);

#endif
