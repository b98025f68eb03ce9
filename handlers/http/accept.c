/* SPDX-License-Identifier: MIT */
/* The Accept field; see accept.h. */
#include "http/accept.h"

#include "http_server.h"
#include "text/chars.h"
#include <string.h>

/* The comma behind an element, which may have commas in quoted strings; the end if one is not closed. */
static const char *element_end(const char *at)
{
    while (*(at += strcspn(at, ",\"")) == '"') {
        size_t size = http_quoted_span(at);
        at += size ? size : strlen(at);
    }
    return at;
}

/* Reads ";name=value" parameters up to `end`. Returns the value of q, 1000 without one, -1 if malformed. */
static int parse_parameters(const char *at, const char *end)
{
    int quality = 1000;
    while ((at = http_skip_space(at, end)) < end) {
        if (*at++ != ';')
            return -1;
        const char *name = at = http_skip_space(at, end);
        if (at == end || *at == ';') /* an empty parameter */
            continue;
        size_t size = http_span(name, (size_t)(end - name), HTTP_TOKEN);
        if (size == 0 || name[size] != '=')
            return -1;
        const char *value = name + size + 1;
        at = value +
             (*value == '"' ? http_quoted_span(value) : http_span(value, (size_t)(end - value), HTTP_TOKEN));
        if (at == value)
            return -1;
        if (http_is_word(name, size, "q")) {
            quality = http_read_qvalue(value, (size_t)(at - value));
            if (quality < 0)
                return -1;
        }
    }
    return quality;
}

/* How precisely a range of `size` bytes stands for `type`; 0: not at all. */
static int precision_of(const char *range, size_t size, const char *type)
{
    size_t major = strcspn(type, "/") + 1;
    if (size == 3 && memcmp(range, "*/*", 3) == 0)
        return 1;
    if (size == major + 1 && range[major] == '*' && strncasecmp(range, type, major) == 0)
        return 2;
    return http_is_word(range, size, type) ? 3 : 0;
}

void http_accept_find(const char *field, const char *type, struct http_accept *accept)
{
    while (*(field += strspn(field, ", \t")) != '\0') {
        const char *end = element_end(field);
        size_t size = strcspn(field, ";, \t");
        int precision = precision_of(field, size, type);
        if (precision >= accept->precision && precision > 0) {
            int quality = parse_parameters(field + size, end);
            /* of equals the better one: order has no meaning here */
            if (quality >= 0 && (precision > accept->precision || quality > accept->quality))
                *accept = (struct http_accept){quality, precision};
        }
        field = end;
    }
}

static struct http_accept accept_of(const struct ss_handler *h, const char *type)
{
    const struct http_request *request = http_request(h);
    struct http_accept accept = {0, 0};
    for (size_t i = 0; i < request->field_count; i++)
        if (strcasecmp(request->fields[i].name, "Accept") == 0)
            http_accept_find(request->fields[i].value, type, &accept);
    return accept;
}

size_t http_accept_best(const struct ss_handler *h, const char *const *types, size_t count)
{
    struct http_accept best = {0, 0};
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        struct http_accept accept = accept_of(h, types[i]);
        if (accept.quality > best.quality ||
            (accept.quality > 0 && accept.quality == best.quality && accept.precision > best.precision)) {
            best = accept;
            found = i;
        }
    }
    return found;
}
