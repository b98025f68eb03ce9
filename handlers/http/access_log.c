/* SPDX-License-Identifier: MIT */
/* The access log: one line for each request, in one of four forms; and BaseHTTPRequestHandler's own log,
   which is Python's: client - - [date] text. */
#include "http/log.h"
#include "log/open.h"
#include "log/text.h"
#include "text/number.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Tells the error log once that lines are missing in the access log. */
static void report(struct ss_handler *h, int error)
{
    char reason[64];
    const char *text = ss_format(h, "the access log cannot be written, lines are lost: %s",
                                 error == -EAGAIN ? "its reader does not keep up"
                                                  : strerror_r(-error, reason, sizeof reason));
    if (text)
        http_class_of(h)->log_error(h, text);
}

static void write_line(struct ss_handler *h, int status, int64_t size,
                       char *(*form)(char *, const struct ss_handler *, int, int64_t))
{
    struct http_log_file *log = http_log_current();
    char *at = http_log_begin(log);
    if (at)
        at = stpcpy(form(at, h, status, size), "\n");
    int error = http_log_end(log, at, false);
    if (error < 0)
        report(h, error);
}

static char *put_escaped(char *to, const char *text, enum http_dialect how)
{
    return http_escaped(to, HTTP_LOG_ITEM, text, how);
}

static const char *or_dash(const char *text)
{
    return text && *text ? text : "-";
}

/* Writes a dash for 0, which means that there is no number. */
static char *put_number(char *to, int64_t value)
{
    return value > 0 ? http_append_number(to, value) : stpcpy(to, "-");
}

/* Writes "GET / HTTP/1.1" 200 1024, with the quotes. */
static char *put_exchange(char *to, const struct ss_handler *h, int status, int64_t size,
                          enum http_dialect how)
{
    *to++ = '"';
    to = put_escaped(to, or_dash(http_request(h)->requestline), how);
    *to++ = '"';
    *to++ = ' ';
    to = put_number(to, status);
    *to++ = ' ';
    return put_number(to, size);
}

/* The number of the user who has connected to a Unix socket, as the kernel says. `none` where nobody has. */
static char *put_uid(char *to, const struct ss_handler *h, const char *before, const char *none)
{
    struct ss_credentials who = {0};
    if (h->client_address.u.any.sa_family != AF_UNIX || ss_client_credentials(h->request, &who) < 0)
        return stpcpy(to, none);
    return http_append_number(stpcpy(to, before), who.uid);
}

/* ---------------------------------------------------------------- text */

/* Whoever has proved who it is. */
static char *put_user(char *to, const struct ss_handler *h, enum http_dialect how)
{
    const char *user = http_request(h)->user;
    return *user ? put_escaped(to, user, how) : put_uid(to, h, "", "-");
}

static char *put_head(char *to, const struct ss_handler *h, enum http_dialect how, enum http_log_clock form)
{
    to = put_user(stpcpy(http_log_client(to, &h->client_address, how), " - "), h, how);
    to = stpcpy(to, " [");
    return stpcpy(http_log_time(to, form), "] ");
}

/* BaseHTTPRequestHandler's form: errors have had lines of their own before this one. */
static char *plain(char *to, const struct ss_handler *h, int status, int64_t size)
{
    to = put_head(to, h, HTTP_AS_PYTHON, HTTP_LOG_PYTHON_TIME);
    return put_exchange(to, h, status, size, HTTP_AS_PYTHON);
}

static char *python(char *to, const struct ss_handler *h, int status, int64_t size)
{
    char reason[HTTP_LOG_REASON];
    to = plain(to, h, status, size);
    if (*http_log_reason(h, reason) == 0)
        return to;
    *to++ = ' ';
    return put_escaped(to, reason, HTTP_AS_PYTHON);
}

static char *put_common(char *to, const struct ss_handler *h, int status, int64_t size)
{
    to = put_head(to, h, HTTP_AS_APACHE, HTTP_LOG_APACHE_TIME);
    return put_exchange(to, h, status, size, HTTP_AS_APACHE);
}

/* Writes a header field in quotes. An empty one differs from none, which is a dash. */
static char *put_quoted(char *to, const char *value)
{
    to = put_escaped(stpcpy(to, " \""), value ? value : "-", HTTP_AS_APACHE);
    *to++ = '"';
    return to;
}

/* These forms show by the status that something has gone wrong. The reason is added only where nobody would
   learn it otherwise: when the server has failed, and not because the client has gone. */
static char *put_failure(char *to, const struct ss_handler *h)
{
    char reason[HTTP_LOG_REASON];
    switch (http_exchange_of(h)->failure) {
    case 0:
    case -EPIPE:
    case -ECONNRESET:
    case -ECANCELED:
        return to;
    default:
        return put_quoted(to, http_log_reason(h, reason));
    }
}

static char *common(char *to, const struct ss_handler *h, int status, int64_t size)
{
    return put_failure(put_common(to, h, status, size), h);
}

