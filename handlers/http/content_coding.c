/* SPDX-License-Identifier: MIT */
#include "http/content_coding.h"
#include "http/exchange.h"
#include "text/chars.h"
#include <stddef.h>
#include <string.h>
#include <strings.h>

enum { LEAST = 1 };

/* weight: OWS ";" OWS "q=" qvalue; 1000 when there is none, -1 when it is malformed. */
static int read_weight(const char *at, const char *end)
{
    at = http_skip_space(at, end);
    if (at == end)
        return 1000;
    if (*at++ != ';')
        return -1;
    at = http_skip_space(at, end);
    if (end - at < 2 || (*at != 'q' && *at != 'Q') || at[1] != '=')
        return -1;
    return http_read_qvalue(at + 2, (size_t)(end - at - 2));
}

/* The place of a coding's weight. NULL for a coding that nobody here makes. By size, as this is done for each
   request of a browser. */
static short *weight_of(struct http_accept_list *list, const char *name, size_t size)
{
    int coding = -1;
    switch (size) {
    case 1:
        return *name == '*' ? &list->others : NULL;
    case 2:
        coding = HTTP_BROTLI;
        break;
    case 4:
        coding = (*name | 0x20) == 'g' ? HTTP_GZIP : HTTP_ZSTD;
        break;
    case 6: /* RFC 9110 8.4.1.3 */
        return strncasecmp(name, "x-gzip", 6) == 0 ? &list->listed[HTTP_GZIP] : NULL;
    case 8:
        coding = HTTP_IDENTITY;
        break;
    default:
        return NULL;
    }
    return strncasecmp(name, http_coding_name((enum http_coding)coding), size) == 0 ? &list->listed[coding]
                                                                                    : NULL;
}

static bool ends_name(char c)
{
    return c == ';' || c == ' ' || c == '\t';
}

static void read_element(struct http_accept_list *list, const char *at, const char *end)
{
    size_t size = 0;
    while (at + size < end && !ends_name(at[size]))
        size++;
    short *place = weight_of(list, at, size);
    if (!place || *place >= 0)
        return;
    int weight = read_weight(at + size, end);
    if (weight >= 0)
        *place = (short)weight;
}

void http_accept_begin(struct http_accept_list *list)
{
    for (int coding = 0; coding < HTTP_CODINGS; coding++)
        list->listed[coding] = -1;
    list->others = -1;
    list->present = false;
}

void http_accept_line(struct http_accept_list *list, const char *value)
{
    const char *element;
    size_t size;
    list->present = true;
    while (http_list_next(&value, &element, &size))
        read_element(list, element, element + size);
}

/* A client that does not send the field accepts any coding (RFC 9110 12.5.3), but the simplest clients do not
   send it and understand none, so they get none. Identity is accepted without being listed, but then every
   listed coding is preferred to it. */
void http_accept_end(const struct http_accept_list *list, struct http_accepted *accepted)
{
    for (int coding = 0; coding < HTTP_CODINGS; coding++) {
        short weight = list->listed[coding] >= 0 ? list->listed[coding] : list->others;
        if (weight < 0 || !list->present)
            weight = coding == HTTP_IDENTITY ? LEAST : 0;
        accepted->weight[coding] = weight;
    }
}

/* The next line of the field, or `end`. */
static const struct http_field *next_line(const struct http_field *field, const struct http_field *end)
{
    while (field < end && !http_is_named(field, "Accept-Encoding", 15))
        field++;
    return field;
}

static void read_lines(const struct http_field *field, const struct http_field *end,
                       struct http_accepted *accepted)
{
    struct http_accept_list list;
    http_accept_begin(&list);
    for (; field < end; field = next_line(field + 1, end))
        http_accept_line(&list, field->value);
    http_accept_end(&list, accepted);
}

/* A browser says the same with each request, and so do most others: what the last line meant is
   remembered. */
bool http_accepted(const struct http_request *request, struct http_accepted *accepted)
{
    static _Thread_local struct {
        char value[64];
        struct http_accepted accepted;
    } last;
    const struct http_field *end = request->fields + request->field_count,
                            *field = next_line(request->fields, end);
    if (field == end)
        return false;
    bool single = next_line(field + 1, end) == end && field->value_size > 0;
    if (single && strcmp(field->value, last.value) == 0) {
        *accepted = last.accepted;
        return true;
    }
    read_lines(field, end, accepted);
    if (single && field->value_size < sizeof last.value) {
        strcpy(last.value, field->value);
        last.accepted = *accepted;
    }
    return true;
}

int http_choose_coding(const struct http_accepted *accepted, unsigned available)
{
    int best = -1;
    for (int coding = 0; coding < HTTP_CODINGS; coding++)
        if ((available & HTTP_CODING_BIT(coding)) != 0 && accepted->weight[coding] > 0 &&
            (best < 0 || accepted->weight[coding] >= accepted->weight[best]))
            best = coding;
    return best;
}
