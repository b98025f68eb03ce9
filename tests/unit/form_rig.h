/* SPDX-License-Identifier: MIT */
/* Forms from memory, in pieces of any size, and what comes of them as text. For unit tests and fuzz targets.
 */
#ifndef TESTS_UNIT_FORM_RIG_H
#define TESTS_UNIT_FORM_RIG_H

#include "forms/form.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The body, and how it arrives: first `first` bytes, then `step` at a time. */
struct source {
    const char *data;
    size_t size, first, step;
};

static ssize_t source_read(struct ss_stream *s, void *data, size_t size)
{
    struct source *from = s->context;
    size_t n = from->first > 0 ? from->first : from->step;

    from->first = 0;
    if (n > size)
        n = size;
    if (n > from->size)
        n = from->size;
    memcpy(data, from->data, n);
    from->data += n;
    from->size -= n;
    return (ssize_t)n;
}

static const struct ss_stream_class source_stream = {.name = "source", .read = source_read};

struct events {
    char *text;
    size_t size, room;
};

static void add(struct events *events, const char *data, size_t size)
{
    if (events->size + size + 1 > events->room) {
        events->room = (events->room + size + 1) * 2;
        events->text = realloc(events->text, events->room);
        if (events->text == NULL)
            abort();
    }
    memcpy(events->text + events->size, data, size);
    events->size += size;
    events->text[events->size] = '\0';
}

static void add_string(struct events *events, const char *before, const char *text)
{
    if (text == NULL)
        return;
    add(events, before, strlen(before));
    add(events, text, strlen(text));
}

/* "name<filename>{type}=value;" for each field; then ".", or "!" and the number of the error. `each`: how
   many bytes of a value are read at once, 0: none are, and there is no "=value". */
static int run_form(const char *type, struct source source, size_t each, struct events *events)
{
    static char rbuf[8192];
    struct http_form *form = calloc(1, sizeof *form);
    struct http_part part;
    struct ss_stream in;
    char data[64], number[16];
    int rc;

    if (form == NULL)
        abort();
    add(events, "", 0);
    ss_stream_init(&in, &source_stream, &source, rbuf, sizeof rbuf, NULL, 0);
    rc = http_form_init(form, &in, type);
    while (rc >= 0 && (rc = http_form_next(form, &part)) > 0) {
        ssize_t n = 0;

        add_string(events, "", part.name);
        add_string(events, "<", part.filename);
        add_string(events, "{", part.type);
        if (each > 0)
            add(events, "=", 1);
        while (each > 0 && (n = ss_read(part.stream, data, each)) > 0)
            add(events, data, (size_t)n);
        add(events, ";", 1);
        if (n < 0)
            rc = (int)n;
    }
    snprintf(number, sizeof number, rc < 0 ? "!%d" : ".", -rc);
    add(events, number, strlen(number));
    free(form);
    return rc;
}

#endif
