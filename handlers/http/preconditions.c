/* SPDX-License-Identifier: MIT */
/* Preconditions and ranges (RFC 9110 13 and 14): from what the request says and what is known of the
   representation to what is to be answered. Nothing is read, sent or kept here. */
#include "http/head.h"
#include "text/chars.h"
#include "text/number.h"

/* The lines of one field. */
struct lines {
    const struct http_field *first;
    size_t count;
};

struct asked {
    struct lines match, none_match, modified_since, unmodified_since, range, if_range;
};

struct tag {
    const char *opaque; /* with its quotes */
    size_t size;
    bool weak;
};

/* ---------------------------------------------------------------- what is asked */

static bool note(const struct http_field *field, const char *name, struct lines *lines)
{
    if (!http_is_named(field, name, field->name_size))
        return false;
    if (lines->count++ == 0)
        lines->first = field;
    return true;
}

static bool look_at(const struct http_field *field, struct asked *asked)
{
    switch (field->name_size) {
    case 5:
        return note(field, "Range", &asked->range);
    case 8:
        return note(field, "If-Match", &asked->match) || note(field, "If-Range", &asked->if_range);
    case 13:
        return note(field, "If-None-Match", &asked->none_match);
    case 17:
        return note(field, "If-Modified-Since", &asked->modified_since);
    case 19:
        return note(field, "If-Unmodified-Since", &asked->unmodified_since);
    default:
        return false;
    }
}

static bool look(const struct http_request *request, struct asked *asked)
{
    bool any = false;
    for (size_t i = 0; i < request->field_count; i++)
        any |= look_at(&request->fields[i], asked);
    return any;
}

/* ---------------------------------------------------------------- entity tags */

/* The grammar of RFC 9110 8.8.3; moves *text behind the tag. */
static bool take_tag(const char **text, struct tag *tag)
{
    const char *at = *text;
    tag->weak = at[0] == 'W' && at[1] == '/';
    if (tag->weak)
        at += 2;
    if (*at != '"')
        return false;
    tag->opaque = at++;
    while ((unsigned char)*at > ' ' && *at != '"' && *at != 0x7f)
        at++;
    if (*at != '"')
        return false;
    tag->size = (size_t)(++at - tag->opaque);
    *text = at;
    return true;
}

/* The next tag of a list, which may have commas inside. False at the end of the list, and where it is
   malformed, since nobody knows then what follows. */
static bool next_tag(const char **list, struct tag *tag)
{
    *list += strspn(*list, ", \t");
    if (!take_tag(list, tag))
        return false;
    *list += strspn(*list, " \t");
    return **list == ',' || **list == 0;
}

static bool same_tag(const struct tag *a, const struct tag *b, bool strong)
{
    return !(strong && (a->weak || b->weak)) && a->size == b->size &&
           memcmp(a->opaque, b->opaque, a->size) == 0;
}

/* If-Match and If-None-Match: true if they name the representation. All lines are one list. */
static bool names(const struct http_request *request, const struct lines *lines,
                  const struct http_validators *current, bool strong)
{
    const struct http_field *field = lines->first, *end = request->fields + request->field_count;
    struct tag own, other;
    if (!current)
        return false;
    if (lines->count == 1 && strcmp(field->value, "*") == 0)
        return true;
    const char *etag = current->etag ? current->etag : "";
    if (!take_tag(&etag, &own))
        return false;
    for (; field < end; field++) {
        const char *list = field->value;
        if (strcasecmp(field->name, lines->first->name) != 0)
            continue;
        while (next_tag(&list, &other))
            if (same_tag(&own, &other, strong))
                return true;
    }
    return false;
}

/* ---------------------------------------------------------------- dates */

/* False if one of the two dates to be compared is missing or malformed: then the field is ignored. */
static bool date_of(const struct lines *lines, const struct http_validators *current, time_t *date)
{
    return lines->count == 1 && current && current->last_modified &&
           http_parse_date(lines->first->value, date) == 0;
}

/* RFC 9110 13.2.2, steps 1 to 4 */
static int check_conditions(const struct http_request *request, const struct asked *asked,
                            const struct http_validators *current, bool reads)
{
    time_t date;
    if (asked->match.count > 0) {
        if (!names(request, &asked->match, current, true))
            return 412;
    } else if (date_of(&asked->unmodified_since, current, &date) && *current->last_modified > date) {
        return 412;
    }
    if (asked->none_match.count > 0) {
        if (names(request, &asked->none_match, current, false))
            return reads ? 304 : 412;
    } else if (reads && date_of(&asked->modified_since, current, &date) && *current->last_modified <= date) {
        return 304;
    }
    return 200;
}

