/* SPDX-License-Identifier: MIT */
#include "kvstore/resp.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIGITS = 9 /* of a number, and no limit here has more */,
    LEAST = 6 /* bytes of an argument: "$0\r\n\r\n" */
};

void resp_begin(struct resp *r)
{
    r->size = r->need = 0;
    r->argc = r->count = 0;
    r->counted = false;
    r->line = NULL;
    r->error = NULL;
    r->args = r->few;
    r->room = RESP_FEW;
}

void resp_end(struct resp *r)
{
    free(r->line);
    if (r->args != r->few)
        free(r->args);
    resp_begin(r);
}

static int wrong(struct resp *r, const char *why)
{
    r->error = why;
    return -EPROTO;
}

static int wants(struct resp *r, size_t need)
{
    r->need = need;
    return 0;
}

/* Room for one argument more. It grows with what has come, not with what was announced. */
static bool has_room(struct resp *r)
{
    if (r->argc < r->room)
        return true;
    struct resp_arg *more = realloc(r->args == r->few ? NULL : r->args, 2 * (size_t)r->room * sizeof *more);
    if (!more)
        return false;
    if (r->args == r->few)
        memcpy(more, r->few, sizeof r->few);
    r->args = more;
    r->room *= 2;
    return true;
}

/* Of any length. */
__attribute__((noinline)) static long read_long_number(struct resp *r, const char *data, size_t size)
{
    const char *at = data + r->size + 1, *end = data + size, *first = at;
    long number = 0;
    if (at < end && *at == '-')
        at++;
    const char *digits = at;
    for (; at < end && (unsigned char)(*at - '0') < 10 && at - digits <= DIGITS; at++)
        number = number * 10 + (*at - '0');
    if (at == end || (*at == '\r' && at + 1 == end))
        return -3;
    if (at == digits || at - digits > DIGITS || at[0] != '\r' || at[1] != '\n' ||
        (*digits == '0' && at - digits > 1))
        return -2;
    if (digits != first && number != 1)
        return -2;
    r->size = (size_t)(at + 2 - data);
    return digits == first ? number : -1;
}

/* Reads "12\r\n" behind the byte at r->size. Returns the number, -1 for "-1", -2: it is none, -3: more is
   needed. Nearly all have one digit. */
static inline long read_number(struct resp *r, const char *data, size_t size)
{
    const char *at = data + r->size + 1;
    if (r->size + 4 > size || (unsigned char)(at[0] - '0') > 9 || at[1] != '\r' || at[2] != '\n')
        return read_long_number(r, data, size);
    r->size += 4;
    return at[0] - '0';
}

static int read_count(struct resp *r, const char *data, size_t size)
{
    long count = read_number(r, data, size);
    if (count == -3)
        return wants(r, size + 1);
    if (count == -2 || count > RESP_ARGS)
        return wrong(r, "invalid multibulk length");
    r->count = count > 0 ? (unsigned)count : 0;
    r->counted = true;
    return 1;
}

static int read_arg(struct resp *r, const char *data, size_t size)
{
    size_t before = r->size;
    if (before == size)
        return wants(r, before + (size_t)LEAST * (r->count - r->argc));
    if (data[before] != '$') {
        bool shows = isgraph((unsigned char)data[before]);
        snprintf(r->wrong, sizeof r->wrong, shows ? "expected '$', got '%c'" : "expected '$', got 0x%02x",
                 (unsigned char)data[before]);
        return wrong(r, r->wrong);
    }
    long bytes = read_number(r, data, size);
    if (bytes == -3)
        return wants(r, size + 1);
    if (bytes < 0 || bytes > RESP_BULK)
        return wrong(r, "invalid bulk length");
    size_t at = r->size, end = at + (size_t)bytes + 2;
    if (end > RESP_COMMAND)
        return wrong(r, "the command is too long");
    if (end > size) {
        r->size = before;
        return wants(r, end + (size_t)LEAST * (r->count - r->argc - 1));
    }
    if (data[end - 2] != '\r' || data[end - 1] != '\n')
        return wrong(r, "expected CR LF behind an argument");
    if (!has_room(r))
        return -ENOMEM;
    r->args[r->argc++] = (struct resp_arg){(uint32_t)at, (uint32_t)bytes};
    r->size = end;
    return 1;
}

/* ---------------------------------------------------------------- lines */

/* What a backslash stands for between double quotes. */
static char unescape(const char **at, const char *end)
{
    static const char from[] = "nrtba", to[] = "\n\r\t\b\a";
    const char *c = *at;
    if (end - c > 2 && c[0] == 'x' && isxdigit((unsigned char)c[1]) && isxdigit((unsigned char)c[2])) {
        char digits[3] = {c[1], c[2], '\0'};
        *at += 3;
        return (char)strtoul(digits, NULL, 16);
    }
    *at += 1;
    const char *found = memchr(from, *c, sizeof from - 1);
    return found ? to[found - from] : *c;
}

/* Reads a word, or a part of one, in quotes: `at` is behind the first one. NULL: the last one is missing, or
   no space follows it. */
static const char *read_quoted(const char *at, const char *end, char **out)
{
    char quote = at[-1];
    while (at < end && *at != quote) {
        if (*at == '\\' && end - at > 1 && (quote == '"' || at[1] == quote)) {
            at++;
            *(*out)++ = unescape(&at, end);
        } else {
            *(*out)++ = *at++;
        }
    }
    if (at == end || (at + 1 < end && !isspace((unsigned char)at[1])))
        return NULL;
    return at + 1;
}

static const char *read_word(const char *at, const char *end, char **out)
{
    while (at && at < end && !isspace((unsigned char)*at)) {
        if (*at == '"' || *at == '\'')
            at = read_quoted(at + 1, end, out);
        else
            *(*out)++ = *at++;
    }
    return at;
}

static int split(struct resp *r, const char *at, const char *end)
{
    char *out = r->line = malloc((size_t)(end - at) + 1);
    if (!out)
        return -ENOMEM;
    for (;;) {
        while (at < end && isspace((unsigned char)*at))
            at++;
        if (at == end)
            return 1;
        char *word = out;
        at = read_word(at, end, &out);
        if (!at)
            return wrong(r, "unbalanced quotes in request");
        if (!has_room(r))
            return -ENOMEM;
        r->args[r->argc++] = (struct resp_arg){(uint32_t)(word - r->line), (uint32_t)(out - word)};
    }
}

/* What was looked at before has no end of a line. */
static int read_line(struct resp *r, const char *data, size_t size)
{
    size_t most = size < RESP_LINE ? size : RESP_LINE;
    const char *end = memchr(data + r->size, '\n', most - r->size);
    if (!end && most == RESP_LINE)
        return wrong(r, "too big inline request");
    r->size = end ? (size_t)(end + 1 - data) : size;
    return end ? split(r, data, end) : wants(r, size + 1);
}

/* ---------------------------------------------------------------- both */

int resp_parse(struct resp *r, const char *data, size_t size)
{
    int rc = 1;
    if (size == 0)
        return wants(r, 1);
    if (data[0] != '*')
        return read_line(r, data, size);
    if (!r->counted)
        rc = read_count(r, data, size);
    while (rc == 1 && r->argc < r->count)
        rc = read_arg(r, data, size);
    return rc;
}
