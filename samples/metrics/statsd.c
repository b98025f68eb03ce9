/* SPDX-License-Identifier: MIT */
/* Pure functions on a line of statsd, with what DogStatsD has added: tags, several values, h and d, and
   fields that are of no use here. */
#include "metrics/statsd.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER = 40 /* bytes */ };
static const double least_rate = 1e-6;

struct tag {
    char name[LABEL + 5], value[2 * VALUE + 1];
};

struct text {
    const char *at;
    size_t size;
};

/* Takes off what stands before the next `end`, and that byte. */
static struct text take(struct text *from, char end)
{
    const char *found = memchr(from->at, end, from->size);
    struct text taken = {from->at, found ? (size_t)(found - from->at) : from->size};
    size_t skipped = taken.size + (found ? 1 : 0);
    from->at += skipped;
    from->size -= skipped;
    return taken;
}

/* ---------------------------------------------------------------- numbers */

/* Of decimal digits alone: strtod also knows nan, infinity, blanks and hexadecimal numbers. */
static bool read_number(struct text text, double *number)
{
    char copy[NUMBER + 1], *end;
    if (text.size == 0 || text.size > NUMBER)
        return false;
    memcpy(copy, text.at, text.size);
    copy[text.size] = '\0';
    *number = strtod(copy, &end);
    return strspn(copy, "0123456789+-.eE") == text.size && *end == '\0' && isfinite(*number);
}

static bool is_relative(struct text text)
{
    return text.size > 0 && (*text.at == '+' || *text.at == '-');
}

/* Whether a kind may have the value. What a counter has counted and the time that something has taken are not
   negative; and statsd has no text for a gauge's negative value: "-3" takes 3 off. */
static bool is_value(enum kind kind, struct text text)
{
    double number;
    if (kind == SET)
        return text.size > 0;
    return read_number(text, &number) && (kind == GAUGE || number >= 0);
}

bool statsd_next(struct metric *metric, struct value *value)
{
    struct text rest = {metric->values, metric->size};
    if (!rest.size)
        return false;
    struct text text = metric->kind == SET ? rest : take(&rest, ':');
    *value = (struct value){.text = text.at, .size = text.size};
    if (metric->kind != SET)
        (void)read_number(text, &value->number);
    value->relative = metric->kind == GAUGE && is_relative(text);
    metric->values = metric->kind == SET ? text.at + text.size : rest.at;
    metric->size = metric->kind == SET ? 0 : rest.size;
    return true;
}

/* ---------------------------------------------------------------- names */

static bool may_be_in_name(char c, bool of_label)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (c == ':' && !of_label);
}

/* Stores what Prometheus takes for a name; `size` has room for the NUL. */
static bool clean_name(struct text text, bool of_label, char *name, size_t size)
{
    size_t at = 0;
    if (text.size > 0 && *text.at >= '0' && *text.at <= '9')
        name[at++] = '_';
    if (text.size == 0 || at + text.size >= size)
        return false;
    for (size_t i = 0; i < text.size; i++)
        name[at++] = (char)(may_be_in_name(text.at[i], of_label) ? text.at[i] : '_');
    name[at] = '\0';
    return true;
}

static bool append_ending(char name[NAME + 1], const char *ending)
{
    size_t size = strlen(name), more = strlen(ending);
    if (size >= more && !strcmp(name + size - more, ending))
        return true;
    if (size + more > NAME)
        return false;
    memcpy(name + size, ending, more + 1);
    return true;
}

static bool read_name(struct text text, struct metric *metric)
{
    return clean_name(text, true, metric->name, sizeof metric->name) &&
           append_ending(metric->name, metric->kind == COUNTER ? "_total"
                                       : metric->kind == SET   ? "_distinct"
                                                               : "");
}

