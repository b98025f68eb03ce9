/* SPDX-License-Identifier: MIT */
/* The handshake (RFC 6455 4.2). */
#include "compress/deflate.h"
#include "http/upgrade.h"
#include "text/chars.h"
#include "text/url.h"
#include "websocket/ws.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---------------------------------------------------------------- who may come in */

static bool is_allowed(const char *origin, const char *const *origins)
{
    for (; *origins; origins++) {
        const char *slashes = strstr(*origins, "://");
        size_t scheme = slashes ? (size_t)(slashes - *origins) + 3 : 0;
        if (scheme && strncasecmp(origin, *origins, scheme) == 0 &&
            http_is_same_origin(origin, "", *origins + scheme))
            return true;
    }
    return false;
}

static bool may_come_in(struct ss_handler *h, const struct ws_options *options)
{
    const char *origin = http_header(h, "Origin");
    if (!origin || (options && options->any_origin))
        return true;
    if (options && options->origins)
        return is_allowed(origin, options->origins);
    return http_is_same_origin(origin, http_request(h)->scheme, http_request(h)->host);
}

/* ---------------------------------------------------------------- what is asked for */

static unsigned count_fields(const struct http_request *request, const char *name)
{
    unsigned count = 0;
    for (size_t i = 0; i < request->field_count; i++)
        count += strcasecmp(request->fields[i].name, name) == 0;
    return count;
}

/* Stores the number, from 1 on, of the first of the client's subprotocols that the server speaks. False: the
   list is malformed. */
static bool choose_protocol(struct ss_handler *h, const char *const *protocols, uint8_t *chosen)
{
    const struct http_request *request = http_request(h);
    const char *element;
    size_t size;
    for (size_t i = 0; i < request->field_count; i++) {
        const char *list = request->fields[i].value;
        if (strcasecmp(request->fields[i].name, "Sec-WebSocket-Protocol") != 0)
            continue;
        while (http_list_next(&list, &element, &size)) {
            if (!http_is_token(element, size))
                return false;
            for (uint8_t n = 0; !*chosen && protocols && protocols[n] && n < UINT8_MAX; n++)
                if (strlen(protocols[n]) == size && memcmp(protocols[n], element, size) == 0)
                    *chosen = n + 1;
        }
    }
    return true;
}

/* Stores what is agreed on, if anything is. False: what is asked for is malformed. */
static bool choose_terms(struct ss_handler *h, const struct ws_options *options, struct ws_terms *terms)
{
    const struct http_request *request = http_request(h);
    bool context = options && options->compression == WS_DEFLATE_CONTEXT;
    int rc = 0;
    for (size_t i = 0; i < request->field_count && rc >= 0; i++) {
        struct ws_terms ignored;
        if (strcasecmp(request->fields[i].name, "Sec-WebSocket-Extensions") == 0)
            rc = ws_terms_choose(request->fields[i].value, context, terms->server_bits ? &ignored : terms);
    }
    if (!options || !options->compression || !http_has_deflate())
        terms->server_bits = 0;
    return rc >= 0;
}

/* Asks for the version that there is. Returns what do_X is to return. */
static int require_websocket(struct ss_handler *h)
{
    struct http_exchange *x = http_exchange_of(h);
    int rc = http_error_header(h, "Sec-WebSocket-Version", "13");
    x->offered = "websocket";
    return rc < 0 ? rc : http_upgrade_require(x);
}

static bool asks_for_websocket(struct ss_handler *h)
{
    const char *version = http_header(h, "Sec-WebSocket-Version");
    return http_request(h)->minor > 0 && http_header_has(h, "Connection", "upgrade") &&
           http_header_has(h, "Upgrade", "websocket") && version && strcmp(version, "13") == 0 &&
           count_fields(http_request(h), "Sec-WebSocket-Version") == 1;
}

