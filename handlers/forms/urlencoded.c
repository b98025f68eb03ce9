/* SPDX-License-Identifier: MIT */
/* application/x-www-form-urlencoded, as the URL standard of the WHATWG (5.1) parses it: what looks like an
   escape and is none stands for itself, so that nothing is malformed. */
#include "forms/form.h"

#include "http_server.h"
#include "text/number.h"
#include <errno.h>
#include <string.h>

static char unescape(const char **at, const char *end)
{
    char c = *(*at)++;
    if (c == '+')
        return ' ';
    if (c == '%' && end - *at >= 2) {
        int high = http_hex_digit((*at)[0]), low = http_hex_digit((*at)[1]);
        if (high >= 0 && low >= 0) {
            *at += 2;
            return (char)(high << 4 | low);
        }
    }
    return c;
}

/* Waits for input, and decodes what there is of it, up to `stop` or '&'. Returns its size; 0 where one of
   these or the end is next. An escape of which only the beginning has come is left for the next call. */
static ssize_t read_decoded(struct http_form *form, char stop, char *data, size_t size)
{
    const char *start;
    ssize_t n = http_form_peek(form, &start, 1);
    size_t done = 0;
    if (n > 0 && *start == '%')
        n = http_form_peek(form, &start, 3);
    if (n <= 0)
        return n;
    const char *at = start, *end = start + n;
    while (at < end && done < size && *at != '&' && *at != stop) {
        if (*at == '%' && end - at < 3 && done > 0)
            break;
        data[done++] = unescape(&at, end);
    }
    ss_skip(form->in, (size_t)(at - start));
    return (ssize_t)done;
}

static ssize_t read_urlencoded(struct http_form *form, char *data, size_t size)
{
    return read_decoded(form, '&', data, size);
}

static int read_name(struct http_form *form, struct http_part *part)
{
    size_t size = 0;
    ssize_t n;
    while ((n = read_decoded(form, '=', form->text + size, HTTP_FORM_MAX_NAME + 1 - size)) > 0) {
        size += (size_t)n;
        if (size > HTTP_FORM_MAX_NAME)
            return http_form_fail(form, -EMSGSIZE, "The name of a form's field is too long");
    }
    if (n < 0)
        return (int)n;
    if (memchr(form->text, '\0', size))
        return http_form_fail(form, -EPROTO, "The name of a form's field contains a NUL");
    form->text[size] = 0;
    part->name = form->text;
    return 1;
}

/* Skips '&' in front of a field. Returns 1 when there is one, 0 at the end. */
static int skip_to_field(struct http_form *form)
{
    const char *data;
    ssize_t n;
    while ((n = http_form_peek(form, &data, 1)) > 0) {
        size_t i = 0;
        while (i < (size_t)n && data[i] == '&')
            i++;
        ss_skip(form->in, i);
        if (i < (size_t)n)
            return 1;
    }
    return (int)n;
}

static int next(struct http_form *form, struct http_part *part)
{
    const char *data;
    int rc = skip_to_field(form);
    if (rc > 0)
        rc = read_name(form, part);
    if (rc > 0 && (rc = (int)http_form_peek(form, &data, 1)) > 0 && *data == '=')
        ss_skip(form->in, 1);
    return rc < 0 ? rc : part->name != NULL;
}

static int begin(struct http_form *form, char *parameters)
{
    (void)form, (void)parameters;
    return 0;
}

const struct http_form_coding http_urlencoded = {
    .type = "application/x-www-form-urlencoded",
    .begin = begin,
    .next = next,
    .read = read_urlencoded,
};
