/* Log lines as Python's http.server writes them: client - - [date] text; and when a request is logged. */
#include "http/log.h"
#include "log/file.h"
#include "log/text.h"
#include "text/number.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---------------------------------------------------------------- one line for each request */

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void http_log_begun(struct http_exchange *x)
{
    if (x->cls->table->log_request != http_log_nothing)
        x->begun = now_ns();
}

int64_t http_duration(const struct ss_handler *h)
{
    uint64_t begun = http_exchange_of(h)->begun;
    return begun ? (int64_t)((now_ns() - begun) / 1000) : 0;
}

/* Bytes of the body that have gone to the connection. After an error these are those that had left before it,
   with what frames chunks. */
static int64_t body_sent(const struct http_exchange *x)
{
    const struct http_response *r = &x->response;
    if (!r->committed || r->headless || r->framing == HTTP_EMPTY)
        return 0;
    if (!x->out->error)
        return r->written;
    int64_t left = x->out->sent > r->start ? (int64_t)(x->out->sent - r->start) : 0;
    return left < r->written ? left : r->written;
}

/* The forms of the access log have a place for errors. BaseHTTPRequestHandler's own, which is Python's, has
   not: there an error has a line of its own, in front of the request's. */
static bool takes_errors(const struct http_exchange *x)
{
    void (*log)(struct ss_handler *, int, int64_t) = x->cls->table->log_request;
    return log == http_log_python || log == http_log_common || log == http_log_combined ||
           log == http_log_json;
}

void http_log_ended(struct ss_handler *h, int failure)
{
    struct http_exchange *x = http_exchange_of(h);
    x->logged = true;
    if (failure < 0)
        x->failure = failure;
    h->request->told = failure < 0 && takes_errors(x);
    int status = x->response.committed ? x->response.status : 0;
    x->cls->table->log_request(h, status, body_sent(x));
}

void http_log_nothing(struct ss_handler *h, int status, int64_t size)
{
    (void)h, (void)status, (void)size;
}

const char *http_log_reason(const struct ss_handler *h, char text[HTTP_LOG_REASON])
{
    const struct http_exchange *x = http_exchange_of(h);
    char reason[100], *at = mempcpy(text, x->told, x->told_size);
    *at = 0;
    if (!takes_errors(x))
        return text;
    if (x->told_size && x->failure)
        at = stpcpy(at, ": ");
    if (x->failure)
        strcpy(at, strerror_r(-x->failure, reason, sizeof reason));
    return text;
}

/* ---------------------------------------------------------------- Python's lines */

/* To stderr, behind what is there already. */
void http_default_log_message(struct ss_handler *h, const char *text)
{
    char *at = http_log_begin(&http_log_stderr);
    if (at) {
        at = stpcpy(http_log_client(at, h, HTTP_LOG_PYTHON), " - - [");
        at = stpcpy(http_log_time(at, HTTP_LOG_PYTHON_TIME), "] ");
        at = stpcpy(http_log_escaped(at, text, HTTP_LOG_PYTHON), "\n");
    }
    (void)http_log_end(&http_log_stderr, at, true); /* there is nobody else to tell */
}

/* What is told during a request waits for its line; what is told later, as that the log cannot be written,
   has a line of its own. */
void http_default_log_error(struct ss_handler *h, const char *text)
{
    struct http_exchange *x = http_exchange_of(h);
    if (x->logged || !takes_errors(x)) {
        x->cls->table->log_message(h, text);
        return;
    }
    size_t room = sizeof x->told - x->told_size;
    int n = snprintf(x->told + x->told_size, room, "%s%s", x->told_size ? "; " : "", text);
    x->told_size += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

/* For a log_message that was overridden, as in Python. */
static void tell(struct ss_handler *h, int status, int64_t size)
{
    char code[24] = "-", bytes[24] = "-";
    struct ss_mark mark = ss_mark(h);
    const char *line = http_request(h)->requestline;
    if (status > 0)
        *http_append_number(code, status) = 0;
    if (size > 0)
        *http_append_number(bytes, size) = 0;
    const char *text = ss_format(h, "\"%s\" %s %s", *line ? line : "-", code, bytes);
    if (text)
        http_class_of(h)->log_message(h, text);
    ss_release(h, mark);
}

void http_default_log_request(struct ss_handler *h, int status, int64_t size)
{
    if (http_class_of(h)->log_message == http_default_log_message)
        http_log_python(h, status, size);
    else
        tell(h, status, size);
}
