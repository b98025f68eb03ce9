/* SPDX-License-Identifier: MIT */
/* What a handler asks about its request and response. */
#include "http/exchange.h"
#include "text/chars.h"
#include <errno.h>
#include <string.h>

struct http_exchange *http_exchange_of(const struct ss_handler *h)
{
    return ((const struct http_handler *)(const void *)h)->exchange;
}

int http_exchange_borrow(struct http_exchange *x)
{
    if (!x->lent)
        x->lent = ss_borrow(x->h, sizeof *x->lent);
    return x->lent ? 0 : -ENOMEM;
}

void http_exchange_return(struct http_exchange *x)
{
    if (!x->lent || x->told_size)
        return;
    if (x->response.text == x->lent->head)
        x->response.text = NULL, x->response.size = x->response.room = 0;
    ss_return(x->h, x->lent);
    x->lent = NULL;
}

const struct http_request *http_request(const struct ss_handler *h)
{
    return &http_exchange_of(h)->head.request;
}

static const struct http_field *find_field(const struct http_request *request, size_t from, const char *name,
                                           size_t size)
{
    for (size_t i = from; i < request->field_count; i++) {
        if (http_is_named(&request->fields[i], name, size))
            return &request->fields[i];
    }
    return NULL;
}

bool http_is_conditional(const struct ss_handler *h)
{
    return http_exchange_of(h)->head.conditional;
}

const char *http_header(const struct ss_handler *h, const char *name)
{
    const struct http_field *field = find_field(http_request(h), 0, name, strlen(name));
    return field ? field->value : NULL;
}

bool http_header_has(const struct ss_handler *h, const char *name, const char *token)
{
    const struct http_request *request = http_request(h);
    const struct http_field *field = NULL;
    size_t size = strlen(name), from = 0;
    while ((field = find_field(request, from, name, size))) {
        if (http_list_has(field->value, token))
            return true;
        from = (size_t)(field - request->fields) + 1;
    }
    return false;
}

int http_status(const struct ss_handler *h)
{
    return http_exchange_of(h)->response.status;
}

void http_close_connection(struct ss_handler *h)
{
    http_exchange_of(h)->close = true;
}

int http_set_user(struct ss_handler *h, const char *name)
{
    const char *copy = ss_format(h, "%s", name);
    if (!copy)
        return -ENOMEM;
    http_exchange_of(h)->head.request.user = copy;
    return 0;
}
