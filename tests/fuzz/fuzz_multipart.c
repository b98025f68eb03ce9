/* SPDX-License-Identifier: MIT */
/* multipart/form-data: however the body is cut into pieces and read, the same fields come of it, and they are
   what another parser, which has the whole body before it, finds between the delimiters (RFC 2046 5.1.1). The
   first line is the boundary, as the Content-Type has it; two bytes before it choose the pieces. */
#include "fuzz.h"
#include "unit/form_rig.h"

static const char fixed[] = "multipart/form-data; boundary=";

/* ---------------------------------------------------------------- the other parser */

struct line {
    const char *start, *end; /* with the line end before it, and its own */
    bool last;
};

/* The delimiter that stands at `at`, where a line begins. */
static bool is_delimiter(const char *at, const char *end, const char *boundary, struct line *line)
{
    size_t size = strlen(boundary);
    if ((size_t)(end - at) < size + 2 || memcmp(at, "--", 2) != 0 || memcmp(at + 2, boundary, size) != 0)
        return false;
    at += size + 2;
    line->last = end - at >= 2 && memcmp(at, "--", 2) == 0;
    at += line->last ? 2 : 0;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    line->end = at + (end - at >= 2 && memcmp(at, "\r\n", 2) == 0 ? 2 : 0);
    return line->end > at || (line->last && at == end);
}

/* The first delimiter from `at` on; `first`: it may be the very first line. */
static bool find_delimiter(const char *at, const char *end, const char *boundary, bool first,
                           struct line *line)
{
    line->start = at;
    if (first && is_delimiter(at, end, boundary, line))
        return true;
    for (; end - at >= 2; at++) {
        line->start = at;
        if (memcmp(at, "\r\n", 2) == 0 && is_delimiter(at + 2, end, boundary, line))
            return true;
    }
    return false;
}

static void add_value(struct events *events, const char *data, size_t size)
{
    char number[24];
    snprintf(number, sizeof number, "%zu:", size);
    add(events, number, strlen(number));
    add(events, data, size);
}

/* The values between the delimiters, each behind its size. False: the last delimiter is missing. */
static bool split(const char *at, const char *end, const char *boundary, struct events *values)
{
    struct line line;
    bool found = find_delimiter(at, end, boundary, true, &line);
    while (found && !line.last) {
        const char *start = memmem(line.end, (size_t)(end - line.end), "\r\n\r\n", 4);
        found = start && find_delimiter(start + 4, end, boundary, false, &line);
        if (found)
            add_value(values, start + 4, (size_t)(line.start - start - 4));
    }
    return found;
}

/* ---------------------------------------------------------------- the one that is tested */

/* The values of the form in one call each. Returns what the form ends with. */
static int values_of(const char *type, struct source source, struct events *values)
{
    static char rbuf[8192], data[4097];
    struct http_form *form = calloc(1, sizeof *form);
    struct http_part part;
    struct ss_stream in;
    REQUIRE(form);
    ss_stream_init(&in, &source_stream, &source, rbuf, sizeof rbuf, NULL, 0);
    int rc = http_form_init(form, &in, type);
    while (rc >= 0 && (rc = http_form_next(form, &part)) > 0) {
        ssize_t n = ss_readexactly(part.stream, data, sizeof data);
        if (n >= 0)
            add_value(values, data, (size_t)n);
        rc = n < 0 ? (int)n : 0;
    }
    free(form);
    return rc;
}

static void compare_parsers(const char *type, struct source source, int rc)
{
    struct events expected = {0}, values = {0};
    const char *boundary = type + sizeof fixed - 1;
    bool whole = split(source.data, source.data + source.size, boundary, &expected);
    add(&expected, "", 0);
    add(&values, "", 0);
    REQUIRE(values_of(type, source, &values) == rc);
    REQUIRE(rc < 0 || whole); /* the other one does not look at heads, so it finds fewer faults */
    REQUIRE(rc < 0 || (values.size == expected.size && memcmp(values.text, expected.text, values.size) == 0));
    free(expected.text);
    free(values.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct events whole = {0}, pieces = {0};
    const char *text = (const char *)data + 2, *end;
    char type[sizeof fixed + 100];
    if (size < 3 || size > 4096 || !(end = memchr(text, '\n', size - 2)) || end - text > 100)
        return 0;
    memcpy(mempcpy(type, fixed, sizeof fixed - 1), text, (size_t)(end - text));
    type[sizeof fixed - 1 + (size_t)(end - text)] = '\0';
    struct source source = {end + 1, size - 3 - (size_t)(end - text), 0, SIZE_MAX};
    int rc = run_form(type, source, 64, &whole);
    if (!strpbrk(type + sizeof fixed - 1, "; \t\""))
        compare_parsers(type, source, rc);
    source.first = data[0];
    source.step = data[1] % 128 + 1;
    REQUIRE(run_form(type, source, data[1] % 64 + 1, &pieces) == rc);
    REQUIRE(whole.size == pieces.size && memcmp(whole.text, pieces.text, whole.size) == 0);
    REQUIRE(whole.size <= size + 8);
    free(whole.text);
    free(pieces.text);
    return 0;
}
