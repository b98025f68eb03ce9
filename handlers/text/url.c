/* SPDX-License-Identifier: MIT */
/* Percent-encoding, HTML escapes, and the way from a request's path to a file's name. */
#include "text/url.h"
#include "http_server.h"
#include "text/chars.h"
#include "text/number.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

/* Undoes percent-encoding of `size` bytes; `to` may be `from`. Returns the length, or -EINVAL. */
static ssize_t decode_percent(const char *from, size_t size, char *to)
{
    const char *end = from + size;
    char *start = to;
    while (from < end) {
        char c = *from++;
        if (c == '%') {
            int high = from < end ? http_hex_digit(from[0]) : -1;
            int low = high >= 0 && from + 1 < end ? http_hex_digit(from[1]) : -1;
            if (low < 0 || (high | low) == 0)
                return -EINVAL;
            c = (char)(high << 4 | low);
            from += 2;
        }
        *to++ = c;
    }
    return to - start;
}

ssize_t http_unquote(char *text)
{
    ssize_t size = decode_percent(text, strlen(text), text);
    if (size >= 0)
        text[size] = 0;
    return size;
}

/* Where the last segment in name[0..used) begins; each has a slash behind it. */
static size_t parent(const char *name, size_t used)
{
    if (used == 0)
        return 0;
    const char *slash = memrchr(name, '/', used - 1);
    return slash ? (size_t)(slash - name) + 1 : 0;
}

/* The number of dots of a dot segment, 1 or 2; 0 for any other segment. */
static int dots(const char *segment, size_t size)
{
    if (size == 0 || size > 2 || segment[0] != '.' || segment[size - 1] != '.')
        return 0;
    return (int)size;
}

/* Removes dot segments and empty ones from name[0..size), in place. Returns the length. */
static size_t resolve_dots(char *name, size_t size)
{
    const char *from = name, *end = name + size;
    size_t used = 0;
    bool directory = true;
    while (from < end) {
        const char *slash = memchr(from, '/', (size_t)(end - from));
        size_t length = (size_t)((slash ? slash : end) - from);
        int up = dots(from, length);
        directory = slash || up > 0;
        if (up == 2) {
            used = parent(name, used);
        } else if (up == 0 && length > 0) {
            memmove(name + used, from, length);
            used += length;
            name[used++] = '/';
        }
        from += length + (slash ? 1 : 0);
    }
    return directory ? used : used - 1;
}

/* Copies a path that has nothing to decode or to resolve, as nearly all are, and returns its length; -1 for
   any other. */
static ssize_t copy_plain(const char *path, char *name)
{
    const char *from = path + 1;
    if (*path != '/')
        return -1;
    for (;; name++, from++) {
        char c = *from;
        if ((http_chars[(unsigned char)c] & HTTP_PLAIN) == 0) {
            if (!c || c == '?' || c == '#')
                break;
            if ((c != '/' && c != '.') || from[-1] == '/')
                return -1;
        }
        *name = c;
    }
    *name = 0;
    return from - path - 1;
}

/* Decodes first: a path means the same whether or not a proxy has decoded it before, and no dot segment is
   left that an escape has hidden. */
ssize_t http_normalize_path(const char *path, char *name)
{
    ssize_t size = copy_plain(path, name);
    if (size >= 0)
        return size;
    size = decode_percent(path, strcspn(path, "?#"), name);
    if (size >= 0) {
        size = (ssize_t)resolve_dots(name, (size_t)size);
        name[size] = 0;
    }
    return size;
}

bool http_is_well_escaped(const char *path)
{
    const char *end = path + strcspn(path, "?#");
    while ((path = memchr(path, '%', (size_t)(end - path)))) {
        char ignored;
        if (decode_percent(path, end - path < 3 ? (size_t)(end - path) : 3, &ignored) < 0)
            return false;
        path += 3;
    }
    return true;
}

bool http_has_dotfile(const char *name)
{
    static const char well_known[] = ".well-known";
    size_t size = *name == '.' ? strcspn(name, "/") : 0;
    if (size == sizeof well_known - 1 && memcmp(name, well_known, size) == 0)
        name += size;
    return name[0] == '.' || strstr(name, "/.");
}

const char *http_skip_slashes(const char *path)
{
    for (;;) {
        if (*path == '/')
            path++;
        else if (strncasecmp(path, "%2f", 3) == 0)
            path += 3;
        else
            return path;
    }
}

static bool unreserved(unsigned char c)
{
    unsigned char letter = c | 0x20;
    return (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9') || (c != 0 && strchr("-._~/", c));
}

static bool printable(unsigned char c)
{
    return c > ' ' && c < 0x7f && strchr("\"<>\\^`{|}", c) == NULL;
}

char *http_append_escape(char *to, char c)
{
    static const char digits[] = "0123456789ABCDEF";
    *to++ = '%';
    *to++ = digits[(unsigned char)c >> 4];
    *to++ = digits[c & 15];
    return to;
}

static size_t encode(const char *text, size_t size, bool (*keep)(unsigned char), char *out)
{
    char *start = out;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (keep(c))
            *out++ = (char)c;
        else
            out = http_append_escape(out, (char)c);
    }
    *out = 0;
    return (size_t)(out - start);
}

size_t http_requote(const char *path, size_t size, char *out)
{
    return encode(path, size, printable, out);
}

const char *http_quote(struct ss_handler *h, const char *text)
{
    size_t size = strlen(text);
    char *out = ss_alloc(h, 3 * size + 1);
    if (out)
        encode(text, size, unreserved, out);
    return out;
}

char *http_append_html(char *to, char c)
{
    switch (c) {
    case '&':
        return stpcpy(to, "&amp;");
    case '<':
        return stpcpy(to, "&lt;");
    case '>':
        return stpcpy(to, "&gt;");
    case '"':
        return stpcpy(to, "&quot;");
    case '\'':
        return stpcpy(to, "&#x27;");
    default:
        *to = c;
        return to + 1;
    }
}

const char *http_escape(struct ss_handler *h, const char *text)
{
    char *start = ss_alloc(h, 6 * strlen(text) + 1), *out = start;
    if (!start)
        return NULL;
    for (; *text; text++)
        out = http_append_html(out, *text);
    *out = 0;
    return start;
}
