/* SPDX-License-Identifier: MIT */
/* The tokens of a master file: words, strings in quotes, names, numbers, times; parentheses and comments. */
#include "dns/parse.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool parse_fails(struct parser *p, const char *format, ...)
{
    va_list args;
    int n = snprintf(p->error, ERROR_SIZE, "%.200s:%u: ", p->file, p->line);
    va_start(args, format);
    vsnprintf(p->error + n, ERROR_SIZE - (size_t)n, format, args);
    va_end(args);
    for (char *c = p->error; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?'; /* the file is not to steer the terminal */
    return false;
}

/* True when the character ends a word. */
static bool is_end(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';' || c == '(' || c == ')' || c == '"';
}

static enum token take_word(struct parser *p)
{
    p->token = p->at;
    p->quoted = false;
    while (p->at < p->end && !is_end(*p->at))
        p->at += *p->at == '\\' && p->at + 1 < p->end && p->at[1] != '\n' ? 2 : 1;
    p->size = (size_t)(p->at - p->token);
    return TOKEN;
}

static enum token take_string(struct parser *p)
{
    p->token = ++p->at;
    p->quoted = true;
    while (p->at < p->end && *p->at != '"' && *p->at != '\n')
        p->at += *p->at == '\\' && p->at + 1 < p->end && p->at[1] != '\n' ? 2 : 1;
    p->size = (size_t)(p->at - p->token);
    if (p->at == p->end || *p->at != '"') {
        parse_fails(
            p, "a quote is open at the end of the line; close it, and write longer text as several strings");
        return FAILED;
    }
    p->at++;
    return TOKEN;
}

static void skip_comment(struct parser *p)
{
    while (p->at < p->end && *p->at != '\n')
        p->at++;
}

/* A parenthesis lets an entry go on over the end of its line. False: there is nothing to close. */
static bool take_parenthesis(struct parser *p)
{
    if (*p->at == '(') {
        p->opened = p->depth++ ? p->opened : p->line;
    } else if (p->depth-- == 0) {
        p->depth = 0;
        return parse_fails(p, "there is no ( to this ); remove it");
    }
    p->at++;
    return true;
}

enum token next_token(struct parser *p)
{
    while (p->at < p->end) {
        switch (*p->at) {
        case ' ':
        case '\t':
        case '\r':
            p->at++;
            break;
        case ';':
            skip_comment(p);
            break;
        case '\n':
            if (!p->depth)
                return END;
            p->at++;
            p->line++;
            break;
        case '(':
        case ')':
            if (!take_parenthesis(p))
                return FAILED;
            break;
        case '"':
            return take_string(p);
        default:
            return take_word(p);
        }
    }
    if (p->depth) {
        p->line = p->opened;
        parse_fails(p, "a ( is not closed; write a ) where the record ends");
        return FAILED;
    }
    return END;
}

bool want_token(struct parser *p, const char *what)
{
    enum token found = next_token(p);
    return found == END ? parse_fails(p, "%s is missing at the end; write it there", what) : found == TOKEN;
}

bool token_is(const struct parser *p, const char *word)
{
    return !p->quoted && p->size == strlen(word) && strncasecmp(p->token, word, p->size) == 0;
}

/* ---------------------------------------------------------------- numbers */

bool token_number(struct parser *p, uint32_t most, uint32_t *value)
{
    uint64_t sum = 0;
    bool good = p->size > 0 && p->size <= 10;
    for (size_t i = 0; good && i < p->size; i++) {
        good = p->token[i] >= '0' && p->token[i] <= '9';
        sum = sum * 10 + (uint64_t)(p->token[i] - '0');
    }
    *value = (uint32_t)sum;
    return (good && sum <= most) ||
           parse_fails(p, "%.*s is no number from 0 to %u; write one", (int)p->size, p->token, most);
}

static unsigned seconds_of(char unit)
{
    switch (lower((uint8_t)unit)) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    case 'w':
        return 604800;
    default:
        return 0;
    }
}

