/* SPDX-License-Identifier: MIT */
/* The server says good-bye, and waits for the client's (RFC 6455 7.1.2). */
#include "websocket/ws.h"
#include <errno.h>
#include <string.h>

int ws_close(struct ws *ws, unsigned code, const char *reason)
{
    struct ws_message message;
    if (!ws_is_code(code))
        return -EINVAL;
    if (reason && (strlen(reason) > WS_MAX_REASON || ws_check(WS_TEXT, reason, strlen(reason)) < 0))
        return -EINVAL;
    if (ws->ended)
        return 0;
    int rc = ws_send_close(ws, code, reason);
    if (rc < 0)
        return ws_lost(ws, rc);
    ws->run->close_at = ss_now() + (uint64_t)ws->run->options.close_timeout;
    while ((rc = ws_next(ws, &message)) > 0)
        ;
    return rc;
}

void ws_bye(struct ws *ws, int rc)
{
    if (!ws->ended)
        (void)ws_close(ws, rc < 0 ? WS_INTERNAL_ERROR : WS_NORMAL, NULL);
}
