/* SPDX-License-Identifier: MIT */
/* The answer to a client that does not encrypt where it should. */
#include "http_server.h"
#include "text/chars.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { LINE = 8192, FIELDS = 100 }; /* bytes of a line, and lines, that are looked at */

struct plain_request {
    char line[LINE], host[256];
};

/* Cuts the method and the version off. NULL: that is no request for a path by GET or HEAD. */
static const char *target_of(char *line)
{
    char *begin = strncmp(line, "GET /", 5) == 0    ? line + 4
                  : strncmp(line, "HEAD /", 6) == 0 ? line + 5
                                                    : NULL;
    char *end = begin ? strchr(begin, ' ') : NULL;
    if (!end || strncmp(end, " HTTP/1.", 8) != 0)
        return NULL;
    *end = '\0';
    for (const char *at = begin; *at; at++)
        if (*at <= ' ' || *at >= 0x7f)
            return NULL;
    return begin;
}

/* Reads the fields, to the empty line, and stores the host. 0 or -errno. */
static int read_host(struct ss_handler *h, char host[256])
{
    char line[LINE];
    ssize_t n = 1;
    *host = '\0';
    for (int i = 0; i < FIELDS && (n = ss_readline(h->rfile, line, sizeof line)) > 0; i++) {
        if (n > 0 && line[n - 1] == '\n')
            line[n - 1 - (n > 1 && line[n - 2] == '\r')] = '\0';
        if (!*line)
            return 0;
        if (strncasecmp(line, "Host:", 5) == 0)
            snprintf(host, 256, "%s", line + 5 + strspn(line + 5, " \t"));
    }
    return n < 0 ? (int)n : 0;
}

static int send_plain_page(struct ss_handler *h, const char *status, const char *location, const char *text)
{
    return ss_printf(h->wfile,
                     "HTTP/1.1 %s\r\n%s%s%sContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                     "Connection: close\r\n\r\n%s",
                     status, location ? "Location: " : "", location ? location : "", location ? "\r\n" : "",
                     strlen(text), text);
}

static int answer(struct ss_handler *h, struct plain_request *r)
{
    static const char text[] = "This server speaks HTTPS here: begin its URL with https://\n";
    ssize_t n = ss_readline(h->rfile, r->line, sizeof r->line);
    bool head = strncmp(r->line, "HEAD", 4) == 0;
    const char *target = n > 0 ? target_of(r->line) : NULL;
    int rc = n < 0 ? (int)n : target ? read_host(h, r->host) : 0;
    if (rc < 0)
        return rc;
    if (!target || !*r->host || !http_is_authority(r->host, strlen(r->host), false))
        return send_plain_page(h, "400 Bad Request", NULL, text);
    const char *location = ss_format(h, "https://%s%s", r->host, target);
    return location ? send_plain_page(h, "307 Temporary Redirect", location, head ? "" : text) : -ENOMEM;
}

int http_not_tls(struct ss_handler *h)
{
    struct plain_request *r = ss_alloc(h, sizeof *r);
    return r ? answer(h, r) : -ENOMEM;
}
