/* SPDX-License-Identifier: MIT */
/* What others send to a WebSocket: frames that are passed on to its client, and messages for its handler. */
#include "websocket/ws.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LETTERS = 64 }; /* that are sent on until it is looked whether the client has something to say */

/* A frame of a message, in memory of its own. */
static int make_frame(enum ws_type type, const void *data, size_t size, char **frame, size_t *frame_size)
{
    int rc = ws_check(type, data, size);
    if (rc < 0)
        return rc;
    char head[WS_MAX_HEAD];
    size_t head_size = ws_head_write(head, WS_FIN | (unsigned)type, size, NULL);
    *frame = malloc(head_size + size);
    if (!*frame)
        return -ENOMEM;
    memcpy(*frame, head, head_size);
    if (size)
        memcpy(*frame + head_size, data, size);
    *frame_size = head_size + size;
    return 0;
}

/* Who gets a frame: the connection that `ref` names, or all of a channel but `except`; NULL: all. */
struct receivers {
    struct ss_server *server;
    const struct ss_ref *ref;
    const char *channel;
    struct ss_handler *except;
};

static int send_to(const struct receivers *to, enum ws_type type, const void *data, size_t size)
{
    char *frame;
    size_t frame_size;
    int rc = make_frame(type, data, size, &frame, &frame_size);
    if (rc < 0)
        return rc;
    rc = to->ref      ? ss_post_tagged(to->server, *to->ref, WS_TAG, frame, frame_size)
         : to->except ? ss_publish_others_tagged(to->except, to->channel, WS_TAG, frame, frame_size)
                      : ss_publish_tagged(to->server, to->channel, WS_TAG, frame, frame_size);
    free(frame);
    return rc;
}

int ws_post(struct ss_server *self, struct ss_ref ref, enum ws_type type, const void *data, size_t size)
{
    return send_to(&(struct receivers){.server = self, .ref = &ref}, type, data, size);
}

int ws_publish(struct ss_server *self, const char *channel, enum ws_type type, const void *data, size_t size)
{
    return send_to(&(struct receivers){.server = self, .channel = channel}, type, data, size);
}

int ws_publish_others(struct ws *ws, const char *channel, enum ws_type type, const void *data, size_t size)
{
    return send_to(&(struct receivers){.server = ws->run->server, .channel = channel, .except = ws->run->h},
                   type, data, size);
}

int ws_take_posted(struct ws *ws, struct ws_message *message)
{
    struct ss_message posted;
    int rc = 0;
    for (int i = 0; i < LETTERS && (rc = ss_receive(ws->run->h, &posted)) == 0; i++) {
        if (posted.tag != WS_TAG) {
            *message = (struct ws_message){
                .type = WS_POSTED, .data = posted.data, .size = posted.size, .channel = posted.channel};
            return 1;
        }
        if (!ws->closing && (rc = ss_write(ws->run->out, posted.data, posted.size)) < 0)
            return rc;
    }
    return rc == -EAGAIN ? 0 : rc;
}
