/* SPDX-License-Identifier: MIT */
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
    static const char field[] = "Server: %s\r\n";
    const char *server = cls->table->server_version;
    size_t size = strlen(server), allow = list_methods(cls, NULL);
    char *text = malloc(allow + sizeof field + size);
    if (!text)
        return -ENOMEM;
    list_methods(cls, text);
    cls->texts = text;
    cls->allow = text;
    cls->server_field = text += allow;
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

/* The slots `before`, base first. 0 or -ENOMEM. */
static int list_before(struct http_class *cls, const struct http_handler_class *key)
{
    size_t count = 0;
    for (const struct http_handler_class *from = key; from; from = http_class_base(from))
        count += from->before != NULL;
    if (count == 0)
        return 0;
    if (!(cls->before = calloc(count + 1, sizeof *cls->before)))
        return -ENOMEM;
    for (const struct http_handler_class *from = key; from; from = http_class_base(from))
        if (from->before)
            cls->before[--count] = from->before;
    return 0;
}

/* ---------------------------------------------------------------- delegates */

/* The classes that are being resolved, each for the one that delegates to it. */
struct resolving {
    const struct http_handler_class *key;
    const struct resolving *outer;
};

/* A request has one instance, which the server's class has made: one that delegates to a class with another
   instance would have it read what is not there. */
static void check_instance(const struct http_handler_class *cls, const struct http_handler_class *delegate)
{
    const struct http_handler_class *from = delegate;
    for (; from && !http_class_is_based_on(&cls->handler, &from->handler); from = http_class_base(from)) {
        const struct ss_handler_class *own = &from->handler;
        if (own->size || own->setup || own->handle || own->finish)
            http_class_give_up(delegate,
                               "is a delegate, but has an instance (size, setup, handle, finish) that is "
                               "not that of the class that delegates to it");
    }
}

static void check_circle(const struct resolving *outer, const struct http_handler_class *delegate)
{
    for (; outer; outer = outer->outer)
        if (outer->key == delegate)
            http_class_give_up(delegate, "delegates to itself");
}

static const struct http_class *get(const struct ss_handler_class *key, const struct resolving *outer);

/* 0 or -ENOMEM. */
static int list_delegates(struct http_class *cls, const struct resolving *now)
{
    const struct http_handler_class *const *delegates = cls->table->delegates;
    size_t count = 0;
    while (delegates && delegates[count])
        count++;
    if (count == 0)
        return 0;
    if (!(cls->delegates = calloc(count + 1, sizeof *cls->delegates)))
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        check_circle(now, delegates[i]);
        if (!(cls->delegates[i] = get(&delegates[i]->handler, now)))
            return -ENOMEM;
        check_instance(now->key, delegates[i]);
    }
    return 0;
}

const struct http_class *http_class_delegate(const struct http_class *cls, const struct ss_handler_class *key)
{
    const struct http_class **delegate = cls->delegates;
    while (delegate && *delegate && (*delegate)->key != key)
        delegate++;
    return delegate ? *delegate : NULL;
}

/* ---------------------------------------------------------------- all of it */

static void free_class(struct http_class *cls)
{
    free(cls->texts);
    free(cls->before);
    free(cls->delegates);
    free(cls->table);
    free(cls);
}

/* Takes over the table. */
static struct http_class *make_class(const struct resolving *now, struct http_handler_class *table)
{
    struct http_class *cls = calloc(1, sizeof *cls + count_methods(now->key) * sizeof *cls->methods);
    if (!cls) {
        free(table);
        return NULL;
    }
    cls->key = &now->key->handler;
    cls->table = table;
    add_methods(cls, now->key);
    cls->persistent = strcmp(cls->table->protocol_version, "HTTP/1.1") >= 0;
    if (make_texts(cls) == 0 && list_before(cls, now->key) == 0 && list_delegates(cls, now) == 0)
        return cls;
    free_class(cls);
    return NULL;
}

/* Two threads may resolve a class at the same time: then it is there twice, which does no harm. */
__attribute__((cold, noinline)) static const struct http_class *add(const struct ss_handler_class *key,
                                                                    const struct resolving *outer)
{
    const struct resolving now = {(const struct http_handler_class *)(const void *)key, outer};
    struct http_handler_class *table = http_class_complete(now.key);
    struct http_class *cls = table ? make_class(&now, table) : NULL;
    if (!cls)
        return NULL;
    cls->next = atomic_load_explicit(&classes, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&classes, &cls->next, cls))
        ;
    return cls;
}

static const struct http_class *get(const struct ss_handler_class *key, const struct resolving *outer)
{
    for (struct http_class *cls = atomic_load_explicit(&classes, memory_order_acquire); cls; cls = cls->next)
        if (cls->key == key)
            return cls;
    return add(key, outer);
}

const struct http_class *http_class_get(const struct ss_handler_class *key)
{
    return get(key, NULL);
}

const struct http_handler_class *http_class_key(const struct http_class *cls)
{
    return (const struct http_handler_class *)(const void *)cls->key;
}

int (*http_class_find(const struct http_class *cls, const char *name))(struct ss_handler *)
{
    const struct http_class_method *found = find(cls, name, strlen(name));
    return found ? found->method.run : NULL;
}

const struct http_handler_class *http_class_with(const struct ss_handler *h, http_inherit_function *inherit,
                                                 const char *name)
{
    const struct http_class *cls = http_exchange_of(h)->cls;
    const struct http_handler_class *from = http_class_key(cls);
    for (; from->inherit != inherit; from = (const void *)from->handler.base)
        if (from->inherit == http_base_inherit)
            http_class_give_up(cls->table, "is not based on %s", name);
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