/* 1: the request is one that can be accepted; 0: it was refused; or -errno. */
static int examine(struct ss_handler *h, const struct ws_options *options, uint8_t *protocol,
                   struct ws_terms *terms)
{
    const char *key = http_header(h, "Sec-WebSocket-Key");
    if (strcmp(http_request(h)->command, "GET") != 0)
        return http_send_error(h, 400, NULL, "A WebSocket is asked for by GET");
    if (!asks_for_websocket(h))
        return require_websocket(h);
    if (!key || !ws_is_key(key) || count_fields(http_request(h), "Sec-WebSocket-Key") != 1)
        return http_send_error(h, 400, NULL, "Sec-WebSocket-Key is missing or malformed");
    if (!choose_protocol(h, options ? options->protocols : NULL, protocol))
        return http_send_error(h, 400, NULL, "Sec-WebSocket-Protocol is malformed");
    if (!choose_terms(h, options, terms))
        return http_send_error(h, 400, NULL, "Sec-WebSocket-Extensions is malformed");
    if (!may_come_in(h, options))
        return http_send_error(h, 403, NULL, "Pages of another origin may not open this WebSocket");
    return 1;
}

/* ---------------------------------------------------------------- accepting it */

static int switch_protocols(struct ss_handler *h, const char *protocol, const struct ws_terms *terms)
{
    char accept[WS_ACCEPT_SIZE], extensions[WS_TERMS_SIZE];
    int rc = ws_accept_key(http_header(h, "Sec-WebSocket-Key"), accept);
    if (rc == -ENOTSUP)
        return http_send_error(h, 501, NULL, "This server was built without WebSockets");
    if (rc == 0)
        rc = http_send_response(h, 101, NULL);
    if (rc == 0)
        rc = http_send_header(h, "Sec-WebSocket-Accept", accept);
    if (rc == 0 && protocol)
        rc = http_send_header(h, "Sec-WebSocket-Protocol", protocol);
    if (rc == 0 && terms->server_bits) {
        ws_terms_write(terms, extensions);
        rc = http_send_header(h, "Sec-WebSocket-Extensions", extensions);
    }
    if (rc == 0)
        rc = http_upgrade(h, "websocket");
    return rc < 0 ? rc : 1;
}

int ws_accept(struct ss_handler *h, const struct ws_options *options, struct ws **result)
{
    uint8_t protocol = 0;
    struct ws_terms terms = {0};
    int rc = examine(h, options, &protocol, &terms);
    if (rc <= 0)
        return rc;
    bool deflates = terms.server_bits;
    struct ws *ws = calloc(1, deflates ? sizeof(struct ws_deflating) : sizeof *ws);
    struct ws_deflate *deflate = deflates ? ws_deflate_new(&terms, false) : NULL;
    struct ws_run *run = ss_alloc(h, sizeof *run);
    rc = -ENOMEM;
    if (ws && run && (deflate || !deflates))
        rc = switch_protocols(h, protocol ? options->protocols[protocol - 1] : NULL, &terms);
    if (rc <= 0) {
        ws_deflate_free(deflate);
        free(ws);
        return rc;
    }
    if (h->request->free_data)
        h->request->free_data(h->request->data);
    ws->deflates = deflates;
    if (deflates)
        ((struct ws_deflating *)ws)->deflate = deflate;
    ws->protocol = protocol;
    ws_run_begin(ws, run, h, options);
    h->request->data = ws;
    h->request->free_data = ws_release;
    http_exchange_of(h)->leave = ws_leave;
    *result = ws;
    return 1;
}

/* ---------------------------------------------------------------- what is known of it */

const char *ws_protocol(const struct ws *ws)
{
    return ws->protocol ? ws->run->options.protocols[ws->protocol - 1] : NULL;
}

unsigned ws_code(const struct ws *ws)
{
    return ws->code;
}

const char *ws_reason(const struct ws *ws)
{
    return ws->run->reason;
}

struct ss_handler *ws_handler(const struct ws *ws)
{
    return ws->run->h;
}

void ws_set_context(struct ws *ws, void *context, void (*free_context)(void *context))
{
    ws->context = context;
    ws->release = free_context;
}

void *ws_context(const struct ws *ws)
{
    return ws->context;
}
