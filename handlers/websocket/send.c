/* SPDX-License-Identifier: MIT */
/* Messages become frames. */
#include "text/format.h"
#include "websocket/ws.h"
#include <errno.h>
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
    struct http_formatted f;
    int rc = http_format(&f, format, args);
    if (rc == 0)
        rc = ws_send(ws, WS_TEXT, f.text, f.size);
    http_formatted_free(&f);
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
