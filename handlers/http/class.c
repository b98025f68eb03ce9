/* What a handler class inherits, found once and kept. */
#include "http/exchange.h"
#include "text/chars.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Classes live as long as the program, and so does this list; entries are only added in front. */
static _Atomic(struct http_class *) classes;

#define INHERIT(slot) \
    if (!to->slot)    \
    to->slot = from->slot

static void inherit_handler(struct ss_handler_class *to, const struct ss_handler_class *from)
{
    for (; from; from = from->base) {
        INHERIT(size);
        INHERIT(setup);
        INHERIT(handle);
        INHERIT(finish);
    }
}

static void inherit(struct http_handler_class *to, const struct http_handler_class *from)
{
    INHERIT(protocol_version);
    INHERIT(server_version);
    INHERIT(directory);
    INHERIT(symlinks);
    INHERIT(dotfiles);
    INHERIT(max_request_line);
    INHERIT(max_head);
    INHERIT(max_headers);
    INHERIT(max_body);
    INHERIT(head_timeout);
    INHERIT(idle_timeout);
    INHERIT(cache_seconds);
    INHERIT(compress);
    INHERIT(siblings);
    INHERIT(send_error);
    INHERIT(log_request);
    INHERIT(log_error);
    INHERIT(log_message);
    INHERIT(translate_path);
    INHERIT(guess_type);
    INHERIT(list_directory);
    INHERIT(on_duplicate);
    INHERIT(reserved);
    INHERIT(max_uploads);
    INHERIT(max_receiving);
    INHERIT(min_free);
}

/* A class's own table begins with its ss_handler_class, up to BaseHTTPRequestHandler. */
static const struct http_handler_class *next_base(const struct http_handler_class *cls)
{
    if (cls == &BaseHTTPRequestHandler)
        return NULL;
    return (const struct http_handler_class *)(const void *)cls->handler.base;
}

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

/* What others have stored is taken for nothing but what its type says, and as a page it runs nothing in the
   name of this site. */
static const char sandbox[] = "X-Content-Type-Options: nosniff\r\nContent-Security-Policy: sandbox\r\n";

bool http_class_stores(const struct ss_handler_class *cls)
{
    while (cls && cls != &UploadHTTPRequestHandler.handler)
        cls = cls->base;
    return cls != NULL;
}

/* The fields of files besides their own. */
static size_t write_file_fields(const struct http_class *cls, char *text)
{
    int seconds = cls->table.cache_seconds;
    int size = seconds > 0 ? sprintf(text, "Cache-Control: max-age=%d\r\n", seconds)
                           : sprintf(text, "Cache-Control: no-cache\r\n");
    bool stores = http_class_stores(cls->key);
    if (stores)
        memcpy(text + size, sandbox, sizeof sandbox);
    return (size_t)size + (stores ? sizeof sandbox - 1 : 0);
}

/* The texts that responses need. A Server field that cannot be sent is left out. */
static int make_texts(struct http_class *cls)
{
    static const char status[] = "HTTP/1.1 200 OK\r\n", field[] = "Server: %s\r\n";
    const char *server = cls->table.server_version;
    size_t size = strlen(server), allow = list_methods(cls, NULL);
    char *text = malloc(allow + sizeof status + sizeof field + size +
                        sizeof "Cache-Control: max-age=2147483647\r\n" + sizeof sandbox);
    if (!text)
        return -ENOMEM;
    list_methods(cls, text);
    cls->allow = text;
    cls->ok = memcpy(text += allow, status, sizeof status);
    text[7] = cls->persistent ? '1' : '0';
    cls->server_field = text += sizeof status - 1;
    if (size > 0 && http_span(server, size, HTTP_VALUE) == size)
        cls->server_field_size = (size_t)sprintf(text, field, server);
    cls->ok_size = sizeof status - 1 + cls->server_field_size;
    cls->cache_field = text += cls->server_field_size + 1;
    cls->cache_field_size = write_file_fields(cls, text);
    return 0;
}

static size_t count_methods(const struct http_handler_class *cls)
{
    size_t count = 1; /* HEAD */
    for (; cls; cls = next_base(cls))
        for (const struct http_method *m = own_methods(cls); m->name; m++)
            count++;
    return count;
}

static void inherit_all(struct http_class *cls, const struct http_handler_class *from)
{
    for (; from; from = next_base(from)) {
        inherit(&cls->table, from);
        for (const struct http_method *m = own_methods(from); m->name; m++)
            add_method(cls, m);
    }
    add_head(cls);
}

static struct http_class *resolve(const struct http_handler_class *key)
{
    struct http_class *cls = calloc(1, sizeof *cls + count_methods(key) * sizeof *cls->methods);
    if (!cls)
        return NULL;
    cls->key = &key->handler;
    cls->table.handler.base = key->handler.base;
    cls->table.methods = key->methods;
    inherit_handler(&cls->table.handler, &key->handler);
    inherit_all(cls, key);
    cls->persistent = strcmp(cls->table.protocol_version, "HTTP/1.1") >= 0;
    if (make_texts(cls) < 0) {
        free(cls);
        return NULL;
    }
    return cls;
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

const struct http_handler_class *http_class_of(const struct ss_handler *h)
{
    return &http_exchange_of(h)->cls->table;
}

const char *http_allow(const struct ss_handler *h)
{
    return http_exchange_of(h)->cls->allow;
}
