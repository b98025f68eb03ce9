/* SPDX-License-Identifier: MIT */
/* multipart/form-data (RFC 7578): where its parts begin and end (RFC 2046 5.1.1). Lines end with CR LF, and
   with nothing else: a bare LF is data. */
#include "forms/form.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* One or more of RFC 2046's bchars, the last one no space. */
static bool is_boundary(const char *text)
{
    static const char allowed[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'()+_,-./:=? ";
    size_t size = strspn(text, allowed);
    return !text[size] && size > 0 && size <= HTTP_FORM_BOUNDARY && text[size - 1] != ' ';
}

static int begin(struct http_form *form, char *parameters)
{
    const char *boundary = NULL;
    char *name, *value;
    int rc;
    while ((rc = http_parameter_next(&parameters, &name, &value)) > 0) {
        if (strcasecmp(name, "boundary") != 0)
            continue;
        if (boundary)
            return http_form_fail(form, -EPROTO, "The form has two boundaries");
        boundary = value;
    }
    if (rc < 0 || !boundary || !is_boundary(boundary))
        return http_form_fail(form, -EPROTO, "The form has no proper boundary");
    memcpy(form->delimiter, "\r\n--", 4);
    form->delimiter_size = 4 + strlen(boundary);
    memcpy(form->delimiter + 4, boundary, form->delimiter_size - 4);
    return 0;
}

/* Looks at what stands behind a boundary, *at bytes into the input, and takes nothing of it. A delimiter goes
   on with "--" if it is the last one, with white space that a transport may have added, and with the end of
   the line, instead of which the body may end behind the last one (RFC 2046 5.1.1). Returns 1 for a
   delimiter, and moves *at behind its line; 0 for data, of which the bytes before *at are some; or -errno. */
static int match_line(struct http_form *form, size_t *at)
{
    const char *data;
    ssize_t n = http_form_peek(form, &data, *at + 2);
    form->last = n >= (ssize_t)*at + 2 && memcmp(data + *at, "--", 2) == 0;
    *at += form->last ? 2 : 0;
    size_t most = *at + HTTP_FORM_MAX_PADDING;
    while ((n = http_form_peek(form, &data, *at + 1)) > (ssize_t)*at &&
           (data[*at] == ' ' || data[*at] == '\t'))
        if (++*at > most)
            return http_form_fail(form, -EMSGSIZE, "The line of a boundary of the form is too long");
    if (n > (ssize_t)*at && data[*at] != '\r')
        return 0;
    if (n > (ssize_t)*at)
        n = http_form_peek(form, &data, *at + 2);
    if (n >= (ssize_t)*at + 2) {
        bool ends = data[*at + 1] == '\n';
        *at += ends ? 2 : 0;
        return ends;
    }
    if (n == (ssize_t)*at && form->last)
        return 1;
    return n < 0 ? (int)n : http_form_fail(form, -EPROTO, "The form ends without its last boundary");
}

/* Stores in form->safe how many of the next bytes belong to the part: all that stand before the delimiter,
   or, where none has come yet, all that cannot be the beginning of one. If these are none, the delimiter is
   next, and form->line is the size of its line. */
static int look_ahead(struct http_form *form)
{
    const char *data, *found;
    ssize_t n = http_form_peek(form, &data, form->delimiter_size);
    if (n < 0)
        return (int)n;
    if ((size_t)n < form->delimiter_size)
        return http_form_fail(form, -EPROTO, "The form ends without its last boundary");
    found = memmem(data, (size_t)n, form->delimiter, form->delimiter_size);
    form->safe = found ? (size_t)(found - data) : (size_t)n - (form->delimiter_size - 1);
    if (form->safe > 0)
        return 0;
    size_t at = form->delimiter_size;
    int rc = match_line(form, &at);
    *(rc > 0 ? &form->line : &form->safe) = at;
    return rc < 0 ? rc : 0;
}

static ssize_t read_part(struct http_form *form, char *data, size_t size)
{
    const char *from;
    int rc = form->safe == 0 ? look_ahead(form) : 0;
    if (rc < 0 || form->safe == 0)
        return rc;
    if (size > form->safe)
        size = form->safe;
    ss_peek(form->in, &from, 0); /* they are in the buffer */
    memcpy(data, from, size);
    ss_skip(form->in, size);
    form->safe -= size;
    return (ssize_t)size;
}

/* Skips what stands before the first boundary. Where nothing does, that boundary lacks the line end that the
   others begin with. */
static int skip_preamble(struct http_form *form)
{
    const char *data;
    size_t size = form->delimiter_size - 2;
    ssize_t n = http_form_peek(form, &data, size);
    if (n >= (ssize_t)size && memcmp(data, form->delimiter + 2, size) == 0) {
        int rc = match_line(form, &size);
        form->line = rc > 0 ? size : 0;
        if (rc != 0)
            return rc < 0 ? rc : 0;
    }
    do
        n = read_part(form, form->buffer, sizeof form->buffer);
    while (n > 0);
    return (int)n;
}

/* Skips what comes behind the last boundary, up to the end of the body: it means nothing. */
static int finish(struct http_form *form)
{
    const char *data;
    ssize_t n;
    while ((n = http_form_peek(form, &data, 1)) > 0)
        ss_skip(form->in, (size_t)n);
    return (int)n;
}

/* Takes the head of a part, with the empty line behind it, and puts it into form->text, without that line. */
static int take_head(struct http_form *form)
{
    const char *data, *end = NULL;
    size_t want = 4, from = 0;
    while (!end) {
        ssize_t n = http_form_peek(form, &data, want);
        if (n < 0)
            return (int)n;
        if ((size_t)n < want || memcmp(data, "\r\n", 2) == 0)
            return http_form_fail(form, -EPROTO, "A part of the form has no head");
        end = memmem(data + from, (size_t)n - from, "\r\n\r\n", 4);
        if (end ? end + 4 - data > HTTP_FORM_MAX_HEAD : n >= HTTP_FORM_MAX_HEAD)
            return http_form_fail(form, -EMSGSIZE, "The head of a part of the form is too long");
        from = (size_t)n - 3;
        want = (size_t)n + 1;
    }
    memcpy(form->text, data, (size_t)(end + 2 - data));
    form->text[end + 2 - data] = 0;
    ss_skip(form->in, (size_t)(end + 4 - data));
    if (strlen(form->text) != (size_t)(end + 2 - data))
        return http_form_fail(form, -EPROTO, "The head of a part of the form contains a NUL");
    return 0;
}

static int parse_head(struct http_form *form, struct http_part *part)
{
    const char *explain = NULL;
    if (http_part_parse(form->text, part, &explain) < 0)
        return http_form_fail(form, -EPROTO, explain);
    if (strlen(part->name) > HTTP_FORM_MAX_NAME)
        return http_form_fail(form, -EMSGSIZE, "The name of a form's field is too long");
    return 1;
}

static int next(struct http_form *form, struct http_part *part)
{
    int rc = form->count == 0 ? skip_preamble(form) : 0;
    if (rc < 0)
        return rc;
    ss_skip(form->in, form->line);
    if (form->last)
        return finish(form);
    rc = take_head(form);
    return rc < 0 ? rc : parse_head(form, part);
}

const struct http_form_coding http_multipart = {
    .type = "multipart/form-data",
    .begin = begin,
    .next = next,
    .read = read_part,
};
