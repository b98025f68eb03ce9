/* SPDX-License-Identifier: MIT */
/* Error responses with a small page. */
#include "http/error.h"
#include "http/body.h"
#include "http/status.h"
#include <errno.h>
#include <string.h>

static const char page[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>%d %s</title>\n"
    "<style>:root { color-scheme: light dark } body { font: 1.1em/1.5 system-ui, sans-serif; "
    "max-width: 36em; margin: 4em auto; padding: 0 1em; background: #f6f7f9; "
    "color: #1d2433 } h1 { font-size: 1.6em } @media (prefers-color-scheme: dark) "
    "{ body { background: #12151b; color: #e3e8f2 } }</style>\n"
    "</head>\n"
    "<body>\n"
    "<main>\n"
    "<h1>%d %s</h1>\n"
    "<p>%s%s</p>\n"
    "</main>\n"
    "</body>\n"
    "</html>\n";

const char *http_status_description(int status)
{
#define EXPLAIN(code, phrase, explain) \
    case code:                         \
        return explain;
    switch (status) {
        HTTP_STATUS_TABLE(EXPLAIN)
    default:
        return "";
    }
#undef EXPLAIN
}

/* Statuses after which nothing that follows can be taken for a request. */
static bool distrusts(int status)
{
    switch (status) {
    case 400:
    case 408:
    case 411:
    case 413:
    case 414:
    case 417:
    case 431:
    case 501:
    case 505:
        return true;
    default:
        return false;
    }
}

/* A sentence ends with a full stop, but not with two. */
static const char *full_stop(const char *text)
{
    size_t size = strlen(text);
    return size == 0 || strchr(".!?", text[size - 1]) ? "" : ".";
}

static int send_page(struct ss_handler *h, int status, const char *message, const char *explain)
{
    const char *title = http_escape(h, message), *text = http_escape(h, explain);
    char *body =
        title && text ? ss_format(h, page, status, title, status, title, text, full_stop(explain)) : NULL;
    if (!body)
        return -ENOMEM;
    size_t size = strlen(body);
    http_send_header(h, "Content-Type", "text/html;charset=utf-8");
    http_send_headerf(h, "Content-Length", "%zu", size);
    int rc = http_end_headers(h);
    return rc < 0 ? rc : ss_write(h->wfile, body, size);
}

int http_default_send_error(struct ss_handler *h, int status, const char *message, const char *explain)
{
    if (!message)
        message = http_status_phrase(status);
    if (!explain)
        explain = http_status_description(status);
    char *line = ss_format(h, "code %d, message %s", status, message);
    if (line)
        http_class_of(h)->log_error(h, line);
    int rc = http_send_response(h, status, message);
    if (rc < 0)
        return rc;
    if (status < 200 || status == 204 || status == 205 || status == 304)
        return http_end_headers(h);
    return send_page(h, status, message, explain);
}

/* 5xx for what is not the client's fault: 503 when the same request may succeed a little later. */
int http_errno_status(int error)
{
    switch (-error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EISDIR:
    case EXDEV:
    case EILSEQ:
        return 404;
    case EACCES:
    case EPERM:
    case EROFS:
        return 403;
    case EEXIST:
    case ENOTEMPTY:
        return 409;
    case ENOSPC:
    case EDQUOT:
        return 507;
    case EFBIG: /* than the file system or RLIMIT_FSIZE takes */
        return 413;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EAGAIN:
        return 503;
    default:
        return 500;
    }
}

int http_send_busy(struct ss_handler *h, const char *explain)
{
    int rc = http_error_header(h, "Retry-After", HTTP_RETRY_AFTER);
    return rc < 0 ? rc : http_send_error(h, 503, NULL, explain);
}

int http_send_errno(struct ss_handler *h, int error, const char *explain)
{
    int status = http_errno_status(error);
    if (status >= 500)
        http_exchange_of(h)->failure = error;
    if (status == 503)
        return http_send_busy(h, explain);
    return http_send_error(h, status, status == 404 ? "File not found" : NULL, explain);
}

int http_send_error(struct ss_handler *h, int status, const char *message, const char *explain)
{
    struct http_exchange *x = http_exchange_of(h);
    if (x->response.committed) {
        x->close = true;
        return -EALREADY;
    }
    bool distrusted = distrusts(status);
    x->close |= distrusted;
    int rc = distrusted || status >= 500 ? 0 : http_body_inspect(h);
    return rc < 0 ? rc : x->cls->table->send_error(h, status, message, explain);
}
