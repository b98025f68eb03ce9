/* SPDX-License-Identifier: MIT */
/* Formatted text for who has no handler's memory for it. */
#ifndef HTTP_FORMAT_H
#define HTTP_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

struct http_formatted {
    char *text;
    size_t size;
    char small[1024]; /* where it is, if it is no longer */
};

/* Formats as vprintf(3). 0: f->text is to be freed by http_formatted_free; or -ENOMEM, -EINVAL. */
int http_format(struct http_formatted *f, const char *format, va_list args);
void http_formatted_free(struct http_formatted *f);

#endif
