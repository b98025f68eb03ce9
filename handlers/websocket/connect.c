/* SPDX-License-Identifier: MIT */
/* The client's side of the handshake (RFC 6455 4.1). */
#include "compress/deflate.h"
#include "text/chars.h"
#include "websocket/ws.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LINE = 4096, LINES = 100 }; /* bytes, header fields: what is read of an answer */
enum { ADDRESS = 300 };            /* bytes of a URL's host and port */

/* What is in the URL: "ws://[::1]:8000/path?query". */
struct target {
    char address[ADDRESS]; /* for ss_connect: with a port */
    char host[ADDRESS];    /* for the Host field */
    const char *path;      /* and query */
};

/* What the server has answered. */
struct answer {
    const struct ws_options *options; /* to what was offered, */
    char expected[WS_ACCEPT_SIZE];    /* and to the key */
    bool upgrade, connection, accept;
    uint8_t protocol; /* the number, from 1 on, of one that was offered; 0: none */
    struct ws_terms terms;
    bool wrong; /* what nobody has asked for */
};

/* ---------------------------------------------------------------- what is asked for */

static int read_url(const char *url, struct target *target)
{
    if (strncasecmp(url, "wss://", 6) == 0)
        return -EPROTONOSUPPORT; /* TLS */
    if (strncasecmp(url, "ws://", 5) != 0)
        return -EINVAL;
    size_t size = strcspn(url += 5, "/?#");
    const char *end = url + size, *colon = memrchr(url, ':', size), *bracket = memchr(url, ']', size);
    bool has_port = colon && colon + 1 < end && (!bracket || colon > bracket);
    if (!size || size + 4 > ADDRESS || memchr(url, '@', size) || strpbrk(end, "# \t\r\n"))
        return -EINVAL;
    snprintf(target->host, sizeof target->host, "%.*s", (int)size, url);
    snprintf(target->address, sizeof target->address, "%.*s%s", (int)size, url, has_port ? "" : ":80");
    target->path = end;
    return 0;
}

static enum ws_compression offered(const struct ws_options *options)
{
    return http_has_deflate() ? options->compression : WS_NO_COMPRESSION;
}

