/* The options of SimpleHTTPRequestHandler; its table is in simple_http.c. */
#include "files/class.h"
#include "http/class.h"

void http_simple_inherit(struct http_handler_class *table, const struct http_handler_class *base)
{
    struct simple_http_class *to = (void *)table;
    const struct simple_http_class *from = (const void *)base;
    HTTP_INHERIT(to, from, directory);
    HTTP_INHERIT(to, from, symlinks);
    HTTP_INHERIT(to, from, dotfiles);
    HTTP_INHERIT(to, from, cache_seconds);
    HTTP_INHERIT(to, from, compress);
    HTTP_INHERIT(to, from, siblings);
    HTTP_INHERIT(to, from, file_fields);
    HTTP_INHERIT(to, from, translate_path);
    HTTP_INHERIT(to, from, guess_type);
    HTTP_INHERIT(to, from, list_directory);
    HTTP_INHERIT(to, from, listing_extra);
}

SS_API const struct simple_http_class *http_simple_class_of(const struct ss_handler *h)
{
    return (const void *)http_class_with(h, http_simple_inherit, "SimpleHTTPRequestHandler");
}
