/* SPDX-License-Identifier: MIT */
#include "text/format.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int http_format(struct http_formatted *f, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(f->small, sizeof f->small, format, args), rc = n < 0 ? -EINVAL : 0;
    f->text = f->small;
    f->size = rc == 0 ? (size_t)n : 0;
    if (f->size >= sizeof f->small) {
        f->text = malloc(f->size + 1);
        if (f->text)
            vsnprintf(f->text, f->size + 1, format, again);
        else
            rc = -ENOMEM;
    }
    va_end(again);
    return rc;
}

void http_formatted_free(struct http_formatted *f)
{
    if (f->text != f->small)
        free(f->text);
}
