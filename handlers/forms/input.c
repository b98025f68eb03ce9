/* SPDX-License-Identifier: MIT */
/* The body, as the codings of a form read it, and what becomes of one that cannot be read on. */
#include "forms/form.h"
#include "http/exchange.h"
#include <errno.h>

static int status_of(int error)
{
    return error == -EMSGSIZE ? 413 : error == -EINVAL ? 415 : 400;
}

int http_form_refuse(struct ss_handler *h, int error, const char *explain)
{
    struct http_refusal *refusal = &http_exchange_of(h)->body.refusal;
    if (refusal->status == 0)
        *refusal = (struct http_refusal){status_of(error), explain};
    return error;
}

int http_form_fail(struct http_form *form, int error, const char *explain)
{
    if (!form->error) {
        form->error = error;
        form->explain = explain;
        if (form->h && explain)
            http_form_refuse(form->h, error, explain);
    }
    return form->error;
}

ssize_t http_form_peek(struct http_form *form, const char **data, size_t want)
{
    const struct ss_stream *in = form->in;
    if (form->error)
        return form->error;
    *data = "";
    if (in->eof && in->rpos == in->rend) /* there may be no buffer */
        return 0;
    ssize_t n = ss_peek(form->in, data, want);
    return n < 0 ? http_form_fail(form, (int)n, NULL) : n;
}
