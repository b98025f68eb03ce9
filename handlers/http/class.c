/* Handler classes with everything that they inherit, found once and kept. */
#include "http/exchange.h"
#include "text/chars.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Classes live as long as the program, and so does this list; entries are only added in front. */
static _Atomic(struct http_class *) classes;

static const struct http_method *own_methods(const struct http_handler_class *cls)
{
    static const struct http_method none[] = {{NULL, NULL}};
    return cls->methods ? cls->methods : none;
}

static struct http_class_method *find(const struct http_class *cls, const char *name, size_t size)
{
    for (size_t i = 0; i < cls->method_count; i++) {
        const struct http_class_method *m = &cls->methods[i];
        if (m->size == size && memcmp(m->method.name, name, size) == 0)
            return (struct http_class_method *)(uintptr_t)m;
    }
    return NULL;
}

static void add_method(struct http_class *cls, const struct http_method *method)
{
    size_t size = strlen(method->name);
    if (!find(cls, method->name, size))
        cls->methods[cls->method_count++] = (struct http_class_method){size, *method};
}

/* HEAD falls back on GET, and stands behind it. */
static void add_head(struct http_class *cls)
{
    struct http_class_method *get = find(cls, "GET", 3);
    if (!get || !get->method.run || find(cls, "HEAD", 4))
        return;
    size_t behind = cls->method_count++ - (size_t)(get + 1 - cls->methods);
    memmove(get + 2, get + 1, behind * sizeof *get);
    get[1] = (struct http_class_method){4, {"HEAD", get->method.run}};
}

/* Writes "name, name" into `text` if it is not NULL; returns the size with NUL. */
static size_t list_methods(const struct http_class *cls, char *text)
{
    size_t size = 0;
    for (size_t i = 0; i < cls->method_count; i++) {
        const struct http_class_method *m = &cls->methods[i];
        if (!m->method.run)
            continue;
        if (text) {
            memcpy(text + size, m->method.name, m->size);
            memcpy(text + size + m->size, ", ", 2);
        }
        size += m->size + 2;
    }
    size = size > 2 ? size - 2 : 0;
    if (text)
        text[size] = 0;
    return size + 1;
}

/* The texts that responses need. A Server field that cannot be sent is left out. */
static int make_texts(struct http_class *cls)
{
    static const char field[] = "\r\nServer: %s\r\n";
    const char *server = cls->table->server_version;
    size_t size = strlen(server), allow = list_methods(cls, NULL);
    char *text = malloc(allow + sizeof field + size);
    if (!text)
        return -ENOMEM;
    list_methods(cls, text);
    cls->allow = text;
    cls->server_field = strcpy(text += allow, "\r\n");
    cls->server_field_size = 2;
    if (size > 0 && http_span(server, size, HTTP_VALUE) == size)
        cls->server_field_size = (size_t)sprintf(text, field, server);
    return 0;
}

static size_t count_methods(const struct http_handler_class *cls)
{
    size_t count = 1; /* HEAD */
    for (; cls; cls = http_class_base(cls))
        for (const struct http_method *m = own_methods(cls); m->name; m++)
            count++;
    return count;
}

static void add_methods(struct http_class *cls, const struct http_handler_class *from)
{
    for (; from; from = http_class_base(from))
        for (const struct http_method *m = own_methods(from); m->name; m++)
            add_method(cls, m);
    add_head(cls);
}

static void free_class(struct http_class *cls)
{
    free(cls->table);
    free(cls);
}

static struct http_class *resolve(const struct http_handler_class *key)
{
    struct http_handler_class *table = http_class_complete(key);
    if (!table)
        return NULL;
    struct http_class *cls = calloc(1, sizeof *cls + count_methods(key) * sizeof *cls->methods);
    if (!cls) {
        free(table);
        return NULL;
    }
    cls->key = &key->handler;
    cls->table = table;
    add_methods(cls, key);
    cls->persistent = strcmp(table->protocol_version, "HTTP/1.1") >= 0;
    if (make_texts(cls) == 0)
        return cls;
    free_class(cls);
    return NULL;
}

/* Two threads may resolve a class at the same time: then it is there twice, which does no harm. */
__attribute__((cold, noinline)) static const struct http_class *add(const struct ss_handler_class *key,
                                                                    struct http_class *first)
{
    struct http_class *cls = resolve((const struct http_handler_class *)(const void *)key);
    if (!cls)
        return NULL;
    cls->next = first;
    while (!atomic_compare_exchange_weak(&classes, &cls->next, cls))
        ;
    return cls;
}

const struct http_class *http_class_get(const struct ss_handler_class *key)
{
    struct http_class *first = atomic_load_explicit(&classes, memory_order_acquire);
    for (struct http_class *cls = first; cls; cls = cls->next)
        if (cls->key == key)
            return cls;
    return add(key, first);
}

int (*http_class_find(const struct http_class *cls, const char *name))(struct ss_handler *)
{
    const struct http_class_method *found = find(cls, name, strlen(name));
    return found ? found->method.run : NULL;
}

const struct http_handler_class *http_class_as(const struct ss_handler *h,
                                               const struct http_handler_class *base)
{
    const struct http_class *cls = http_exchange_of(h)->cls;
    if (!http_class_is_based_on(cls->key, &base->handler))
        http_class_give_up(cls->table, "is not based on %s", base->name);
    return cls->table;
}

const struct http_handler_class *http_class_of(const struct ss_handler *h)
{
    return http_exchange_of(h)->cls->table;
}

const char *http_allow(const struct ss_handler *h)
{
    return http_exchange_of(h)->cls->allow;
}
