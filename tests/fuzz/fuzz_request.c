/* SPDX-License-Identifier: MIT */
/* The parser of request heads against a reader of its own: a head that is accepted keeps every rule that
   another server could take otherwise (RFC 9112 2.2, 3, 5, 6; RFC 9110 5.5, 7.2). */
#include "fuzz.h"
#include "http/head.h"
#include "http/memo.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

enum { FIELDS = 32 };

/* ---------------------------------------------------------------- the reader */

static bool is_token(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || ((text[i] | 32) >= 'a' && (text[i] | 32) <= 'z') ||
              (text[i] && strchr("!#$%&'*+-.^_`|~", text[i]))))
            return false;
    return size > 0;
}

static bool is_printable(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] <= ' ' || text[i] == 0x7f)
            return false;
    return true;
}

static bool is_value(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
            return false;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool same(const char *a, const char *b, size_t size)
{
    return strlen(a) == size && memcmp(a, b, size) == 0;
}

static void check_line(const char *line, size_t size, const struct http_request *request)
{
    const char *space = memchr(line, ' ', size), *end = line + size;
    REQUIRE(space && is_token(line, (size_t)(space - line)));
    REQUIRE(same(request->command, line, (size_t)(space - line)));
    const char *target = space + 1, *version = memchr(target, ' ', (size_t)(end - target));
    REQUIRE(version && version > target && is_printable(target, (size_t)(version - target)));
    REQUIRE(end - version == 9 && memcmp(version, " HTTP/1.", 8) == 0);
    REQUIRE(version[8] >= '0' && version[8] <= '9' && request->minor == (version[8] != '0'));
    REQUIRE(same(request->request_version, version + 1, 8));
    REQUIRE(strcmp(request->command, "CONNECT") == 0 || request->path[0] == '/' ||
            (strcmp(request->path, "*") == 0 && strcmp(request->command, "OPTIONS") == 0));
    REQUIRE(request->path_size == strlen(request->path));
    REQUIRE(strncmp(request->path, "//", 2) != 0);
}

static void check_field(const char *line, size_t size, const struct http_field *field)
{
    const char *colon = memchr(line, ':', size);
    REQUIRE(colon && is_token(line, (size_t)(colon - line)));
    REQUIRE(field->name_size == strlen(field->name) && same(field->name, line, (size_t)(colon - line)));
    const char *value = colon + 1, *end = line + size;
    bool coding =
        strcasecmp(field->name, "Transfer-Encoding") == 0; /* empty elements at its end are left out */
    while (value < end && is_blank(*value))
        value++;
    while (end > value && (is_blank(end[-1]) || (coding && end[-1] == ',')))
        end--;
    REQUIRE(is_value(value, (size_t)(end - value)));
    REQUIRE(field->value_size == strlen(field->value) && same(field->value, value, (size_t)(end - value)));
}

/* Every line of the head as it came, against what was made of it. */
static void check_lines(const char *text, size_t size, const struct http_request *request)
{
    size_t lines = 0;
    REQUIRE(size >= 4 && memcmp(text + size - 4, "\r\n\r\n", 4) == 0);
    for (const char *end = text + size - 2; text < end; lines++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        REQUIRE(newline && newline > text && newline[-1] == '\r');
        if (lines == 0)
            check_line(text, (size_t)(newline - 1 - text), request);
        else
            REQUIRE(lines <= request->field_count);
        if (lines > 0)
            check_field(text, (size_t)(newline - 1 - text), &request->fields[lines - 1]);
        text = newline + 1;
    }
    REQUIRE(lines == request->field_count + 1);
}

/* ---------------------------------------------------------------- what the fields mean together */

static size_t count_fields(const struct http_request *request, const char *name, const char **value)
{
    size_t count = 0;
    for (size_t i = 0; i < request->field_count; i++)
        if (strcasecmp(request->fields[i].name, name) == 0) {
            *value = request->fields[i].value;
            count++;
        }
    return count;
}

/* A number, or a list of that number. */
static void check_length(const char *value, int64_t length)
{
    do {
        char *end;
        while (is_blank(*value))
            value++;
        REQUIRE(*value >= '0' && *value <= '9');
        errno = 0;
        REQUIRE(strtoll(value, &end, 10) == length && errno == 0);
        while (is_blank(*end))
            end++;
        REQUIRE(*end == 0 || *end == ',');
        value = *end ? end + 1 : end;
    } while (*value);
}

static void check_framing(const struct http_request *request)
{
    const char *length = NULL, *coding = NULL;
    size_t lengths = count_fields(request, "Content-Length", &length);
    size_t codings = count_fields(request, "Transfer-Encoding", &coding);
    REQUIRE(lengths == 0 || codings == 0);
    if (codings > 0) {
        REQUIRE(request->content_length == -1 && request->minor > 0 && codings == 1);
        coding += strspn(coding, ", \t");
        REQUIRE(strncasecmp(coding, "chunked", 7) == 0 && strspn(coding + 7, ", \t") == strlen(coding + 7));
    }
    if (lengths > 0)
        check_length(length, request->content_length);
    REQUIRE(codings > 0 || lengths > 0 || request->content_length == 0);
}

static void check_host(const struct http_request *request)
{
    const char *host = "";
    size_t hosts = count_fields(request, "Host", &host);
    REQUIRE(hosts == 1 || (hosts == 0 && request->minor == 0));
    REQUIRE(request->host && is_printable(request->host, strlen(request->host)));
    REQUIRE(!request->host[strcspn(request->host, "/?#@\\<>\"^`{|}")]);
    REQUIRE(request->minor == 0 || request->host[0]);
}

/* Each element of the list is 100-continue; HTTP/1.0 does not know the field. */
static void check_expect(const struct http_head *head)
{
    const struct http_request *request = &head->request;
    size_t known = 0;
    for (size_t i = 0; i < request->field_count && request->minor > 0; i++) {
        const char *at = request->fields[i].value;
        if (strcasecmp(request->fields[i].name, "Expect") != 0)
            continue;
        for (; *(at += strspn(at, ", \t")); known++) {
            REQUIRE(strncasecmp(at, "100-continue", 12) == 0);
            at += 12;
            at += strspn(at, " \t");
            REQUIRE(*at == ',' || *at == 0);
        }
    }
    REQUIRE(head->expect_continue == (known > 0));
}

/* What the fields meant the first time they mean again, when they are known. */
static void try_again(const char *before, size_t size, const struct http_head *first, const char *parsed,
                      const struct http_said *said)
{
    static const struct ss_request connection = {.fd = 3};
    struct http_field fields[FIELDS];
    struct http_head head = {0};
    struct http_said again;
    char *text = fuzz_copy((const uint8_t *)before, size, "", 0);
    size_t line = (size_t)((const char *)memchr(before, '\n', size) + 1 - before);
    for (int i = 0; i < 2; i++)
        http_memo_keep(&connection, before + line, parsed + line, size - line, first->request.fields, said);
    struct http_memo *known = http_memo_find(&connection, before + line, size - line);
    REQUIRE(known || size - line < 16 || size - line > 1024 || said->count > 24);
    int rc = http_parse_head(text, line, size, fields, FIELDS, known, &again, &head);
    http_memo_release(known);
    REQUIRE(head.refusal.status == first->refusal.status && head.close == first->close);
    REQUIRE(rc < 0 || head.request.content_length == first->request.content_length);
    REQUIRE(rc < 0 || head.request.field_count == first->request.field_count);
    for (size_t i = 0; rc == 0 && i < head.request.field_count; i++) {
        REQUIRE(strcmp(fields[i].name, first->request.fields[i].name) == 0);
        REQUIRE(strcmp(fields[i].value, first->request.fields[i].value) == 0);
    }
    free(text);
}

static void try_head(const uint8_t *data, size_t size, const char *tail)
{
    struct http_field fields[FIELDS];
    struct http_head head = {0};
    struct http_said said;
    struct http_refusal refusal = {0};
    char *before = fuzz_copy(data, size, tail, strlen(tail)),
         *text = fuzz_copy(data, size, tail, strlen(tail));
    size += strlen(tail);
    const char *newline = memchr(before, '\n', size);
    int line = newline && newline > before && newline[-1] == '\r'
                   ? http_check_line(before, (size_t)(newline - 1 - before), &refusal)
                   : -EBADMSG;
    int rc = http_parse_head(text, newline ? (size_t)(newline + 1 - before) : size, size, fields, FIELDS,
                             NULL, &said, &head);
    REQUIRE(rc == 0 || (rc == -EBADMSG && head.refusal.status >= 400 && head.refusal.status != 500));
    if (rc == 0) {
        REQUIRE(line == 0 && head.refusal.status == 0);
        check_lines(before, size, &head.request);
        check_framing(&head.request);
        check_host(&head.request);
        check_expect(&head);
        try_again(before, size, &head, text, &said);
    }
    free(before);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_head(data, size, "");
    try_head(data, size, "\r\n\r\n");
    return 0;
}
