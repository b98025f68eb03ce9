/* SPDX-License-Identifier: MIT */
/* Logs each request once, when it has ended, with the bytes of its answer that were sent and what has gone
   wrong. */
#include "http/log.h"
#include <string.h>
#include <time.h>

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void http_log_begun(struct http_exchange *x)
{
    x->begun = now_ns();
}

int64_t http_duration(const struct ss_handler *h)
{
    uint64_t begun = http_exchange_of(h)->begun;
    return begun ? (int64_t)((now_ns() - begun) / 1000) : 0;
}

/* The bytes of the body that have gone to the connection. After an error these are the ones that had left
   before it, with the bytes that frame chunks. After http_upgrade all bytes are the body. */
static int64_t body_sent(const struct http_exchange *x)
{
    const struct http_response *r = &x->response;
    if (!r->committed || r->headless || r->framing == HTTP_EMPTY)
        return 0;
    if (!x->out->error && !x->upgraded)
        return r->written;
    int64_t left = x->out->sent > r->start ? (int64_t)(x->out->sent - r->start) : 0;
    if (x->upgraded)
        return left + (x->out->error ? 0 : (int64_t)x->out->wend);
    return left < r->written ? left : r->written;
}

void http_log_ended(struct http_exchange *x, int failure)
{
    x->logged = true;
    if (failure < 0)
        x->failure = failure;
    int status = x->response.committed ? x->response.status : 0;
    x->cls->table->log_request(x->h, status, body_sent(x));
    x->h->request->told = failure < 0 && x->reason_told;
}

void http_log_nothing(struct ss_handler *h, int status, int64_t size)
{
    (void)h, (void)status, (void)size;
}

const char *http_log_reason(const struct ss_handler *h, char text[HTTP_LOG_REASON])
{
    struct http_exchange *x = http_exchange_of(h);
    char reason[100], *at = text;
    if (x->told_size)
        at = mempcpy(text, x->lent->told, x->told_size);
    *at = 0;
    x->reason_told = true;
    if (x->told_size && x->failure)
        at = stpcpy(at, ": ");
    if (x->failure)
        strcpy(at, strerror_r(-x->failure, reason, sizeof reason));
    return text;
}
