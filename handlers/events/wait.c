/* SPDX-License-Identifier: MIT */
/* What a stream waits for: what others send, the time for a heartbeat, and the client's end. */
#include "events/es.h"
#include <errno.h>

int es_skip_input(struct es *es)
{
    const char *data;
    ssize_t n = ss_peek_now(es->h->rfile, &data, 1);
    if (n > 0)
        ss_skip(es->h->rfile, (size_t)n);
    return n > 0 || n == -EAGAIN ? 0 : n < 0 ? (int)n : -EPIPE;
}

/* Milliseconds until `end`, or until a heartbeat is due if that is sooner; -1: never. */
static int time_to_wait(struct es *es, uint64_t now, uint64_t end)
{
    const struct ss_stream *out = es->h->wfile;
    if (es->sent != out->sent + out->wend)
        es->heartbeat_at = 0;
    es->sent = out->sent + out->wend;
    if (!es->heartbeat_at)
        es->heartbeat_at = es->heartbeat < 0 ? UINT64_MAX : now + (uint64_t)es->heartbeat;
    uint64_t at = es->heartbeat_at < end ? es->heartbeat_at : end;
    return at == UINT64_MAX ? -1 : at <= now ? 0 : (int)(at - now);
}

/* The time may be over although something has come. */
static int look_at_clock(struct es *es, uint64_t end)
{
    uint64_t now = ss_now();
    if (now >= end)
        return ES_TIME;
    if (now < es->heartbeat_at)
        return 0;
    int rc = es_comment(es, "");
    return rc < 0 ? rc : es_make_room(es);
}

/* Waits once. 0; ES_TIME, ES_MESSAGE; or -errno. */
static int wait_once(struct es *es, uint64_t end, struct ss_message *message)
{
    int found = ss_wait(es->h, SS_INPUT | SS_MESSAGE | SS_IDLE | SS_REST, time_to_wait(es, ss_now(), end));
    int rc = found < 0 ? found : found & SS_INPUT ? es_skip_input(es) : 0;
    if (rc == 0 && found & SS_MESSAGE)
        rc = es_pass_on(es, message);
    return rc == 0 ? look_at_clock(es, end) : rc;
}

int es_wait(struct es *es, int ms, struct ss_message *message)
{
    struct ss_message dropped;
    uint64_t end = ms < 0 ? UINT64_MAX : ss_now() + (uint64_t)ms;
    int rc = 0;
    while (!es->ended && rc == 0) {
        rc = wait_once(es, end, message ? message : &dropped);
        if (rc == ES_MESSAGE && !message)
            rc = 0;
    }
    return rc < 0 ? es_lost(es, rc) : rc;
}
