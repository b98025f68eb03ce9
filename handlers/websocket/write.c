/* SPDX-License-Identifier: MIT */
/* A frame is written: what may be in it, its head, and the payload, masked by clients. */
#include "websocket/ws.h"
#include <errno.h>

int ws_check(enum ws_type type, const void *data, size_t size)
{
    struct http_utf8 utf8 = {0};
    if (type != WS_TEXT)
        return type == WS_BINARY ? 0 : -EINVAL;
    return http_utf8_go_on(&utf8, data, size) && http_utf8_may_end(&utf8) ? 0 : -EILSEQ;
}

/* A client's: it is masked, piece by piece. */
static int send_masked(struct ws *ws, unsigned first, const char *data, size_t size)
{
    unsigned char key[WS_KEY];
    char piece[4096];
    int rc = ws_random(key, sizeof key);
    if (rc == 0)
        rc = ss_write(ws->run->out, piece, ws_head_write(piece, first, size, key));
    for (size_t at = 0, n; rc == 0 && at < size; at += n) {
        n = size - at < sizeof piece ? size - at : sizeof piece;
        ws_mask(piece, data + at, n, key, at);
        rc = ss_write(ws->run->out, piece, n);
    }
    return rc;
}

int ws_send_frame(struct ws *ws, unsigned first, const void *data, size_t size)
{
    if (ws->run->client)
        return send_masked(ws, first, data, size);
    char head[WS_MAX_HEAD];
    struct iovec pieces[] = {{.iov_base = head, .iov_len = ws_head_write(head, first, size, NULL)},
                             {.iov_base = (void *)(uintptr_t)data, .iov_len = size}};
    return ss_writev(ws->run->out, pieces, size ? 2 : 1);
}
