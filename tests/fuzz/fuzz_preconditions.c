/* SPDX-License-Identifier: MIT */
/* http_evaluate: any request, any representation. The input: a byte that chooses method and representation, a
   byte for the size, then field lines, whose first byte chooses the name. */
#include "http_server.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_LINES = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_ranges(const struct http_decision *d, int64_t size)
{
    int64_t total = 0;
    require(d->range_count > 0 && d->range_count <= HTTP_MAX_RANGES);
    for (size_t i = 0; i < d->range_count; i++) {
        const struct http_range *r = &d->ranges[i];
        require(r->first >= 0 && r->size > 0 && r->first < size && r->size <= size - r->first);
        require(r->size <= size - total);
        total += r->size;
        for (size_t j = 0; j < i; j++) { /* a gap between any two */
            const struct http_range *o = &d->ranges[j];
            require(o->first + o->size < r->first || r->first + r->size < o->first);
        }
    }
}

static bool has(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->field_count; i++)
        if (strcmp(request->fields[i].name, name) == 0)
            return true;
    return false;
}

static void check(const struct http_request *request, const struct http_validators *current, int64_t size)
{
    struct http_decision d;
    bool get = strcmp(request->command, "GET") == 0, head = strcmp(request->command, "HEAD") == 0;
    int status = http_evaluate(request, current, size, &d);
    require(status == d.status);
    switch (status) {
    case 200:
        break;
    case 206:
        check_ranges(&d, size);
        require(get && has(request, "Range"));
        break;
    case 304:
        require((get || head) && (has(request, "If-None-Match") || has(request, "If-Modified-Since")));
        break;
    case 412:
        require(has(request, "If-Match") || has(request, "If-Unmodified-Since") ||
                has(request, "If-None-Match"));
        break;
    case 416:
        require(get && size >= 0 && has(request, "Range"));
        break;
    default:
        abort();
    }
    require(status == 206 || d.range_count == 0);
}

/* The lines of `text`, each ended by NUL; control characters never come so far. */
static size_t split(char *text, struct http_field fields[MAX_LINES])
{
    static const char *const names[] = {
        "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
        "X",     "Ranges"};
    size_t count = 0;
    for (char *line; count < MAX_LINES && (line = strsep(&text, "\n")) != NULL;) {
        if (*line == '\0')
            continue;
        const char *name = names[*(unsigned char *)line % 8];
        fields[count++] = (struct http_field){name, line + 1, strlen(name), strlen(line + 1)};
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = {"GET", "HEAD", "PUT", "OPTIONS"};
    static const int64_t sizes[] = {-1, 0, 1, INT64_MAX, 1000, 100, 10, 65536};
    static const time_t date = 784111777;
    static const struct http_validators all[] = {
        {"\"a\"", &date, true}, {"W/\"a\"", &date, false}, {NULL, NULL, false}, {"a", NULL, true}};
    struct http_field fields[MAX_LINES];
    struct http_request request = {.fields = fields};
    if (size < 2)
        return 0;
    char *text = malloc(size - 1); /* of its exact size: a byte read too far is seen */
    if (text == NULL)
        return 0;
    memcpy(text, data + 2, size - 2);
    text[size - 2] = '\0';
    request.command = methods[data[0] % 4];
    request.field_count = split(text, fields);
    check(&request, (data[0] >> 2) % 5 == 4 ? NULL : &all[(data[0] >> 2) % 5], sizes[data[1] % 8]);
    free(text);
    return 0;
}
