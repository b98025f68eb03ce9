/* SPDX-License-Identifier: MIT */
/* For the tests of handlers/http/preconditions.c: requests from text, rows, representations. */
#ifndef TESTS_PRECONDITIONS_RIG_H
#define TESTS_PRECONDITIONS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_server.h"

enum { MAX_LINES = 16, TEXT_SIZE = 4096 };

/* What there is; its tag is "a", its date EQUAL. */
enum there {
    NOTHING, /* PUT to a new name */
    BARE,    /* neither tag nor date */
    STRONG,  /* a tag */
    WEAK,    /* a weak tag */
    DATED,   /* a date that is a strong validator */
    YOUNG,   /* a date that is not */
    BOTH,    /* a tag and a strong date */
    BROKEN,  /* a tag without quotes: an error of the handler */
};

#define EQUAL "Sun, 06 Nov 1994 08:49:37 GMT"
#define OLDER "Sun, 06 Nov 1994 08:49:36 GMT"
#define NEWER "Sun, 06 Nov 1994 08:49:38 GMT"
static const time_t equal = 784111777;

static inline const struct http_validators *validators_of(enum there there)
{
    static const struct http_validators all[] = {
        [BARE] = {NULL, NULL, false},    [STRONG] = {"\"a\"", NULL, false}, [WEAK] = {"W/\"a\"", NULL, false},
        [DATED] = {NULL, &equal, true},  [YOUNG] = {NULL, &equal, false},   [BOTH] = {"\"a\"", &equal, true},
        [BROKEN] = {"a", &equal, false},
    };
    return there == NOTHING ? NULL : &all[there];
}

struct asking {
    struct http_request request;
    struct http_field fields[MAX_LINES];
    char text[TEXT_SIZE];
};

/* `lines`: "Name: value\nName: value" */
static inline void make_request(struct asking *a, const char *method, const char *lines)
{
    size_t size = strlen(lines) + 1;
    assert_true(size <= sizeof a->text);
    memcpy(a->text, lines, size);
    a->request = (struct http_request){.command = method, .fields = a->fields};
    for (char *next = a->text, *line; (line = strsep(&next, "\n")) && *line;) {
        char *value = strstr(line, ": ");
        assert_non_null(value);
        assert_true(a->request.field_count < MAX_LINES);
        *value = 0;
        value += 2;
        a->fields[a->request.field_count++] =
            (struct http_field){line, value, (size_t)(value - 2 - line), strlen(value)};
    }
}

static inline const char *ranges_text(const struct http_decision *d)
{
    static char text[HTTP_MAX_RANGES * 44];
    size_t size = 0;
    text[0] = 0;
    for (size_t i = 0; i < d->range_count; i++)
        size += (size_t)sprintf(text + size, "%s%lld-%lld", i > 0 ? "," : "", (long long)d->ranges[i].first,
                                (long long)(d->ranges[i].first + d->ranges[i].size - 1));
    return text;
}

struct row {
    const char *rule, *method, *lines;
    int64_t size;
    const char *ranges; /* "0-4,8-9"; NULL: none */
    enum there there;
    int status;
};

static inline void check_rows(const struct row *rows, size_t count)
{
    static struct asking asking;
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        struct http_decision d;
        make_request(&asking, row->method, row->lines);
        int status = http_evaluate(&asking.request, validators_of(row->there), row->size, &d);
        assert_int_equal(status, d.status);
        if (status != row->status || strcmp(ranges_text(&d), row->ranges ? row->ranges : "") != 0)
            fail_msg("%s: %s %s: %d %s, not %d %s", row->rule, row->method, row->lines, status,
                     ranges_text(&d), row->status, row->ranges ? row->ranges : "");
    }
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof *(rows))

#endif
