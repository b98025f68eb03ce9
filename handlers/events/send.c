/* SPDX-License-Identifier: MIT */
/* What a handler sends to its own client. */
#include "events/es.h"
#include "text/format.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct iovec es_on_the_wire(const struct es *es, const char *chunk, size_t size)
{
    return es->chunked ? (struct iovec){(void *)(uintptr_t)chunk, size} : es_text_of(chunk, size);
}

int es_send_text(struct es *es, const char *text, size_t size)
{
    char head[24];
    struct iovec all[] = {{head, (size_t)snprintf(head, sizeof head, "%zx\r\n", size)},
                          {(void *)(uintptr_t)text, size},
                          {(char[]){"\r\n"}, 2}};
    if (es->ended)
        return -EPIPE;
    return es->chunked ? ss_writev(es->h->wfile, all, 3) : ss_writev(es->h->wfile, &all[1], 1);
}

static int send_and_free(struct es *es, const struct es_text *text)
{
    struct iovec sent = es_on_the_wire(es, text->chunk, text->chunk_size);
    int rc = es->ended ? -EPIPE : ss_writev(es->h->wfile, &sent, 1);
    free(text->chunk);
    return rc;
}

int es_send(struct es *es, const struct es_event *event)
{
    struct es_text text;
    int rc = es_format(event, &text);
    return rc < 0 ? rc : send_and_free(es, &text);
}

int es_comment(struct es *es, const char *comment)
{
    struct es_text text;
    int rc = es_format_comment(comment, &text);
    return rc < 0 ? rc : send_and_free(es, &text);
}

int es_vprintf(struct es *es, const char *event, const char *format, va_list args)
{
    struct http_formatted data;
    int rc = http_format(&data, format, args);
    if (rc == 0)
        rc = es_send(es, &(struct es_event){.event = event, .data = data.text});
    http_formatted_free(&data);
    return rc;
}

int es_printf(struct es *es, const char *event, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int rc = es_vprintf(es, event, format, args);
    va_end(args);
    return rc;
}

int es_flush(struct es *es)
{
    return es->ended ? -EPIPE : ss_flush(es->h->wfile);
}
