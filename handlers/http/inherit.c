/* SPDX-License-Identifier: MIT */
/* The table of a handler class with everything that it inherits. Tables of different classes have different
   sizes: a class with options of its own has a slot `inherit`, and what it reads is there only in tables that
   are large enough. So each table is looked at before it is read. */
#include "http/class.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

_Noreturn void http_class_give_up(const struct http_handler_class *cls, const char *format, ...)
{
    char mistake[200];
    va_list arguments;
    const char *based = cls && !cls->name ? "a class based on " : "";
    while (cls && !cls->name)
        cls = http_class_base(cls);
    va_start(arguments, format);
    vsnprintf(mistake, sizeof mistake, format, arguments);
    va_end(arguments);
    fprintf(stderr, "http_server: %s%s %s\n", based, cls ? cls->name : "a handler class", mistake);
    abort();
}

const struct http_handler_class *http_class_base(const struct http_handler_class *cls)
{
    const struct ss_handler_class *base = cls->handler.base;
    return base == &StreamRequestHandler ? NULL : (const struct http_handler_class *)(const void *)base;
}

bool http_class_is_based_on(const struct ss_handler_class *cls, const struct ss_handler_class *base)
{
    while (cls && cls != base)
        cls = cls->base;
    return cls != NULL;
}

static void refuse_circle(const struct ss_handler_class *cls)
{
    const struct ss_handler_class *half_as_fast = cls;
    while (cls && cls->base) {
        half_as_fast = half_as_fast->base;
        cls = cls->base->base;
        if (cls && cls == half_as_fast)
            http_class_give_up(NULL, "is based on itself");
    }
}

/* BaseHTTPRequestHandler is the one below StreamRequestHandler, and known by its inherit: its table stands in
   a file that needs this one. */
static void refuse_stranger(const struct http_handler_class *cls)
{
    while (cls->handler.base && http_class_base(cls))
        cls = http_class_base(cls);
    if (!cls->handler.base || cls->inherit != http_base_inherit)
        http_class_give_up(NULL, "is not based on BaseHTTPRequestHandler");
}

/* The size that is said, or, where no base has options of its own, that all tables have. */
static size_t size_of(const struct http_handler_class *cls)
{
    return cls->table_size ? cls->table_size : sizeof *cls;
}

static bool is_size_of_base(const struct http_handler_class *cls, size_t size)
{
    while ((cls = http_class_base(cls)))
        if (cls->inherit && size_of(cls) == size)
            return true;
    return false;
}

/* Returns the size of the complete table: that of the last class with options of its own. */
static size_t check(const struct http_handler_class *cls)
{
    const struct http_handler_class *base = http_class_base(cls);
    size_t full = base ? check(base) : sizeof *cls, size = size_of(cls);
    if (!cls->table_size && full > sizeof *cls)
        http_class_give_up(cls, "has a base with options of its own, and does not say its table_size");
    if (cls->inherit && size < full)
        http_class_give_up(cls, "has a slot inherit, and a smaller table than its base");
    if (!cls->inherit && !is_size_of_base(cls, size))
        http_class_give_up(cls, "has a table_size that is not the size of any base's table");
    return cls->inherit ? size : full;
}

static void inherit_handler(struct ss_handler_class *to, const struct ss_handler_class *from)
{
    to->base = from->base;
    for (; from; from = from->base) {
        HTTP_INHERIT(to, from, size);
        HTTP_INHERIT(to, from, setup);
        HTTP_INHERIT(to, from, handle);
        HTTP_INHERIT(to, from, finish);
    }
}

void http_base_inherit(struct http_handler_class *to, const struct http_handler_class *from)
{
    HTTP_INHERIT(to, from, protocol_version);
    HTTP_INHERIT(to, from, server_version);
    HTTP_INHERIT(to, from, max_request_line);
    HTTP_INHERIT(to, from, max_head);
    HTTP_INHERIT(to, from, max_headers);
    HTTP_INHERIT(to, from, max_body);
    HTTP_INHERIT(to, from, head_timeout);
    HTTP_INHERIT(to, from, idle_timeout);
    HTTP_INHERIT(to, from, delegates);
    HTTP_INHERIT(to, from, send_error);
    HTTP_INHERIT(to, from, log_request);
    HTTP_INHERIT(to, from, log_error);
    HTTP_INHERIT(to, from, log_message);
}

/* Lets each class with options of its own take them from `from`, if it has them. */
static void inherit_options(struct http_handler_class *to, const struct http_handler_class *cls,
                            const struct http_handler_class *from)
{
    for (; cls; cls = http_class_base(cls))
        if (cls->inherit && size_of(from) >= size_of(cls))
            cls->inherit(to, from);
}

struct http_handler_class *http_class_complete(const struct http_handler_class *cls)
{
    refuse_circle(&cls->handler);
    refuse_stranger(cls);
    size_t size = check(cls);
    struct http_handler_class *table = calloc(1, size);
    if (!table)
        return NULL;
    table->table_size = size;
    table->name = cls->name;
    table->methods = cls->methods;
    table->before = cls->before;
    table->server_activate = cls->server_activate;
    table->server_close = cls->server_close;
    inherit_handler(&table->handler, &cls->handler);
    for (const struct http_handler_class *from = cls; from; from = http_class_base(from))
        inherit_options(table, cls, from);
    return table;
}
