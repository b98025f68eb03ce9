/* What a client sends: forms in either coding, and whole bodies. */
#include "forms/form.h"
#include "http/exchange.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

static int status_of(int error)
{
    return error == -EMSGSIZE ? 413 : error == -EINVAL ? 415 : 400;
}

/* The client gets this answer when do_X returns the error. */
static int refuse(struct ss_handler *h, int error, const char *explain)
{
    struct http_refusal *refusal = &http_exchange_of(h)->body.refusal;

    if (refusal->status == 0)
        *refusal = (struct http_refusal){status_of(error), explain};
    return error;
}

int http_form_fail(struct http_form *form, int error, const char *explain)
{
    if (form->error == 0) {
        form->error = error;
        form->explain = explain;
        if (form->h != NULL && explain != NULL)
            refuse(form->h, error, explain);
    }
    return form->error;
}

ssize_t http_form_peek(struct http_form *form, const char **data, size_t want)
{
    const struct ss_stream *in = form->in;
    ssize_t n;

    if (form->error != 0)
        return form->error;
    *data = "";
    if (in->eof && in->rpos == in->rend) /* there may be no buffer */
        return 0;
    n = ss_peek(form->in, data, want);
    return n < 0 ? http_form_fail(form, (int)n, NULL) : n;
}

/* ---------------------------------------------------------------- media types */

/* Compares "type/subtype" and stops at parameters; returns what follows them, or NULL. */
static const char *match_type(const char *field, const char *type)
{
    size_t size = strlen(type);

    if (field == NULL || strncasecmp(field, type, size) != 0)
        return NULL;
    field += size + strspn(field + size, " \t");
    return *field == ';' || *field == '\0' ? field : NULL;
}

SS_API bool http_content_type_is(const struct ss_handler *h, const char *type)
{
    return match_type(http_header(h, "Content-Type"), type) != NULL;
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
    .write = NULL,
    .sendfile = NULL,
    .flush = NULL,
    .write_eof = NULL,
    .close = NULL,
};

/* What the caller has not read of the value before. */
static int skip_value(struct http_form *form)
{
    ssize_t n = 0;

    while (form->open && (n = form->coding->read(form, form->buffer, sizeof form->buffer)) > 0)
        ;
    form->open = false;
    return n < 0 ? (int)n : form->error;
}

SS_API int http_form_next(struct http_form *form, struct http_part *part)
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

        if (parameters == NULL)
            continue;
        parameters += *parameters == ';';
        if (strlen(parameters) > HTTP_FORM_MAX_HEAD)
            return http_form_fail(form, -EPROTO, "The Content-Type is too long");
        form->coding = codings[i];
        return codings[i]->begin(form, strcpy(form->text, parameters));
    }
    return http_form_fail(form, -EINVAL, "The body is no form");
}

SS_API int http_form_open(struct ss_handler *h, struct http_form **form)
{
    struct http_form *made = ss_alloc(h, sizeof *made);
    int rc;

    if (made == NULL)
        return -ENOMEM;
    memset(made, 0, sizeof *made);
    made->h = h;
    rc = http_form_init(made, h->rfile, http_header(h, "Content-Type"));
    if (rc == 0)
        *form = made;
    return rc;
}

/* ---------------------------------------------------------------- all at once */

/* Reads to the end, into memory that grows as the data comes; a NUL is put behind it. */
static int collect(struct ss_handler *h, struct ss_stream *from, size_t limit, char **data, size_t *size)
{
    size_t room = limit < 1024 ? limit : 1024, done = 0;
    char *text = ss_alloc(h, room + 1), extra;
    ssize_t n = 1;

    while (text != NULL && n > 0) {
        if (done == room && done < limit) {
            char *more;

            room = room > limit / 2 ? limit : room * 2;
            more = ss_alloc(h, room + 1);
            text = more != NULL ? memcpy(more, text, done) : NULL;
            continue;
        }
        n = done < room ? ss_read(from, text + done, room - done) : ss_read(from, &extra, 1);
        if (n > 0 && done == limit)
            return -EMSGSIZE;
        done += n > 0 ? (size_t)n : 0;
    }
    if (text == NULL || n < 0)
        return text == NULL ? -ENOMEM : (int)n;
    text[done] = '\0';
    *data = text;
    if (size != NULL)
        *size = done;
    return 0;
}

SS_API int http_form_value(struct http_form *form, size_t limit, char **value, size_t *size)
{
    int rc = collect(form->h, &form->value, limit, value, size);

    return rc == -EMSGSIZE ? http_form_fail(form, rc, "A field of the form is too long") : rc;
}

SS_API int http_read_body(struct ss_handler *h, size_t limit, char **data, size_t *size)
{
    int64_t length = http_request(h)->content_length;
    int rc = length > 0 && (uint64_t)length > limit ? -EMSGSIZE : collect(h, h->rfile, limit, data, size);

    return rc == -EMSGSIZE ? refuse(h, rc, NULL) : rc;
}
