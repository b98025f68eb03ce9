/* SPDX-License-Identifier: MIT */
/* What a client sends: forms in either coding, and whole bodies. */
#include "forms/form.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

/* ---------------------------------------------------------------- media types */

/* Compares "type/subtype" and stops at parameters; returns what follows them, or NULL. */
static const char *match_type(const char *field, const char *type)
{
    size_t size = strlen(type);
    if (!field || strncasecmp(field, type, size) != 0)
        return NULL;
    field += size + strspn(field + size, " \t");
    return *field == ';' || !*field ? field : NULL;
}

bool http_content_type_is(const struct ss_handler *h, const char *type)
{
    return match_type(http_header(h, "Content-Type"), type);
}

/* ---------------------------------------------------------------- forms */

static ssize_t value_read(struct ss_stream *s, void *data, size_t size)
{
    struct http_form *form = s->context;
    ssize_t n = form->open ? form->coding->read(form, data, size) : 0;
    form->open = form->open && n > 0;
    return n;
}

static const struct ss_stream_class value_stream = {
    .name = "http form value",
    .read = value_read,
};

/* Skips what the caller has left of the value before. */
static int skip_value(struct http_form *form)
{
    ssize_t n = 0;
    while (form->open && (n = form->coding->read(form, form->buffer, sizeof form->buffer)) > 0)
        ;
    form->open = false;
    return n < 0 ? (int)n : form->error;
}

int http_form_next(struct http_form *form, struct http_part *part)
{
    struct http_part found = {0};
    int rc = skip_value(form);
    if (rc < 0 || form->finished)
        return rc < 0 ? rc : 0;
    rc = form->coding->next(form, &found);
    form->finished = rc == 0;
    if (rc <= 0)
        return rc;
    if (++form->count > HTTP_FORM_MAX_FIELDS) {
        http_form_fail(form, -EMSGSIZE, "The form has too many fields");
        return -EMSGSIZE;
    }
    form->open = true;
    ss_stream_init(&form->value, &value_stream, form, form->buffer, sizeof form->buffer, NULL, 0);
    form->value.server = form->in->server;
    found.stream = &form->value;
    *part = found;
    return 1;
}

int http_form_init(struct http_form *form, struct ss_stream *in, const char *content_type)
{
    static const struct http_form_coding *const codings[] = {&http_urlencoded, &http_multipart};
    form->in = in;
    for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++) {
        const char *parameters = match_type(content_type, codings[i]->type);
        if (!parameters)
            continue;
        parameters += *parameters == ';';
        if (strlen(parameters) > HTTP_FORM_MAX_HEAD)
            return http_form_fail(form, -EPROTO, "The Content-Type is too long");
        form->coding = codings[i];
        return codings[i]->begin(form, strcpy(form->text, parameters));
    }
    return http_form_fail(form, -EINVAL, "The body is no form");
}

int http_form_open(struct ss_handler *h, struct http_form **form)
{
    struct http_form *made = ss_alloc(h, sizeof *made);
    if (!made)
        return -ENOMEM;
    memset(made, 0, sizeof *made);
    made->h = h;
    int rc = http_form_init(made, h->rfile, http_header(h, "Content-Type"));
    if (rc < 0)
        return rc;
    *form = made;
    return 0;
}

/* ---------------------------------------------------------------- all at once */

/* Reads to the end, into memory that grows as the data comes, and puts a NUL behind it. */
static int collect(struct ss_handler *h, struct ss_stream *from, size_t limit, char **data, size_t *size)
{
    size_t room = limit < 1024 ? limit : 1024, done = 0;
    char *text = ss_alloc(h, room + 1), extra;
    ssize_t n = 1;
    while (text && n > 0) {
        if (done == room && done < limit) {
            room = room > limit / 2 ? limit : room * 2;
            char *more = ss_alloc(h, room + 1);
            text = more ? memcpy(more, text, done) : NULL;
            continue;
        }
        n = done < room ? ss_read(from, text + done, room - done) : ss_read(from, &extra, 1);
        if (n > 0 && done == limit)
            return -EMSGSIZE;
        done += n > 0 ? (size_t)n : 0;
    }
    if (!text || n < 0)
        return text ? (int)n : -ENOMEM;
    text[done] = 0;
    *data = text;
    if (size)
        *size = done;
    return 0;
}

int http_form_value(struct http_form *form, size_t limit, char **value, size_t *size)
{
    int rc = collect(form->h, &form->value, limit, value, size);
    return rc == -EMSGSIZE ? http_form_fail(form, rc, "A field of the form is too long") : rc;
}

int http_read_body(struct ss_handler *h, size_t limit, char **data, size_t *size)
{
    int64_t length = http_request(h)->content_length;
    int rc = length > 0 && (uint64_t)length > limit ? -EMSGSIZE : collect(h, h->rfile, limit, data, size);
    return rc == -EMSGSIZE ? http_form_refuse(h, rc, NULL) : rc;
}