static bool read_kind(struct text text, enum kind *kind)
{
    static const struct {
        char name[3];
        enum kind kind;
    } kinds[] = {{"c", COUNTER}, {"g", GAUGE}, {"ms", TIMER}, {"h", TIMER}, {"d", TIMER}, {"s", SET}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (text.size == strlen(kinds[i].name) && !memcmp(text.at, kinds[i].name, text.size)) {
            *kind = kinds[i].kind;
            return true;
        }
    return false;
}

/* ---------------------------------------------------------------- tags */

/* Bytes of the character that begins here, 0: it is no UTF-8. */
static size_t utf8(struct text text)
{
    unsigned char c = (unsigned char)*text.at;
    unsigned least = c == 0xe0   ? 0xa0
                     : c == 0xf0 ? 0x90
                                 : 0x80,
             most = c == 0xed   ? 0x9f
                    : c == 0xf4 ? 0x8f
                                : 0xbf;
    size_t size = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    if (size > text.size)
        return 0;
    for (size_t i = 1; i < size; i++, least = 0x80, most = 0xbf)
        if ((unsigned char)text.at[i] < least || (unsigned char)text.at[i] > most)
            return 0;
    return size;
}

/* A value may hold any text; three characters are escaped, and what is no text becomes a question mark. */
static bool read_value(struct text text, char value[2 * VALUE + 1])
{
    size_t at = 0;
    if (text.size > VALUE)
        return false;
    while (text.size > 0) {
        size_t size = utf8(text);
        if (*text.at == '\\' || *text.at == '"')
            value[at++] = '\\';
        if (size > 0 && (unsigned char)*text.at >= ' ' && *text.at != 127)
            memcpy(value + at, text.at, size);
        else
            value[at] = '?';
        at += size ? size : 1;
        text.at += size ? size : 1;
        text.size -= size ? size : 1;
    }
    value[at] = '\0';
    return true;
}

static bool read_tag(struct text text, struct tag *tag)
{
    static const struct text yes = {"true", 4};
    struct text name = take(&text, ':');
    if (!clean_name(name, true, tag->name, sizeof tag->name - 4) ||
        !read_value(text.size ? text : yes, tag->value))
        return false;
    if (!strcmp(tag->name, "quantile") || !strncmp(tag->name, "__", 2)) {
        memmove(tag->name + 4, tag->name, strlen(tag->name) + 1);
        memcpy(tag->name, "tag_", 4);
    }
    return true;
}

/* Keeps them sorted, so that the order in which a program sends its tags does not matter. */
static int insert(struct tag *tags, int count, const struct tag *tag)
{
    int at = count;
    while (at > 0 && strcmp(tags[at - 1].name, tag->name) >= 0)
        at--;
    if (at < count && !strcmp(tags[at].name, tag->name))
        return count;
    memmove(tags + at + 1, tags + at, (size_t)(count - at) * sizeof *tags);
    tags[at] = *tag;
    return count + 1;
}

static bool read_tags(struct text text, char labels[LABELS + 1])
{
    struct tag tags[TAGS], tag;
    int count = 0;
    size_t at = 0;
    while (text.size > 0) {
        struct text one = take(&text, ',');
        if (one.size == 0)
            continue;
        if (count == TAGS || !read_tag(one, &tag))
            return false;
        count = insert(tags, count, &tag);
    }
    for (int i = 0; i < count && at <= LABELS; i++)
        at += (size_t)snprintf(labels + at, LABELS + 1 - at, "%s%s=\"%s\"", i ? "," : "", tags[i].name,
                               tags[i].value);
    return at <= LABELS;
}

/* ---------------------------------------------------------------- lines */

/* "@0.1", "#a:b,c:d"; and c: (a container), e: and T (a time), which say nothing that is shown. */
static bool read_field(struct text text, struct metric *metric)
{
    double rate;
    struct text behind = {text.at + 1, text.size - 1};
    switch (text.size ? *text.at : '\0') {
    case '@':
        if (!read_number(behind, &rate) || rate < least_rate || rate > 1)
            return false;
        metric->weight = 1 / rate;
        return true;
    case '#':
        return read_tags(behind, metric->labels);
    case 'c':
    case 'e':
        return behind.size > 0 && *behind.at == ':';
    case 'T':
        return behind.size > 0;
    default:
        return false;
    }
}

static bool are_values(struct metric *metric)
{
    struct text rest = {metric->values, metric->size};
    if (metric->kind == SET)
        return is_value(SET, rest);
    bool good = rest.size > 0 && rest.at[rest.size - 1] != ':';
    while (good && rest.size > 0)
        good = is_value(metric->kind, take(&rest, ':'));
    return good;
}

bool statsd_parse(const char *line, size_t size, struct metric *metric)
{
    if (size == 0 || size > LINE || line[size - 1] == '|')
        return false;
    struct text rest = {line, size};
    struct text values = take(&rest, '|'), kind = take(&rest, '|'), name = take(&values, ':');
    *metric = (struct metric){.weight = 1, .values = values.at, .size = values.size};
    if (!read_kind(kind, &metric->kind) || !read_name(name, metric) || !are_values(metric))
        return false;
    while (rest.size > 0)
        if (!read_field(take(&rest, '|'), metric))
            return false;
    return true;
}
