/* SPDX-License-Identifier: MIT */
/* Messages become frames. */
#include "websocket/ws.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int ws_send(struct ws *ws, enum ws_type type, const void *data, size_t size)
{
    size_t shorter;
    int rc = ws_check(type, data, size);
    if (rc == 0 && (ws->closing || ws->ended))
        rc = -EPIPE;
    if (rc < 0)
        return rc;
    char *deflated = ws_deflate(ws, data, size, &shorter);
    rc = deflated ? ws_send_frame(ws, WS_FIN | WS_RSV1 | (unsigned)type, deflated, shorter)
                  : ws_send_frame(ws, WS_FIN | (unsigned)type, data, size);
    free(deflated);
    if (rc < 0)
        (void)ws_lost(ws, rc);
    return rc;
}

int ws_vprintf(struct ws *ws, const char *format, va_list args)
{
    char text[1024], *longer = NULL;
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(text, sizeof text, format, args), rc = size < 0 ? -EINVAL : 0;
    if (size >= (int)sizeof text) {
        longer = malloc((size_t)size + 1);
        rc = longer ? 0 : -ENOMEM;
    }
    if (longer)
        vsnprintf(longer, (size_t)size + 1, format, again);
    va_end(again);
    if (rc == 0)
        rc = ws_send(ws, WS_TEXT, longer ? longer : text, (size_t)size);
    free(longer);
    return rc;
}

int ws_printf(struct ws *ws, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int rc = ws_vprintf(ws, format, args);
    va_end(args);
    return rc;
}

int ws_flush(struct ws *ws)
{
    return ws->ended ? -EPIPE : ss_flush(ws->run->out);
}