static int ask(struct ss_stream *s, const struct target *target, const char *key,
               const struct ws_options *options)
{
    ss_printf(s, "GET %s%s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
              *target->path == '/' ? "" : "/", target->path, target->host);
    ss_printf(s, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n", key);
    for (const char *const *p = options->protocols; p && *p; p++)
        ss_printf(s, "Sec-WebSocket-Protocol: %s\r\n", *p);
    if (offered(options))
        ss_printf(s, "Sec-WebSocket-Extensions: %s\r\n",
                  ws_terms_offer(options->compression == WS_DEFLATE_CONTEXT));
    return ss_write(s, "\r\n", 2);
}

/* ---------------------------------------------------------------- what is answered */

static uint8_t number_of(const char *const *protocols, const char *name)
{
    for (uint8_t n = 0; protocols && protocols[n] && n < UINT8_MAX; n++)
        if (strcmp(protocols[n], name) == 0)
            return n + 1;
    return 0;
}

static bool take_terms(struct answer *answer, const char *value)
{
    bool context = answer->options->compression == WS_DEFLATE_CONTEXT;
    return offered(answer->options) && !answer->terms.server_bits &&
           ws_terms_take(value, context, &answer->terms) == 0;
}

static void take_field(struct answer *answer, const char *name, const char *value)
{
    if (strcasecmp(name, "Upgrade") == 0)
        answer->upgrade = strcasecmp(value, "websocket") == 0;
    else if (strcasecmp(name, "Connection") == 0)
        answer->connection |= http_list_has(value, "upgrade");
    else if (strcasecmp(name, "Sec-WebSocket-Accept") == 0)
        answer->accept = strcmp(value, answer->expected) == 0;
    else if (strcasecmp(name, "Sec-WebSocket-Protocol") == 0)
        answer->wrong |=
            answer->protocol || !(answer->protocol = number_of(answer->options->protocols, value));
    else if (strcasecmp(name, "Sec-WebSocket-Extensions") == 0)
        answer->wrong |= !take_terms(answer, value);
}

/* Reads a line without its end. Returns its size, or -errno. */
static ssize_t read_text(struct ss_stream *s, char *line)
{
    ssize_t n = ss_readline(s, line, LINE);
    if (n <= 0)
        return n < 0 ? n : -ECONNRESET;
    if (line[n - 1] != '\n')
        return -EPROTO;
    n -= n > 1 && line[n - 2] == '\r' ? 2 : 1;
    line[n] = 0;
    return n;
}

/* Reads a field. 1; 0: the head has ended; or -errno. */
static int read_field(struct ss_stream *s, char *line, char **value)
{
    ssize_t n = read_text(s, line);
    char *colon = strchr(line, ':');
    if (n <= 0)
        return (int)n;
    if (!colon)
        return -EPROTO;
    *colon = 0;
    *value = colon + 1 + strspn(colon + 1, " \t");
    for (char *end = line + n; end > *value && strchr(" \t", end[-1]);)
        *--end = 0;
    return 1;
}

/* "HTTP/1.1 101 ..." */
static int read_status(const char *line)
{
    static const char form[] = "HTTP/1.d ddd";
    for (size_t i = 0; i < sizeof form - 1; i++)
        if (form[i] == 'd' ? line[i] < '0' || line[i] > '9' : line[i] != form[i])
            return -EPROTO;
    int status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + line[11] - '0';
    return status >= 100 && (line[12] == ' ' || !line[12]) ? status : -EPROTO;
}

/* One response's head; its fields matter if it is a 101. The status, or -errno. */
static int read_response(struct ss_stream *s, struct answer *answer)
{
    char line[LINE], *value = NULL;
    int status, rc = (int)read_text(s, line);
    if (rc < 0)
        return rc;
    if ((status = read_status(line)) < 0)
        return status;
    for (int lines = 0; (rc = read_field(s, line, &value)) > 0; lines++) {
        if (lines == LINES)
            return -EPROTO;
        if (status == 101)
            take_field(answer, line, value);
    }
    return rc < 0 ? rc : status;
}

/* 0; the status with which the server has refused; or -errno. */
static int read_answer(struct ss_stream *s, struct answer *answer)
{
    int status;
    do
        status = read_response(s, answer);
    while (status >= 100 && status < 200 && status != 101);
    if (status != 101)
        return status;
    return answer->upgrade && answer->connection && answer->accept && !answer->wrong ? 0 : -EPROTO;
}

static int shake_hands(struct ss_stream *s, const struct target *target, struct answer *answer)
{
    char key[WS_KEY_SIZE];
    int rc = ws_make_key(key);
    if (rc == 0)
        rc = ws_accept_key(key, answer->expected);
    if (rc == 0)
        rc = ask(s, target, key, answer->options);
    return rc < 0 ? rc : read_answer(s, answer);
}

static int connect_in(struct ss_server *self, const char *url, int ms, struct answer *answer,
                      struct ss_stream **s)
{
    struct target target;
    int rc = read_url(url, &target);
    if (rc == 0)
        rc = ss_connect(self, target.address, SOCK_STREAM, ms, s);
    if (rc == 0) {
        ss_set_deadline(*s, ms);
        rc = shake_hands(*s, &target, answer);
        ss_set_deadline(*s, -1);
    }
    return rc;
}

/* ---------------------------------------------------------------- its life */

struct client {
    struct ws_deflating deflating;
    struct ws_run run;
};

static void begin(struct client *client, struct ss_server *self, const struct answer *answer)
{
    struct ws *ws = &client->deflating.ws;
    ws->server = self;
    ws->protocol = answer->protocol;
    ws->deflates = client->deflating.deflate;
}

int ws_connect(struct ss_server *self, const char *url, const struct ws_options *options, int ms,
               struct ws **ws)
{
    static const struct ws_options none;
    struct answer answer = {.options = options ? options : &none};
    struct ss_stream *s = NULL;
    struct client *client = calloc(1, sizeof *client);
    *ws = NULL;
    int rc = client ? connect_in(self, url, ms, &answer, &s) : -ENOMEM;
    if (rc == 0 && answer.terms.server_bits &&
        !(client->deflating.deflate = ws_deflate_new(&answer.terms, true)))
        rc = -ENOMEM;
    if (rc != 0) {
        (void)ss_close(s);
        free(client);
        return rc;
    }
    begin(client, self, &answer);
    *ws = &client->deflating.ws;
    ws_run_client(*ws, &client->run, s, ms, options);
    return 0;
}

void ws_free(struct ws *ws)
{
    if (!ws)
        return;
    ws_bye(ws, 0);
    (void)ss_close(ws->run->client);
    if (ws->release)
        ws->release(ws->context);
    ws_run_end(ws);
    ws_deflate_free(ws_deflate_of(ws));
    free(ws); /* the first member of its struct client */
}
