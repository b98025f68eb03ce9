/* The request line (RFC 9112 3): method, target in its four forms, version. */
#include "http/head.h"
#include "text/chars.h"
#include "text/url.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

int http_refuse(struct http_refusal *refusal, int status, const char *explain)
{
    *refusal = (struct http_refusal){status, explain};
    return -EBADMSG;
}

struct line {
    size_t method_size, target_size;
    const char *target, *version;
};

static bool is_absolute(const char *target, size_t *scheme_size)
{
    *scheme_size = strncasecmp(target, "https://", 8) == 0 ? 8 : 7;
    return *scheme_size == 8 || strncasecmp(target, "http://", 7) == 0;
}

/* ---------------------------------------------------------------- bytes that are no ASCII */

static bool is_raw(char c)
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
    if (size < 8 || !is_absolute(target, &scheme_size))
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
        raw += is_raw(path[i]);
    return size + 2 * raw;
}

void http_encode_line(const char *line, size_t size, char *to)
{
    size_t path_size;
    const char *path = find_path(line, size, &path_size), *path_end = path + path_size;
    for (const char *at = line; at < line + size; at++) {
        if (at >= path && at < path_end && is_raw(*at))
            to = http_append_escape(to, *at);
        else
            *to++ = *at;
    }
}

/* ---------------------------------------------------------------- the line */

/* How much of the target is one, with raw bytes, the first at `n`. */
__attribute__((noinline)) static size_t raw_target_span(const char *target, size_t size, size_t n)
{
    const char *end = memchr(target, ' ', size);
    if (n < before_path(target, end ? (size_t)(end - target) : size))
        return n;
    while (n < size && (is_raw(target[n]) || http_chars[(unsigned char)target[n]] & HTTP_TARGET))
        n++;
    return n;
}

/* `encoded`: http_encode_line was there before. */
static size_t target_span(const char *target, size_t size, bool encoded)
{
    size_t n = http_span(target, size, HTTP_TARGET);
    return encoded || n == size || !is_raw(target[n]) ? n : raw_target_span(target, size, n);
}

static int split_line(const char *text, size_t size, bool encoded, struct line *line,
                      struct http_refusal *refusal)
{
    const char *end = text + size;
    line->method_size = http_span(text, size, HTTP_TOKEN);
    if (line->method_size == 0 || line->method_size == size || text[line->method_size] != ' ')
        return http_refuse(refusal, 400, "The request does not begin with a method and a space");
    line->target = text + line->method_size + 1;
    line->target_size = target_span(line->target, (size_t)(end - line->target), encoded);
    const char *at = line->target + line->target_size;
    if (line->target_size == 0 || (at < end && *at != ' '))
        return http_refuse(refusal, 400, "The request target has a character that is not allowed");
    if (end - at != 9 || memcmp(at, " HTTP/", 6) != 0 || at[6] < '0' || at[6] > '9' || at[7] != '.' ||
        at[8] < '0' || at[8] > '9')
        return http_refuse(refusal, 400, "The request line does not end with a version of HTTP");
    if (at[6] != '1')
        return http_refuse(refusal, 505, NULL);
    line->version = at + 1;
    return 0;
}

/* "http://host/path": host and path, each ended by NUL, in the place of the target. */
static bool split_absolute(char *target, size_t scheme_size, struct http_request *request)
{
    char *authority = target + scheme_size;
    size_t size = strcspn(authority, "/?");
    char *path = authority + size;
    if (!http_is_authority(authority, size, false))
        return false;
    memmove(target, authority, size);
    target[size] = 0;
    if (*path != '/') {
        bool whole_server = *path == 0 && strcmp(request->command, "OPTIONS") == 0;
        *--path = whole_server ? '*' : '/'; /* that byte is free now */
    }
    request->host = target;
    request->path = path;
    return true;
}

/* The four forms of RFC 9112 3.2. */
static bool split_target(char *target, size_t size, struct http_head *head)
{
    struct http_request *request = &head->request;
    size_t scheme_size;
    request->path = target;
    head->connects = *request->command == 'C' && strcmp(request->command, "CONNECT") == 0;
    if (head->connects) {
        request->host = target;
        return http_is_authority(target, size, true);
    }
    if (target[0] == '*')
        return size == 1 && strcmp(request->command, "OPTIONS") == 0;
    if (target[0] != '/' &&
        !(is_absolute(target, &scheme_size) && split_absolute(target, scheme_size, request)))
        return false;
    /* as Python: "//host/" would be another server in a Location */
    while (request->path[0] == '/' && request->path[1] == '/')
        request->path++;
    return true;
}

int http_check_line(const char *line, size_t size, struct http_refusal *refusal)
{
    struct line parts;
    return split_line(line, size, false, &parts, refusal);
}

int http_parse_line(char *text, size_t size, struct http_head *head)
{
    struct line line;
    struct http_request *request = &head->request;
    if (split_line(text, size, true, &line, &head->refusal) < 0)
        return -EBADMSG;
    text[line.method_size] = 0;
    text[line.target - text + (ptrdiff_t)line.target_size] = 0;
    text[size] = 0;
    request->command = text;
    request->request_version = line.version;
    request->minor = line.version[7] != '0';
    if (!split_target(text + line.method_size + 1, line.target_size, head)) {
        request->path = "";
        return http_refuse(&head->refusal, 400, "The request target has none of the forms that there are");
    }
    request->path_size = strlen(request->path);
    return 0;
}
