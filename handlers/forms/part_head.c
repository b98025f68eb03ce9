/* SPDX-License-Identifier: MIT */
/* The head of a part of a form: Content-Disposition and Content-Type (RFC 7578 4), in the dialects that are
   sent. Everything becomes a string in place. */
#include "forms/form.h"
#include "http_server.h"
#include "text/chars.h"
#include "text/utf8.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

/* Copies what stands in quotes, from behind the first one, to `to`, and undoes its escapes. Returns what
   stands behind the second one; NULL: there is none. */
static char *unquote(char *at, char *to)
{
    for (; *at != '"'; at++) {
        if (*at == '\\' && (at[1] == '"' || at[1] == '\\'))
            at++;
        if (!*at)
            return NULL;
        *to++ = *at;
    }
    *to = 0;
    return at + 1;
}

int http_parameter_next(char **at, char **name, char **value)
{
    char *start = *at + strspn(*at, " \t"), *end = start + http_span(start, strlen(start), HTTP_TOKEN);
    if (!*start)
        return 0;
    if (end == start || *end != '=')
        return -EPROTO;
    *name = start;
    *end++ = 0;
    *value = end;
    if (*end == '"') {
        end = unquote(end + 1, end);
    } else if (end[-2] == '*') { /* of RFC 8187: what is wrong with it is for who decodes it to say */
        end += strcspn(end, ";");
    } else {
        end += strcspn(end, "; \t\"");
        end = end > *value ? end : NULL;
    }
    if (!end)
        return -EPROTO;
    char *next = end + strspn(end, " \t");
    if (*next != ';' && *next)
        return -EPROTO;
    *at = next + (*next == ';');
    *end = 0;
    return 1;
}

/* %22, %0D and %0A are all that browsers encode in names, and they encode no percent sign: other escapes are
   the name's own. */
static void undo_browser(char *text)
{
    char *to = text;
    for (; *text; text++) {
        if (strncmp(text, "%22", 3) == 0)
            *to++ = '"';
        else if (strncasecmp(text, "%0d", 3) == 0)
            *to++ = '\r';
        else if (strncasecmp(text, "%0a", 3) == 0)
            *to++ = '\n';
        else {
            *to++ = *text;
            continue;
        }
        text += 2;
    }
    *to = 0;
}

/* filename*=UTF-8''a%20b (RFC 8187). RFC 7578 4.2 forbids it, but some send it. NULL if it is none. */
static const char *decode_extended(char *value)
{
    char *language = strchr(value, '\''), *text = language ? strchr(language + 1, '\'') : NULL;
    if (!text || strncasecmp(value, "utf-8'", 6) != 0 || strpbrk(text, " \t\"") || !text[1])
        return NULL;
    return http_unquote(text + 1) >= 0 && http_is_utf8(text + 1) ? text + 1 : NULL;
}

/* Stores the name that it tells in *good, or notes that it tells none. */
static void take_extended(char *value, const char **good, bool *bad)
{
    const char *name = decode_extended(value);
    *bad |= !name;
    if (name)
        *good = name;
}

static int parse_disposition(char *value, struct http_part *part)
{
    char *at = value + strcspn(value, ";"), *name, *parameter;
    const char *extended = NULL;
    bool unknown = false; /* the file has a name, but nobody knows which */
    if (strncasecmp(value, "form-data", 9) != 0 || value[9 + strspn(value + 9, " \t")] != *at)
        return -EPROTO;
    at += *at == ';';
    int rc;
    while ((rc = http_parameter_next(&at, &name, &parameter)) > 0) {
        const char **to = strcasecmp(name, "name") == 0       ? &part->name
                          : strcasecmp(name, "filename") == 0 ? &part->filename
                                                              : NULL;
        if (strcasecmp(name, "filename*") == 0)
            take_extended(parameter, &extended, &unknown);
        if (!to)
            continue;
        if (*to)
            return -EPROTO;
        undo_browser(parameter);
        *to = parameter;
    }
    if (extended)
        part->filename = extended;
    return rc < 0 || !part->name || (unknown && !part->filename) ? -EPROTO : 0;
}

/* RFC 7578 4.7: deprecated, and nobody sends others. */
static bool is_plain(const char *encoding)
{
    return strcasecmp(encoding, "binary") == 0 || strcasecmp(encoding, "8bit") == 0 ||
           strcasecmp(encoding, "7bit") == 0;
}

static int parse_field(const char *name, char *value, struct http_part *part, const char **explain)
{
    if (strcasecmp(name, "Content-Disposition") == 0) {
        *explain = "The Content-Disposition of a part of the form is malformed";
        return part->name ? -EPROTO : parse_disposition(value, part);
    }
    if (strcasecmp(name, "Content-Transfer-Encoding") == 0 && !is_plain(value)) {
        *explain = "The Content-Transfer-Encoding of a part of the form is not known here";
        return -EPROTO;
    }
    if (strcasecmp(name, "Content-Type") == 0 && !part->type)
        part->type = value;
    return 0;
}

/* A line that begins with white space goes on with the one before (RFC 5322 2.2.3): MIME's heads may be
   folded, though those of HTTP may not. */
static void unfold(char *text)
{
    char *to = text;
    for (; *text; text++)
        if (text[0] == '\r' && text[1] == '\n' && (text[2] == ' ' || text[2] == '\t'))
            text++;
        else
            *to++ = *text;
    *to = 0;
}

int http_part_parse(char *text, struct http_part *part, const char **explain)
{
    unfold(text);
    while (*text) {
        char *end = strstr(text, "\r\n");
        if (!end || !http_is_field_line(text, (size_t)(end - text))) {
            *explain = "The head of a part of the form is malformed";
            return -EPROTO;
        }
        char *value = strchr(text, ':'), *last;
        *value++ = 0;
        value += strspn(value, " \t");
        for (last = end; last > value && (last[-1] == ' ' || last[-1] == '\t'); last--)
            ;
        *last = 0;
        if (parse_field(text, value, part, explain) < 0)
            return -EPROTO;
        text = end + 2;
    }
    if (!part->name)
        *explain = "A part of the form has no Content-Disposition";
    return part->name ? 0 : -EPROTO;
}
