/* SPDX-License-Identifier: MIT */
/* The frames of messages (RFC 6455 5). */
#include "websocket/ws.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { GO_ON = 100 }; /* a control frame was received: the one that is waited for may follow */

/* ---------------------------------------------------------------- frames */

/* Why a frame must not come now, or NULL. */
static const char *what_is_wrong(const struct ws *ws, const struct ws_head *head)
{
    unsigned opcode = head->first & WS_OPCODE, bits = head->first & WS_RSV;
    bool deflated = bits == WS_RSV1 && ws->deflates && (opcode == WS_TEXT || opcode == WS_BINARY);
    if (head->masked == !!ws->run->client)
        return head->masked ? "a frame that is masked" : "a frame that is not masked";
    if (bits && !deflated)
        return "a bit of an extension that was not agreed on";
    if (opcode & WS_CONTROL)
        return NULL;
    if (opcode > WS_BINARY)
        return "no such opcode";
    if (opcode == WS_CONTINUATION && !ws->run->incoming.type)
        return "nothing to continue";
    return opcode && ws->run->incoming.type ? "the message before has not ended" : NULL;
}

void ws_took(struct ws *ws, size_t size)
{
    struct ws_incoming *in = &ws->run->incoming;
    ss_skip(ws->run->in, size);
    in->left -= size;
    in->at += size;
}

int ws_take_text(struct ws *ws, const char *text, size_t size, bool last)
{
    struct ws_incoming *in = &ws->run->incoming;
    if (in->type != WS_TEXT ||
        (http_utf8_go_on(&in->utf8, text, size) && (!last || http_utf8_may_end(&in->utf8))))
        return 1;
    return ws_fail(ws, WS_INVALID, "text that is not UTF-8");
}

/* A frame of a message begins: its head was read. */
static int begin_frame(struct ws *ws, const struct ws_head *head)
{
    struct ws_run *run = ws->run;
    struct ws_incoming *in = &run->incoming;
    if (head->first & WS_OPCODE)
        *in = (struct ws_incoming){.type = head->first & WS_OPCODE, .deflated = head->first & WS_RSV1};
    uint64_t size = in->deflated ? 0 : head->size; /* what is compressed shows its size later */
    if (size > run->options.max_message - in->size || in->fragments >= run->options.max_fragments)
        return ws_fail(ws, WS_TOO_BIG, "the message is too big");
    in->final = head->first & WS_FIN;
    in->fragments++;
    in->size += size;
    in->left = head->size;
    in->at = 0;
    memcpy(in->key, head->key, sizeof in->key);
    if (in->left)
        return 1;
    return in->deflated ? 1 : ws_take_text(ws, "", 0, in->final);
}

/* One whose head of `head_size` bytes was read. 1; 0: it has ended; or -errno. */
static int control_frame(struct ws *ws, const struct ws_head *head, size_t head_size)
{
    char payload[WS_MAX_CONTROL];
    const char *data;
    if (head->size > WS_MAX_CONTROL || !(head->first & WS_FIN))
        return ws_fail(ws, WS_PROTOCOL, "a control frame that is long, or a fragment");
    size_t size = (size_t)head->size;
    int rc = ws_want(ws, &data, head_size + size);
    if (rc <= 0)
        return rc;
    ws_mask(payload, data + head_size, size, head->key, 0);
    ss_skip(ws->run->in, head_size + size);
    return ws_control(ws, head->first & WS_OPCODE, payload, size);
}

/* Waits for the next frame of a message, and what control frames are in front of it. 1; as ws_await. */
static int next_frame(struct ws *ws, struct ws_message *posted)
{
    struct ss_stream *s = ws->run->in;
    struct ws_head head;
    const char *data;
    ssize_t n;
    ws_measure(ws->run);
    while ((n = ws_look(ws, &data, 2)) == -EAGAIN) {
        int rc = ws_await(ws, s->rpos < s->rend, posted);
        if (rc != 1)
            return rc;
    }
    if (n < 2)
        return ws_lost(ws, n < 0 ? (int)n : 0);
    ws_heard(ws); /* also where nobody has waited for that */
    int size = ws_head_read(data, (size_t)n, &head), rc = 1;
    if (size > n && (rc = ws_want(ws, &data, (size_t)size)) > 0)
        size = ws_head_read(data, (size_t)size, &head);
    if (rc <= 0)
        return rc;
    const char *wrong = size < 0 ? "a length in a longer form than needed" : what_is_wrong(ws, &head);
    if (wrong)
        return ws_fail(ws, WS_PROTOCOL, wrong);
    if (head.first & WS_CONTROL) {
        rc = control_frame(ws, &head, (size_t)size);
        return rc > 0 ? GO_ON : rc;
    }
    ss_skip(s, (size_t)size);
    return begin_frame(ws, &head);
}

int ws_next_frame(struct ws *ws, struct ws_message *posted)
{
    int rc = ws->ended ? 0 : GO_ON;
    while (rc == GO_ON)
        rc = next_frame(ws, posted);
    return rc;
}

int ws_payload(struct ws *ws, char **data, size_t *size)
{
    struct ws_incoming *in = &ws->run->incoming;
    const struct ss_stream *s = ws->run->in;
    const char *ignored;
    int rc = ws->ended ? 0 : 1;
    while (rc > 0 && in->type && !in->left && !in->final)
        rc = ws_next_frame(ws, NULL);
    if (rc > 0 && in->left)
        rc = ws_want(ws, &ignored, 1);
    if (rc <= 0)
        return rc;
    *data = s->rbuf + s->rpos;
    *size = s->rend - s->rpos < in->left ? s->rend - s->rpos : (size_t)in->left;
    return 1;
}