/* 3600, 1h, 1h30m */
bool token_ttl(struct parser *p, uint32_t *value)
{
    uint64_t sum = 0, number = 0;
    bool digits = false, units = false, good = p->size > 0 && !p->quoted;
    for (size_t i = 0; good && i < p->size; i++) {
        char c = p->token[i];
        if (c >= '0' && c <= '9') {
            number = number * 10 + (uint64_t)(c - '0');
            digits = true;
        } else {
            good = digits && seconds_of(c);
            sum += number * seconds_of(c);
            number = 0;
            units = true;
            digits = false;
        }
        good = good && number <= INT32_MAX && sum <= INT32_MAX;
    }
    sum += number;
    good = good && sum <= INT32_MAX && !(units && digits);
    *value = (uint32_t)sum;
    return good || parse_fails(p, "%.*s is no time up to 2147483647 seconds; write it as 3600, 1h or 1h30m",
                               (int)p->size, p->token);
}

/* ---------------------------------------------------------------- names */

int take_byte(const char **at, const char *end)
{
    const char *s = *at;
    *at = s + 1;
    if (*s != '\\')
        return (unsigned char)*s;
    if (s + 1 == end)
        return -1;
    *at = s + 2;
    if (s[1] < '0' || s[1] > '9')
        return (unsigned char)s[1];
    if (end - s < 4 || s[2] < '0' || s[2] > '9' || s[3] < '0' || s[3] > '9')
        return -1;
    *at = s + 4;
    int code = (s[1] - '0') * 100 + (s[2] - '0') * 10 + (s[3] - '0');
    return code < 256 ? code : -1;
}

/* The labels of `name` and its parents behind the `used` bytes of `wire`; 0: too long. */
static size_t append_name(const struct name *name, uint8_t wire[LONGEST_NAME], size_t used)
{
    if (used + name->size > LONGEST_NAME)
        return 0;
    for (; name->parent; name = name->parent, used += wire[used] + 1u)
        memcpy(wire + used, name->label, name->label[0] + 1u);
    wire[used] = 0;
    return used + 1;
}

static size_t too_long(struct parser *p)
{
    parse_fails(p, "%.*s: a name has at most 255 bytes, a part of it 63; shorten it",
                (int)(p->size < 80 ? p->size : 80), p->token);
    return 0;
}

static size_t no_name(struct parser *p, const char *why)
{
    parse_fails(p, "%.*s is no name: %s", (int)(p->size < 80 ? p->size : 80), p->token, why);
    return 0;
}

/* Takes the labels. Returns their size without the root's; 0: it is no name. `ends` tells whether it ends
   with a dot. */
static size_t take_labels(struct parser *p, uint8_t wire[LONGEST_NAME], bool *ends)
{
    const char *at = p->token, *end = at + p->size;
    size_t begin = 0, size = 1;
    *ends = false;
    while (at < end) {
        bool dot = *at == '.';
        int byte = take_byte(&at, end);
        if (byte < 0)
            return no_name(p, "after \\ there is one character, or three digits up to 255");
        if (dot && size == begin + 1)
            return no_name(p, "something is missing before a dot");
        if (dot) {
            begin = size++;
            *ends = at == end;
        }
        if (begin > LONGEST_NAME - 1 || (!dot && (size > LONGEST_NAME - 1 || size - begin > LONGEST_LABEL)))
            return too_long(p);
        if (!dot)
            wire[size++] = (uint8_t)byte;
        wire[begin] = (uint8_t)(size - begin - 1);
    }
    return *ends ? begin : size;
}

size_t token_wire(struct parser *p, uint8_t wire[LONGEST_NAME])
{
    bool ends = token_is(p, "."), is_origin = token_is(p, "@");
    if (p->size == 0)
        return no_name(p, "it is empty");
    size_t size = ends || is_origin ? 0 : take_labels(p, wire, &ends);
    if (*p->error)
        return 0;
    if (ends) {
        wire[size] = 0;
        return size + 1;
    }
    if (!p->origin)
        return no_name(p,
                       "it has no dot at its end, and nothing says in which zone it is; begin the file with "
                       "$ORIGIN and the zone's name");
    size = append_name(p->origin, wire, size);
    return size ? size : too_long(p);
}

struct name *token_name(struct parser *p)
{
    uint8_t wire[LONGEST_NAME];
    if (!token_wire(p, wire))
        return NULL;
    struct name *name = zone_name(p->zone, wire);
    if (!name)
        parse_fails(p, "there is no memory for so many names; free some");
    return name;
}
