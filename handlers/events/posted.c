/* SPDX-License-Identifier: MIT */
/* What others send: events for other streams than one's own, and what has come for this one. */
#include "events/es.h"
#include <errno.h>
#include <stdlib.h>

int es_post(struct ss_server *self, struct ss_ref ref, const struct es_event *event)
{
    struct es_text text;
    int rc = es_format(event, &text);
    if (rc < 0)
        return rc;
    rc = ss_post_tagged(self, ref, ES_TAG, text.chunk, text.chunk_size);
    free(text.chunk);
    return rc;
}

int es_publish(struct ss_server *self, const char *channel, const struct es_event *event)
{
    struct es_text text;
    int rc = es_format(event, &text);
    if (rc < 0)
        return rc;
    rc = ss_publish_tagged(self, channel, ES_TAG, text.chunk, text.chunk_size);
    free(text.chunk);
    return rc;
}

static int await_room(struct es *es)
{
    int rc = ss_wait(es->h, SS_ROOM | SS_IDLE, es->write_timeout);
    return rc < 0 ? rc : rc & SS_ROOM ? 0 : -ETIMEDOUT;
}

int es_make_room(struct es *es)
{
    int rc = ss_flush_now(es->h->wfile);
    return rc == -EAGAIN ? await_room(es) : rc;
}

static int send_posted(struct es *es, const struct ss_message *posted)
{
    struct iovec left = es_on_the_wire(es, posted->data, posted->size);
    int rc = 0;
    while (rc == 0 && left.iov_len > 0) {
        ssize_t n = ss_write_now(es->h->wfile, left.iov_base, left.iov_len);
        if (n < 0)
            rc = n == -EAGAIN ? await_room(es) : (int)n;
        else
            left = (struct iovec){(char *)left.iov_base + n, left.iov_len - (size_t)n};
    }
    return rc;
}

int es_pass_on(struct es *es, struct ss_message *message)
{
    struct ss_message posted;
    int rc;
    while ((rc = ss_receive(es->h, &posted)) == 0) {
        if (posted.tag != ES_TAG) {
            *message = posted;
            return ES_MESSAGE;
        }
        if ((rc = send_posted(es, &posted)) < 0)
            return rc;
    }
    return rc == -EAGAIN ? es_make_room(es) : rc;
}
