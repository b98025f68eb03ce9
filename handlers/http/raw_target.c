/* SPDX-License-Identifier: MIT */
/* Request lines with bytes from 0x80 up, as busybox and curl send them: they are encoded, which makes path
   and query what RFC 3986 knows. */
#include "http/head.h"
#include "text/chars.h"
#include "text/url.h"
#include <string.h>
#include <strings.h>

bool http_is_absolute(const char *target, size_t *scheme_size)
{
    *scheme_size = strncasecmp(target, "https://", 8) == 0 ? 8 : 7;
    return *scheme_size == 8 || strncasecmp(target, "http://", 7) == 0;
}

bool http_is_raw(char c)
{
    return (unsigned char)c >= 0x80;
}

/* How much of the target stands before its path: nothing is encoded there. The target ends with a space or
   another byte that ends it. */
static size_t before_path(const char *target, size_t size)
{
    size_t scheme_size = 0, at;
    if (size > 0 && *target == '/')
        return 0;
    if (size < 8 || !http_is_absolute(target, &scheme_size))
        return size;
    for (at = scheme_size; at < size && target[at] != '/' && target[at] != '?'; at++)
        ;
    return at;
}

/* Path and query of the request line: where they begin, and how long they are. */
static const char *find_path(const char *line, size_t size, size_t *path_size)
{
    const char *end = line + size, *target = memchr(line, ' ', size), *target_end;
    target = target ? target + 1 : end;
    target_end = memchr(target, ' ', (size_t)(end - target));
    if (!target_end)
        target_end = end;
    target += before_path(target, (size_t)(target_end - target));
    *path_size = (size_t)(target_end - target);
    return target;
}

size_t http_encoded_line_size(const char *line, size_t size)
{
    size_t path_size, raw = 0;
    const char *path = find_path(line, size, &path_size);
    for (size_t i = 0; i < path_size; i++)
        raw += http_is_raw(path[i]);
    return size + 2 * raw;
}

void http_encode_line(const char *line, size_t size, char *to)
{
    size_t path_size;
    const char *path = find_path(line, size, &path_size), *path_end = path + path_size;
    for (const char *at = line; at < line + size; at++) {
        if (at >= path && at < path_end && http_is_raw(*at))
            to = http_append_escape(to, *at);
        else
            *to++ = *at;
    }
}

/* How much of the target is one, with raw bytes, the first at `n`. */
size_t http_raw_target_span(const char *target, size_t size, size_t n)
{
    const char *end = memchr(target, ' ', size);
    if (n < before_path(target, end ? (size_t)(end - target) : size))
        return n;
    while (n < size && (http_is_raw(target[n]) || http_chars[(unsigned char)target[n]] & HTTP_TARGET))
        n++;
    return n;
}
