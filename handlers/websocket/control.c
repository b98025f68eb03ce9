/* SPDX-License-Identifier: MIT */
/* Pings, and how a WebSocket ends (RFC 6455 5.5, 7). */
#include "websocket/ws.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

bool ws_is_code(unsigned code)
{
    return (code >= WS_NORMAL && code <= WS_UNSUPPORTED) || (code >= WS_INVALID && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static void record(struct ws *ws, unsigned code, const char *reason, size_t size)
{
    ws->ended = true;
    ws->code = (uint16_t)code;
    memcpy(ws->run->reason, reason, size);
    ws->run->reason[size] = 0;
}

/* ---------------------------------------------------------------- the server says good-bye */

int ws_send_close(struct ws *ws, unsigned code, const char *reason)
{
    char data[2 + WS_MAX_REASON + 1] = {(char)(code >> 8), (char)code};
    if (ws->closing)
        return 0;
    size_t size = 2 + (size_t)snprintf(data + 2, sizeof data - 2, "%s", reason ? reason : "");
    ws->closing = true;
    int rc = ws_send_frame(ws, WS_FIN | WS_CLOSE, data, code == WS_NO_CODE ? 0 : size);
    return rc < 0 ? rc : ss_flush(ws->run->out);
}

int ws_fail(struct ws *ws, unsigned code, const char *reason)
{
    if (ws->run->h)
        ws->run->h->request->linger = true; /* what it has sent behind its mistake is not read */
    (void)ws_send_close(ws, code, reason);
    record(ws, code, reason, strlen(reason));
    return 0;
}

int ws_lost(struct ws *ws, int error)
{
    if (error == -ENOBUFS && ss_flush(ws->run->out) < 0)
        error = -EPIPE; /* the socket's, and not the mailbox's */
    switch (error) {
    case -ECANCELED:
        return ss_draining(ws->run->server) ? ws_fail(ws, WS_GOING_AWAY, "the server stops")
                                            : ws_fail(ws, WS_TRY_AGAIN, "others need its place");
    case -ENOBUFS:
        return ws_fail(ws, WS_TRY_AGAIN, "more messages than this client takes");
    case 0:
    case -ECONNRESET:
    case -EPIPE:
    case -ETIMEDOUT:
        ws->closing = true;
        if (!ws->ended)
            record(ws, WS_ABNORMAL, "", 0);
        return 0;
    default:
        (void)ws_fail(ws, WS_INTERNAL_ERROR, "");
        return error;
    }
}

int ws_ping(struct ws *ws)
{
    if (ws->pinged)
        return ws_lost(ws, -ETIMEDOUT);
    ws->pinged = true;
    ws->has_ping = false;
    int rc = ws->closing ? 0 : ws_send_frame(ws, WS_FIN | WS_PING, NULL, 0);
    return rc < 0 ? ws_lost(ws, rc) : 1;
}

/* ---------------------------------------------------------------- the client does */

static int receive_close(struct ws *ws, const char *data, size_t size)
{
    unsigned code = size >= 2 ? (unsigned)(unsigned char)data[0] << 8 | (unsigned char)data[1] : WS_NO_CODE;
    if (size == 1 || (size > 1 && !ws_is_code(code)))
        return ws_fail(ws, WS_PROTOCOL, "no such code");
    if (size > 2 && ws_check(WS_TEXT, data + 2, size - 2) < 0)
        return ws_fail(ws, WS_INVALID, "the reason is not UTF-8");
    (void)ws_send_close(ws, code, NULL);
    record(ws, code, data + 2, size > 2 ? size - 2 : 0);
    return 0;
}

int ws_control(struct ws *ws, unsigned opcode, const char *payload, size_t size)
{
    int rc;
    switch (opcode) {
    case WS_CLOSE:
        return receive_close(ws, payload, size);
    case WS_PING:
        rc = ws->closing ? 0 : ws_send_frame(ws, WS_FIN | WS_PONG, payload, size);
        return rc < 0 ? ws_lost(ws, rc) : 1;
    case WS_PONG:
        return 1;
    default:
        return ws_fail(ws, WS_PROTOCOL, "no such opcode");
    }
}
