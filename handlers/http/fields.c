/* SPDX-License-Identifier: MIT */
/* Parses the header fields of a request (RFC 9112 5), the only file that knows llhttp.

   llhttp gets the fields behind a request line of our own, because it knows only some methods and treats some
   of those (CONNECT, PRI) specially. Version 8 is laxer than the RFC here and there: bare CR, the white space
   around things, what a list of transfer codings may hold. So every line is checked before, and what came
   out, framing above all, is compared afterwards (request.c). */
#include "http/head.h"
#include "text/chars.h"
#include <errno.h>
#include <llhttp.h>
#include <string.h>
#include <strings.h>

/* Most fields have another name: their first letters tell. */
bool http_is_named(const struct http_field *field, const char *name, size_t size)
{
    return field->name_size == size && ((field->name[0] ^ name[0]) & ~0x20) == 0 &&
           strncasecmp(field->name, name, size) == 0;
}

struct parse {
    struct http_field *fields;
    size_t count, room;
};

static int on_field(llhttp_t *parser, const char *at, size_t size)
{
    struct parse *p = parser->data;
    if (p->count == p->room)
        return -1;
    p->fields[p->count++] = (struct http_field){at, at + size, size, 0};
    return 0;
}

/* An empty value is told where the next line begins: it stays where on_field has put it. */
static int on_value(llhttp_t *parser, const char *at, size_t size)
{
    struct parse *p = parser->data;
    if (p->count == 0)
        return -1;
    if (size == 0)
        return 0;
    while (size > 0 && (at[size - 1] == ' ' || at[size - 1] == '\t'))
        size--;
    p->fields[p->count - 1].value = at;
    p->fields[p->count - 1].value_size = size;
    return 0;
}

/* The body is not for llhttp. */
static int on_headers_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

/* Replaces what llhttp would refuse at the end of a value though the RFC allows it: tabs, and empty elements
   behind "chunked" (RFC 9110 5.6.1, 5.6.3). */
static void blank_end(char *line, size_t size)
{
    char *at = line + size - 1; /* the colon is behind all that this skips */
    while (*at == ' ' || *at == '\t' ||
           (*at == ',' && size > 18 && strncasecmp(line, "Transfer-Encoding:", 18) == 0))
        *at-- = ' ';
}

static int refuse_field(const char *at, struct http_refusal *refusal)
{
    return http_refuse(refusal, 400,
                       *at == '\n' ? "A line does not end with CR and LF" : "A header field is malformed");
}

/* Checks each line (RFC 9112 5: no white space around the name); llhttp would let some things through. */
static int check_lines(char *text, size_t size, struct http_refusal *refusal)
{
    char *end = text + size - 2; /* the empty line */
    while (text < end) {
        char *at = text;
        while (http_chars[(unsigned char)*at] & HTTP_TOKEN) /* the empty line ends it */
            at++;
        if (at == text || *at != ':')
            return refuse_field(at, refusal);
        at += http_value_span(at, (size_t)(end - at));
        if (at[0] != '\r' || at[1] != '\n')
            return refuse_field(at, refusal);
        blank_end(text, (size_t)(at - text));
        text = at + 2;
    }
    return 0;
}

/* Runs that one of two builds of llhttp which this processor can run best. */
static llhttp_errno_t execute(llhttp_t *parser, const char *text, size_t size)
{
#ifdef HTTP_LLHTTP_SSE42
    int HTTP_LLHTTP_SSE42(llhttp_t *, const char *, const char *);
    if (__builtin_cpu_supports("sse4.2"))
        return (llhttp_errno_t)HTTP_LLHTTP_SSE42(parser, text, text + size);
#endif
    return llhttp_execute(parser, text, size);
}

