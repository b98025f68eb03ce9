/* SPDX-License-Identifier: MIT */
/* Events become text (WHATWG HTML 9.2.5), and that a chunk of HTTP/1.1 (RFC 9112 7.1). */
#include "events/es.h"
#include "text/utf8.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- what can be sent */

static int check_text(const char *text)
{
    return !text || http_is_utf8(text) ? 0 : -EILSEQ;
}

/* A second line would be a field of its own, or the end of the event. */
static int check_line(const char *text)
{
    return text && strpbrk(text, "\r\n") ? -EINVAL : check_text(text);
}

static int check_event(const struct es_event *event)
{
    if (!event->event && !event->data && !event->id && !event->retry)
        return -EINVAL;
    int rc = check_line(event->event);
    if (rc == 0)
        rc = check_line(event->id);
    return rc < 0 ? rc : check_text(event->data);
}

/* ---------------------------------------------------------------- what it looks like */

/* Where text is written to, or just counted. */
struct sink {
    char *at; /* NULL: it is counted */
    size_t size;
};

static void put_text(struct sink *sink, const char *text, size_t size)
{
    if (sink->at && size)
        memcpy(sink->at + sink->size, text, size);
    sink->size += size;
}

static void put_line(struct sink *sink, const char *name, const char *value, size_t size)
{
    put_text(sink, name, strlen(name));
    put_text(sink, ": ", 2);
    put_text(sink, value, size);
    put_text(sink, "\n", 1);
}

/* A field for each line; behind the last end of a line there is one more, which may be empty. */
static void put_lines(struct sink *sink, const char *name, const char *text)
{
    for (;;) {
        size_t size = strcspn(text, "\r\n");
        put_line(sink, name, text, size);
        text += size;
        if (!*text)
            return;
        text += text[0] == '\r' && text[1] == '\n' ? 2 : 1;
    }
}

static void put_event(struct sink *sink, const void *what)
{
    const struct es_event *event = what;
    char number[12];
    if (event->id)
        put_line(sink, "id", event->id, strlen(event->id));
    if (event->event)
        put_line(sink, "event", event->event, strlen(event->event));
    if (event->retry)
        put_line(sink, "retry", number, (size_t)snprintf(number, sizeof number, "%u", event->retry));
    if (event->data)
        put_lines(sink, "data", event->data);
    put_text(sink, "\n", 1);
}

static void put_comment(struct sink *sink, const void *what)
{
    put_lines(sink, "", what);
    put_text(sink, "\n", 1);
}

/* ---------------------------------------------------------------- the chunk around it */

static int make_chunk(void (*put_it)(struct sink *, const void *), const void *what, struct es_text *text)
{
    struct sink counted = {0};
    put_it(&counted, what);
    char line[24], *memory;
    int head = snprintf(line, sizeof line, "%zx\r\n", counted.size);
    if (head > ES_CHUNK_HEAD)
        return -EMSGSIZE;
    if (!(memory = malloc((size_t)head + counted.size + 2)))
        return -ENOMEM;
    struct sink sink = {.at = memory};
    put_text(&sink, line, (size_t)head);
    put_it(&sink, what);
    put_text(&sink, "\r\n", 2);
    *text = (struct es_text){
        .chunk = memory, .chunk_size = sink.size, .text = memory + head, .size = counted.size};
    return 0;
}

int es_format(const struct es_event *event, struct es_text *text)
{
    int rc = check_event(event);
    return rc < 0 ? rc : make_chunk(put_event, event, text);
}

int es_format_comment(const char *comment, struct es_text *text)
{
    int rc = check_text(comment);
    return rc < 0 ? rc : make_chunk(put_comment, comment, text);
}

struct iovec es_text_of(const char *chunk, size_t size)
{
    const char *text = (const char *)memchr(chunk, '\n', size) + 1;
    return (struct iovec){(void *)(uintptr_t)text, size - (size_t)(text - chunk) - 2};
}