/* True if the client has a part of just this representation (RFC 9110 13.1.5). */
static bool is_part_of(const struct lines *if_range, const struct http_validators *current)
{
    struct tag own, other;
    time_t date;
    if (if_range->count != 1 || !current)
        return false;
    const char *value = if_range->first->value, *etag = current->etag ? current->etag : "";
    if (take_tag(&value, &other))
        return *value == 0 && take_tag(&etag, &own) && same_tag(&own, &other, true);
    return current->strong_date && date_of(if_range, current, &date) && *current->last_modified == date;
}

/* ---------------------------------------------------------------- ranges */

enum fit { FITS, LIES_OUTSIDE, IS_NONE };

/* The last `count` bytes. A Content-Range cannot express a part of an empty representation. */
static enum fit fit_suffix(int64_t count, int64_t size, struct http_range *range)
{
    if (count == 0)
        return LIES_OUTSIDE;
    range->size = count < size ? count : size;
    range->first = size - range->size;
    return size > 0 ? FITS : IS_NONE;
}

/* "first-last", "first-" or "-count" (RFC 9110 14.1.2) */
static enum fit fit_range(const char *text, const char *end, int64_t size, struct http_range *range)
{
    int64_t first, last;
    bool has_first = http_read_number(&text, &first);
    if (text == end || *text++ != '-')
        return IS_NONE;
    bool has_last = http_read_number(&text, &last);
    if (text != end || !(has_first || has_last))
        return IS_NONE;
    if (!has_first)
        return fit_suffix(last, size, range);
    if (has_last && last < first)
        return IS_NONE;
    if (first >= size)
        return LIES_OUTSIDE;
    range->first = first;
    range->size = (has_last && last < size ? last + 1 : size) - first;
    return FITS;
}

static bool touches(const struct http_range *a, const struct http_range *b)
{
    return a->first <= b->first + b->size && b->first <= a->first + a->size;
}

static void join(struct http_range *a, const struct http_range *b)
{
    int64_t end = a->first + a->size, other_end = b->first + b->size;
    a->first = a->first < b->first ? a->first : b->first;
    a->size = (end > other_end ? end : other_end) - a->first;
}

/* Ranges that overlap or adjoin become one, in the place of the first (RFC 9110 15.3.7.2): so all of
   them together are never more than the whole. False when there are too many. */
static bool add_range(struct http_decision *d, struct http_range range)
{
    size_t kept = 0, place = HTTP_MAX_RANGES;
    for (size_t i = 0; i < d->range_count; i++) {
        struct http_range other = d->ranges[i];
        if (!touches(&range, &other)) {
            d->ranges[kept++] = other;
            continue;
        }
        join(&range, &other);
        if (place == HTTP_MAX_RANGES)
            place = kept++;
    }
    if (place == HTTP_MAX_RANGES)
        place = kept++;
    if (place == HTTP_MAX_RANGES)
        return false;
    d->ranges[place] = range;
    d->range_count = kept;
    return true;
}

/* 206, 416, or 200 for what is malformed, in another unit, or too much. */
static int divide(const char *list, int64_t size, struct http_decision *d)
{
    const char *element;
    size_t length, count = 0;
    if (strncasecmp(list, "bytes=", 6) != 0)
        return 200;
    for (list += 6; http_list_next(&list, &element, &length); count++) {
        struct http_range range;
        enum fit fit = fit_range(element, element + length, size, &range);
        if (fit == IS_NONE || (fit == FITS && !add_range(d, range)))
            return 200;
    }
    return count == 0 ? 200 : d->range_count > 0 ? 206 : 416;
}

/* ---------------------------------------------------------------- together */

/* True for methods whose results have no validators (RFC 9110 13.2.1). */
static bool is_beyond(const char *method)
{
    return strcmp(method, "OPTIONS") == 0 || strcmp(method, "CONNECT") == 0 || strcmp(method, "TRACE") == 0;
}

int http_evaluate(const struct http_request *request, const struct http_validators *current, int64_t size,
                  struct http_decision *d)
{
    struct asked asked = {0};
    d->status = 200;
    d->range_count = 0;
    if (!look(request, &asked) || is_beyond(request->command))
        return d->status;
    bool gets = strcmp(request->command, "GET") == 0;
    d->status = check_conditions(request, &asked, current, gets || strcmp(request->command, "HEAD") == 0);
    if (d->status != 200 || !gets || size < 0 || asked.range.count != 1 ||
        (asked.if_range.count > 0 && !is_part_of(&asked.if_range, current)))
        return d->status;
    d->status = divide(asked.range.first->value, size, d);
    if (d->status != 206)
        d->range_count = 0;
    return d->status;
}
