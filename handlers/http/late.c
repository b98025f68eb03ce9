/* SPDX-License-Identifier: MIT */
/* A request that is answered later, when somebody has posted to it: meanwhile its connection is parked. What
   is known of it is copied, as all memory of a handler goes when that parks. */
#include "http/late.h"
#include "http/body.h"
#include "http/response.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- a copy of what the client asks for */

enum { STRINGS = 7 };

static void list_strings(struct http_request *request, const char **strings[STRINGS])
{
    strings[0] = &request->command;
    strings[1] = &request->path;
    strings[2] = &request->request_version;
    strings[3] = &request->requestline;
    strings[4] = &request->host;
    strings[5] = &request->user;
    strings[6] = &request->scheme;
}

static size_t size_of_strings(struct http_request *request)
{
    const char **strings[STRINGS];
    size_t size = 0;
    list_strings(request, strings);
    for (int i = 0; i < STRINGS; i++)
        size += strlen(*strings[i]) + 1;
    for (size_t i = 0; i < request->field_count; i++)
        size += request->fields[i].name_size + request->fields[i].value_size + 2;
    return size;
}

/* Moves a string to *text, and *text behind it. */
static void move_string(const char **string, char **text)
{
    char *end = stpcpy(*text, *string);
    *string = *text;
    *text = end + 1;
}

static void move_strings(struct http_late *late)
{
    struct http_request *request = &late->head.request;
    const char **strings[STRINGS];
    char *text = (char *)(late->fields + request->field_count);
    list_strings(request, strings);
    for (int i = 0; i < STRINGS; i++)
        move_string(strings[i], &text);
    for (size_t i = 0; i < request->field_count; i++) {
        move_string(&late->fields[i].name, &text);
        move_string(&late->fields[i].value, &text);
    }
}

static struct http_late *copy_request(struct http_exchange *x)
{
    struct http_request *request = &x->head.request;
    size_t fields = request->field_count * sizeof *request->fields;
    struct http_late *late = malloc(sizeof *late + fields + size_of_strings(request));
    if (!late)
        return NULL;
    *late = (struct http_late){.cls = x->cls, .begun = x->begun, .close = x->close, .head = x->head};
    if (fields)
        memcpy(late->fields, request->fields, fields);
    late->forwarded = x->forwarded;
    if (x->forwarded)
        late->client = x->h->client_address;
    late->head.request.fields = late->fields;
    move_strings(late);
    return late;
}

/* ---------------------------------------------------------------- it is parked */

int http_later(struct ss_handler *h, int ms,
               int (*answer)(struct ss_handler *h, const struct ss_message *message))
{
    struct http_exchange *x = http_exchange_of(h);
    if (x->response.status || x->late)
        return -EALREADY;
    int rc = http_body_inspect(h);
    if (rc < 0)
        return rc;
    x->late = copy_request(x);
    if (!x->late)
        return -ENOMEM;
    x->late->answer = answer;
    x->late->due = ms < 0 ? UINT64_MAX : ss_now() + (uint64_t)ms;
    return SS_PARK;
}

/* The connection was closed while it was parked. */
static void free_late(void *data)
{
    struct http_late *late = data;
    if (late->free_data)
        late->free_data(late->data);
    free(late);
}

static int time_left_for(const struct http_late *late)
{
    uint64_t now = ss_now();
    return late->due == UINT64_MAX ? -1 : late->due <= now ? 0 : (int)(late->due - now);
}

int http_late_park(struct http_exchange *x, int (*resume)(struct ss_handler *h, int why))
{
    struct ss_request *request = x->h->request;
    struct http_late *late = x->late;
    x->in->tied = NULL;
    late->data = request->data;
    late->free_data = request->free_data;
    request->data = late;
    request->free_data = free_late;
    request->resume = resume;
    x->h->timeout = time_left_for(late);
    return SS_PARK;
}

/* ---------------------------------------------------------------- it goes on */

static int receive_message(struct ss_handler *h, struct ss_message *message)
{
    int rc = ss_receive(h, message);
    return rc == 0 ? HTTP_LATE_MESSAGE : rc == -EAGAIN ? HTTP_LATE_PARKED : rc;
}

/* A connection with input cannot be parked; it may be the next request. */
static int await_message(struct ss_handler *h, const struct http_late *late, struct ss_message *message)
{
    int rc = ss_wait(h, SS_MESSAGE | SS_IDLE, time_left_for(late));
    if (rc == 0 || rc == -ECANCELED)
        return rc == 0 ? HTTP_LATE_OVER : HTTP_LATE_CANCELED;
    return rc < 0 ? rc : receive_message(h, message);
}

int http_late_await(struct ss_handler *h, const struct http_late *late, struct ss_message *message)
{
    const char *data;
    int rc = receive_message(h, message);
    if (rc != HTTP_LATE_PARKED || late->why <= 0)
        return rc != HTTP_LATE_PARKED ? rc : late->why < 0 ? HTTP_LATE_CANCELED : HTTP_LATE_OVER;
    ssize_t n = ss_peek_now(h->rfile, &data, 1);
    if (n > 0)
        return await_message(h, late, message);
    h->timeout = time_left_for(late);
    return n == -EAGAIN ? HTTP_LATE_PARKED : HTTP_LATE_GONE;
}

void http_late_restore(struct http_exchange *x, const struct http_late *late)
{
    struct ss_request *request = x->h->request;
    request->data = late->data;
    request->free_data = late->free_data;
    request->resume = NULL;
    request->busy = true;
    memset(&x->head, 0, sizeof *x - offsetof(struct http_exchange, head));
    x->head = late->head;
    x->begun = late->begun;
    x->close = late->close;
    x->forwarded = late->forwarded;
    if (x->forwarded)
        x->h->client_address = late->client;
    http_response_reset(x);
    http_body_end(x);
    x->in->tied = &x->lent->wfile;
}
