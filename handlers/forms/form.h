/* SPDX-License-Identifier: MIT */
/* Forms as streams of fields, in either coding. What is public of this is described in http_server.h. form.c
   steps through the fields; urlencoded.c and multipart.c, with part_head.c, are the codings; both read by
   input.c.

   A coding reads the body by http_form_peek and ss_skip only, and keeps nothing of a value: that is why the
   size of a form does not matter. The name of a field and what stands beside it become strings in `text`,
   which the next field overwrites. */
#ifndef HTTP_FORM_H
#define HTTP_FORM_H

#include "http_server.h"

#define HTTP_FORM_BOUNDARY 70 /* bytes of a boundary at most (RFC 2046 5.1.1) */

struct http_form;

struct http_form_coding {
    const char *type; /* media type */
    /* `parameters`: those of the Content-Type behind the first semicolon, to be changed. 0 or -errno. */
    int (*begin)(struct http_form *form, char *parameters);
    /* The value before has been read to its end. 1 with name, filename and type; 0: no more; -errno. */
    int (*next)(struct http_form *form, struct http_part *part);
    /* As ss_read: the value of the field that `next` has found. */
    ssize_t (*read)(struct http_form *form, char *data, size_t size);
};

struct http_form {
    struct ss_handler *h; /* NULL: a form without a request, for the tests */
    struct ss_stream *in;
    const struct http_form_coding *coding;
    struct ss_stream value;
    size_t count;  /* of fields so far */
    bool open;     /* there is a field whose value may not have been read to its end */
    bool finished; /* there was the last one */
    int error;     /* the first one */
    const char *explain;

    /* multipart's */
    char delimiter[4 + HTTP_FORM_BOUNDARY]; /* CR LF "--" boundary */
    size_t delimiter_size;
    size_t safe; /* the next bytes of `in` that are known to be data */
    size_t line; /* bytes of the delimiter that is next, and of the rest of its line */
    bool last;   /* that delimiter is the one behind the last part */

    char text[HTTP_FORM_MAX_HEAD + 1];
    char buffer[512]; /* of `value` */
};

/* form.c: makes a form that reads from `in`, whose buffer is larger than HTTP_FORM_MAX_HEAD (or that has
   ended). 0, -EINVAL for a type that is no form's, or NULL; -EPROTO for a boundary that is none. */
int http_form_init(struct http_form *form, struct ss_stream *in, const char *content_type);

/* input.c: as ss_peek; an error is the form's. */
ssize_t http_form_peek(struct http_form *form, const char **data, size_t want);

/* When do_X returns `error`, the client gets the answer that stands for it. Returns it. */
int http_form_refuse(struct ss_handler *h, int error, const char *explain);
/* The form cannot be read on: remembers why and returns the error: -EPROTO malformed (400), -EMSGSIZE beyond
   a limit (413), -EINVAL no form (415). */
int http_form_fail(struct http_form *form, int error, const char *explain);

/* part_head.c: steps through "name=value; name=\"value\"": makes both strings in place. *at stands behind the
   semicolon before. 1, 0 at the end, -EPROTO. In quotes a backslash escapes a quote or a backslash and stands
   for itself elsewhere: browsers escape nothing so, and "C:\dir" is what some send. */
int http_parameter_next(char **at, char **name, char **value);

/* Parses the head of a part, lines that end with CR LF, in place. 0, or -EPROTO with a reason. */
int http_part_parse(char *text, struct http_part *part, const char **explain);

extern const struct http_form_coding http_urlencoded, http_multipart;

#endif