static char *combined(char *to, const struct ss_handler *h, int status, int64_t size)
{
    to = put_common(to, h, status, size);
    to = put_quoted(put_quoted(to, http_header(h, "Referer")), http_header(h, "User-Agent"));
    return put_failure(to, h);
}

/* ---------------------------------------------------------------- JSON (RFC 8259) */

/* Writes a member: `name` is what stands in front of its value, as ,"name": */
static char *put_string(char *to, const char *name, const char *text)
{
    to = stpcpy(to, name);
    if (!text)
        return stpcpy(to, "null");
    *to++ = '"';
    to = put_escaped(to, text, HTTP_AS_JSON);
    *to++ = '"';
    return to;
}

static const char *or_null(const char *text)
{
    return text && *text ? text : NULL;
}

/* Writes milliseconds with three decimals. */
static char *put_duration(char *to, int64_t us)
{
    to = http_append_number(to, us / 1000);
    *to++ = '.';
    *to++ = (char)('0' + us / 100 % 10);
    *to++ = (char)('0' + us / 10 % 10);
    *to++ = (char)('0' + us % 10);
    return to;
}

static char *put_request(char *to, const struct http_request *r)
{
    to = put_string(to, ",\"method\":", or_null(r->command));
    to = put_string(to, ",\"path\":", or_null(r->path));
    to = put_string(to, ",\"version\":", or_null(r->request_version));
    if (*r->command && *r->path && *r->request_version)
        return to;
    return put_string(to, ",\"request\":", or_null(r->requestline));
}

static char *json(char *to, const struct ss_handler *h, int status, int64_t size)
{
    char reason[HTTP_LOG_REASON];
    to = stpcpy(http_log_time(stpcpy(to, "{\"time\":\""), HTTP_LOG_RFC3339), "\",\"client\":\"");
    to = http_log_client(to, &h->client_address, HTTP_AS_JSON);
    *to++ = '"';
    to = put_uid(to, h, ",\"uid\":", "");
    if (*http_request(h)->user)
        to = put_string(to, ",\"user\":", http_request(h)->user);
    to = stpcpy(put_request(to, http_request(h)), ",\"status\":");
    to = status > 0 ? http_append_number(to, status) : stpcpy(to, "null");
    to = http_append_number(stpcpy(to, ",\"bytes\":"), size);
    to = put_duration(stpcpy(to, ",\"duration_ms\":"), http_duration(h));
    to = put_string(to, ",\"referer\":", http_header(h, "Referer"));
    to = put_string(to, ",\"user_agent\":", http_header(h, "User-Agent"));
    if (*http_log_reason(h, reason))
        to = put_string(to, ",\"error\":", reason);
    *to++ = '}';
    return to;
}

/* ---------------------------------------------------------------- log_request */

void http_log_python(struct ss_handler *h, int status, int64_t size)
{
    write_line(h, status, size, python);
}

void http_log_common(struct ss_handler *h, int status, int64_t size)
{
    write_line(h, status, size, common);
}

void http_log_combined(struct ss_handler *h, int status, int64_t size)
{
    write_line(h, status, size, combined);
}

void http_log_json(struct ss_handler *h, int status, int64_t size)
{
    write_line(h, status, size, json);
}

/* ---------------------------------------------------------------- BaseHTTPRequestHandler's own */

/* Writes to stderr at once, and before that what waits in its buffer. */
void http_default_log_message(struct ss_handler *h, const char *text)
{
    char *at = http_log_begin(&http_log_stderr);
    if (at) {
        at = put_head(at, h, HTTP_AS_PYTHON, HTTP_LOG_PYTHON_TIME);
        at = stpcpy(put_escaped(at, text, HTTP_AS_PYTHON), "\n");
    }
    (void)http_log_end(&http_log_stderr, at, true); /* there is nobody else to tell */
}

/* True if the request's line has a place for errors: if log_request, also of a request that a delegate
   answers the one of the server's class, is one of the four functions above. */
static bool takes_errors(const struct ss_handler *h)
{
    const struct http_class *cls = http_class_get(h->server->RequestHandlerClass);
    void (*log)(struct ss_handler *, int, int64_t) = cls ? cls->table->log_request : NULL;
    return log == http_log_python || log == http_log_common || log == http_log_combined ||
           log == http_log_json;
}

/* Keeps what it is told during a request for the request's line. What it is told later, as that the log
   cannot be written, gets a line of its own. */
void http_default_log_error(struct ss_handler *h, const char *text)
{
    struct http_exchange *x = http_exchange_of(h);
    if (x->logged || !takes_errors(h) || http_exchange_borrow(x) < 0) {
        x->cls->table->log_message(h, text);
        return;
    }
    size_t room = sizeof x->lent->told - x->told_size;
    int n = snprintf(x->lent->told + x->told_size, room, "%s%s", x->told_size ? "; " : "", text);
    x->told_size += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

/* Hands the line to a log_message that somebody has overridden, as Python does. */
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
        write_line(h, status, size, plain);
    else
        tell(h, status, size);
}
