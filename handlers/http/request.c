/* SPDX-License-Identifier: MIT */
/* Parses a request head (RFC 9112): the request line with the target in its four forms, and what the fields
   mean that HTTP itself needs. */
#include "http/head.h"
#include "http/memo.h"
#include "text/chars.h"
#include "text/number.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

/* ---------------------------------------------------------------- the request line */

struct line {
    size_t method_size, target_size;
    const char *target, *version;
};

/* `encoded`: http_encode_line was there before. */
static size_t target_span(const char *target, size_t size, bool encoded)
{
    size_t n = http_span(target, size, HTTP_TARGET);
    return encoded || n == size || !http_is_raw(target[n]) ? n : http_raw_target_span(target, size, n);
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
        !(http_is_absolute(target, &scheme_size) && split_absolute(target, scheme_size, request)))
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

/* Parses it, encoded, the strings made in place: command, path, request_version, host of an absolute
   target. */
static int parse_line(char *text, size_t size, struct http_head *head)
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
    request->path_size = (size_t)(line.target + line.target_size - request->path);
    return 0;
}

/* ---------------------------------------------------------------- what the fields mean */

/* RFC 9112 6.1: chunked alone is understood; unknown codings are 501 as long as the end can be told. */
static int check_coding(const struct http_said *said, const struct http_head *head,
                        struct http_refusal *refusal)
{
    const char *list = head->request.fields[said->coding].value, *coding;
    size_t size, chunked = 0, others = 0;
    bool last = false;
    if (said->lengths > 0)
        return http_refuse(refusal, 400, "Transfer-Encoding and Content-Length exclude each other");
    if (head->request.minor == 0)
        return http_refuse(refusal, 400, "HTTP/1.0 has no Transfer-Encoding");
    while (http_list_next(&list, &coding, &size)) {
        last = http_is_word(coding, size, "chunked");
        chunked += last;
        others += !last;
    }
    if (said->codings != 1 || chunked != 1 || !last)
        return http_refuse(refusal, 400, "The Transfer-Encoding leaves the length of the body in doubt");
    return others > 0 ? http_refuse(refusal, 501, "This Transfer-Encoding is not known here") : 0;
}

static int check_length(const struct http_said *said, struct http_head *head, struct http_refusal *refusal)
{
    const char *at = head->request.fields[said->length].value;
    if (said->lengths != 1 || !http_read_number(&at, &head->request.content_length) || *at)
        return http_refuse(refusal, 400, "The Content-Length is no number");
    if (said->content_length > INT64_MAX)
        return http_refuse(refusal, 400, "The Content-Length is too large to be true");
    return 0;
}

/* llhttp must have come to the same framing. */
static int check_framing(const struct http_said *said, struct http_head *head)
{
    struct http_refusal *refusal = &head->refusal;
    if (said->codings > 0) {
        head->request.content_length = -1;
        if (check_coding(said, head, refusal) < 0)
            return -EBADMSG;
    } else if (said->lengths > 0 && check_length(said, head, refusal) < 0) {
        return -EBADMSG;
    }
    if (said->chunked != (head->request.content_length < 0) ||
        (!said->chunked && said->content_length != (uint64_t)head->request.content_length))
        return http_refuse(refusal, 400, "The length of the body is in doubt");
    return 0;
}

static int check_host(const struct http_said *said, struct http_head *head)
{
    struct http_request *request = &head->request;
    if (said->hosts > 1 || (said->hosts == 0 && request->minor > 0))
        return http_refuse(&head->refusal, 400, "There must be one Host field");
    if (said->hosts > 0 && !said->good_host)
        return http_refuse(&head->refusal, 400, "The Host field is malformed");
    if (!request->host) /* RFC 9112 3.2.2: an absolute target's own host counts */
        request->host = said->hosts > 0 ? request->fields[said->host].value : "";
    return 0;
}

static int check_expect(const struct http_said *said, struct http_head *head)
{
    if (head->request.minor == 0)
        return 0;
    head->expect_continue = said->expect_continue;
    return said->expect_other ? http_refuse(&head->refusal, 417, NULL) : 0;
}

static int understand(const struct http_said *said, struct http_head *head)
{
    head->conditional = said->conditional;
    head->negotiates = said->negotiates;
    head->request.field_count = said->count;
    head->close = said->close || (head->request.minor == 0 && !said->keep_alive);
    if (check_framing(said, head) < 0 || check_host(said, head) < 0 || check_expect(said, head) < 0)
        return -EBADMSG;
    return 0;
}

int http_parse_head(char *text, size_t line, size_t size, struct http_field *fields, size_t room,
                    const struct http_memo *known, struct http_said *said, struct http_head *head)
{
    if (line < 2 || memcmp(text + line - 2, "\r\n", 2) != 0 || size < 4 ||
        memcmp(text + size - 4, "\r\n\r\n", 4) != 0)
        return http_refuse(&head->refusal, 400, "A line does not end with CR and LF");
    if (parse_line(text, line - 2, head) < 0)
        return -EBADMSG;
    if (known)
        http_memo_recall(known, text + line, fields);
    else if (http_parse_fields(text + line, size - line, fields, room, said, &head->refusal) < 0)
        return -EBADMSG;
    head->request.fields = fields;
    return understand(known ? http_memo_said(known) : said, head);
}