static int run_llhttp(const char *text, size_t size, struct parse *parse, llhttp_t *parser,
                      struct http_refusal *refusal)
{
    static const llhttp_settings_t settings = {
        .on_header_field = on_field, .on_header_value = on_value, .on_headers_complete = on_headers_complete};
    static const char line[] = "POST / HTTP/1.1\r\n";
    static _Thread_local llhttp_t
        behind_line; /* the parser as it is behind the line, made once for each thread */
    if (!behind_line.settings) {
        llhttp_init(&behind_line, HTTP_REQUEST, &settings);
        if (llhttp_execute(&behind_line, line, sizeof line - 1) != HPE_OK) {
            behind_line.settings = NULL;
            return http_refuse(refusal, 500, NULL);
        }
    }
    *parser = behind_line;
    parser->data = parse;
    llhttp_errno_t error = execute(parser, text, size);
    if (error == HPE_OK || (error == HPE_PAUSED && llhttp_get_error_pos(parser) < text + size - 1))
        return http_refuse(refusal, 400, "The end of the header fields is in doubt");
    if (error != HPE_PAUSED)
        return http_refuse(refusal, 400, llhttp_get_error_reason(parser));
    return 0;
}

/* A list, and there may be several (RFC 9110 10.1.1). */
static void note_expect(const char *list, struct http_said *said)
{
    const char *element;
    size_t size;
    while (http_list_next(&list, &element, &size)) {
        bool known = http_is_word(element, size, "100-continue");
        said->expect_continue |= known;
        said->expect_other |= !known;
    }
}

/* Notes the fields that matter here; their names all differ in length. */
static void note_field(const struct http_field *fields, size_t i, struct http_said *said)
{
    const struct http_field *field = &fields[i];
    switch (field->name_size) {
    case 4:
        if (http_is_named(field, "Host", 4) && said->hosts++ == 0)
            said->host = i;
        break;
    case 6:
        if (http_is_named(field, "Expect", 6))
            note_expect(field->value, said);
        break;
    case 10:
        if (http_is_named(field, "Connection", 10)) {
            said->close |= http_list_has(field->value, "close");
            said->keep_alive |= http_list_has(field->value, "keep-alive");
        }
        break;
    case 14:
        if (http_is_named(field, "Content-Length", 14) && said->lengths++ == 0)
            said->length = i;
        break;
    case 15:
        said->negotiates |= http_is_named(field, "Accept-Encoding", 15);
        break;
    case 17:
        if (http_is_named(field, "Transfer-Encoding", 17) && said->codings++ == 0)
            said->coding = i;
        break;
    default:
        break;
    }
}

/* The names of all conditions begin with "If-". */
static bool is_condition(const struct http_field *field)
{
    return ((field->name[0] | 0x20) == 'i' && (field->name[1] | 0x20) == 'f' && field->name[2] == '-') ||
           http_is_named(field, "Range", 5);
}

/* Ends every name and value with NUL, which overwrites what llhttp is done with. */
static void end_strings(const struct http_field *fields, struct http_said *said)
{
    for (size_t i = 0; i < said->count; i++) {
        const struct http_field *field = &fields[i];
        ((char *)(uintptr_t)field->name)[field->name_size] = 0;
        ((char *)(uintptr_t)field->value)[field->value_size] = 0;
        note_field(fields, i, said);
        said->conditional |= is_condition(field);
    }
}

int http_parse_fields(char *text, size_t size, struct http_field *fields, size_t room, struct http_said *said,
                      struct http_refusal *refusal)
{
    struct parse parse = {.fields = fields, .room = room};
    llhttp_t parser;
    if (check_lines(text, size, refusal) < 0 || run_llhttp(text, size, &parse, &parser, refusal) < 0)
        return -EBADMSG;
    *said = (struct http_said){.count = parse.count,
                               .chunked = (parser.flags & F_CHUNKED) != 0,
                               .content_length = parser.content_length};
    end_strings(fields, said);
    const struct http_field *host = &fields[said->host];
    said->good_host = said->hosts > 0 && http_is_authority(host->value, host->value_size, false);
    return 0;
}

#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(number) #number
#define LLHTTP_VERSION \
    TEXT(LLHTTP_VERSION_MAJOR) "." TEXT(LLHTTP_VERSION_MINOR) "." TEXT(LLHTTP_VERSION_PATCH)

const char *http_parser_feature(void)
{
    return "parser: llhttp " LLHTTP_VERSION "\n";
}
