/* SPDX-License-Identifier: MIT */
/* How a WebSocket waits: for input and for messages, until an idle client is to be pinged, or was too slow.
 */
#include "websocket/ws.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TURN = 65536 }; /* bytes of a peer that lets nobody wait, until others have their turn */
enum { NOTHING = 100 };

/* For so many ms the rest of a frame is waited for until it is looked how fast it comes. */
static uint64_t window_of(const struct ws_run *run)
{
    int window = run->h ? run->h->server->rate_window : 0;
    return window > 0 && run->h->min_rate ? (uint64_t)window : UINT64_MAX;
}

static void decide_ping(struct ws *ws, uint64_t now)
{
    ws->ping_at = (uint32_t)(now + (uint64_t)ws->run->options.idle_timeout);
    ws->has_ping = true;
}

/* It is less than half of what ping_at can count from now, before or behind. */
static uint64_t time_of_ping(const struct ws *ws, uint64_t now)
{
    return now + (uint64_t)(int64_t)(int32_t)(ws->ping_at - (uint32_t)now);
}

/* The earliest time at which something is to be done although nothing comes; UINT64_MAX: never. */
static uint64_t end_of_wait(struct ws *ws, bool within, bool idle, uint64_t now)
{
    const struct ws_run *run = ws->run;
    uint64_t window = within ? window_of(run) : UINT64_MAX, at = UINT64_MAX;
    if (run->options.idle_timeout >= 0 && !ws->has_ping)
        decide_ping(ws, now);
    if (ws->has_ping)
        at = time_of_ping(ws, now);
    if (window != UINT64_MAX && at > now + window - run->waited)
        at = run->waited < window ? now + window - run->waited : now;
    if (idle && run->begins_by && at > run->begins_by)
        at = run->begins_by;
    return run->close_at && at > run->close_at ? run->close_at : at;
}

static int ms_until(uint64_t now, uint64_t at)
{
    return at == UINT64_MAX ? -1 : at <= now ? 0 : (int)(at - now);
}

int ws_patience(struct ws *ws)
{
    uint64_t now = ss_now();
    return ms_until(now, end_of_wait(ws, false, false, now));
}

void ws_measure(struct ws_run *run)
{
    run->waited = 0;
    run->waited_from = run->in->received;
}

/* Who has begun a frame sends the rest of it as fast as a body of HTTP. */
static bool is_too_slow(struct ws_run *run)
{
    if (run->waited < window_of(run))
        return false;
    uint64_t received = run->in->received - run->waited_from, least = run->h->min_rate * run->waited / 1000;
    ws_measure(run);
    return received < least;
}

/* The time is over for which ws_await waits. */
static int time_over(struct ws *ws)
{
    struct ws_run *run = ws->run;
    uint64_t now = ss_now();
    if (run->close_at && now >= run->close_at)
        return ws_lost(ws, -ETIMEDOUT);
    if (is_too_slow(run))
        return ws_fail(ws, WS_POLICY, "too slow");
    return ws->has_ping && now >= time_of_ping(ws, now) ? ws_ping(ws) : 1;
}

/* A message for the handler, while it receives another one. */
static int put_aside(struct ws_run *run, const struct ws_message *message)
{
    size_t name = message->channel ? strlen(message->channel) + 1 : 0;
    struct ws_message *copy = malloc(sizeof *copy + message->size + name);
    if (!copy)
        return -ENOMEM;
    char *data = (char *)(copy + 1);
    *copy = *message;
    copy->data = data;
    if (message->size)
        memcpy(data, message->data, message->size);
    if (name)
        copy->channel = memcpy(data + message->size, message->channel, name);
    run->posted = copy;
    return 0;
}

/* What has come by other ways than the connection. NOTHING that ws_await returns for. */
static int look_at_posted(struct ws *ws, struct ws_message *posted)
{
    struct ws_message message;
    if (ws->run->posted || ws->run->client)
        return NOTHING;
    int rc = ws_take_posted(ws, &message);
    if (rc > 0 && posted) {
        *posted = message;
        return WS_POSTED;
    }
    if (rc > 0)
        rc = put_aside(ws->run, &message);
    return rc < 0 ? ws_lost(ws, rc) : NOTHING;
}

/* As ss_wait, for a client, who has no other place to wait at. */
static int wait_for_server(struct ws_run *run, int ms)
{
    const char *data;
    ss_set_timeout(run->client, ms);
    ssize_t n = ss_peek(run->client, &data, run->in->rend - run->in->rpos + 1);
    ss_set_timeout(run->client, run->limit);
    return n >= 0 ? SS_INPUT : n == -ETIMEDOUT ? 0 : (int)n;
}

/* As ss_wait. Time in which the client does not read, or the handler does something else, does not count. */
static int wait_for_input(struct ws *ws, bool within, bool idle)
{
    struct ws_run *run = ws->run;
    int what = SS_INPUT | (run->posted ? 0 : SS_MESSAGE) | (idle ? SS_IDLE | SS_REST : 0),
        rc = ss_flush(run->out);
    if (rc < 0)
        return rc;
    uint64_t start = ss_now();
    int ms = ms_until(start, end_of_wait(ws, within, idle, start));
    rc = run->client ? wait_for_server(run, ms) : ss_wait(run->h, what, ms);
    if (within)
        run->waited += ss_now() - start;
    return rc;
}

void ws_heard(struct ws *ws)
{
    ws->pinged = false;
    ws->has_ping = false;
}

int ws_await(struct ws *ws, bool within, struct ws_message *posted)
{
    struct ws_run *run = ws->run;
    bool idle = !within && !run->incoming.type && !ws->closing;
    for (;;) {
        int rc = look_at_posted(ws, posted);
        if (rc != NOTHING)
            return rc;
        if (idle && run->begins_by == WS_PARKS)
            return -EAGAIN;
        rc = wait_for_input(ws, within, idle);
        if (rc < 0)
            return ws_lost(ws, rc);
        if (rc & SS_INPUT) {
            ws_heard(ws);
            return 1;
        }
        if (rc == 0 && (rc = time_over(ws)) <= 0)
            return rc;
        if (idle && run->begins_by && ss_now() >= run->begins_by)
            return -EAGAIN;
    }
}

/* A peer that always sends lets others run, and learns that its time is over. 0 or -errno. */
static int take_turns(struct ws *ws)
{
    struct ws_run *run = ws->run;
    if (run->close_at && ss_now() >= run->close_at)
        return -ETIMEDOUT;
    if (run->in->received - run->turn < TURN || !run->server)
        return 0;
    run->turn = run->in->received;
    if (run->h && !run->incoming.type && !ws->closing && ss_draining(run->server))
        return -ECANCELED;
    return ss_sleep(run->server, 0);
}

ssize_t ws_look(struct ws *ws, const char **data, size_t want)
{
    int rc = take_turns(ws);
    return rc < 0 ? rc : ss_peek_now(ws->run->in, data, want);
}

int ws_want(struct ws *ws, const char **data, size_t want)
{
    ssize_t n;
    while ((n = ws_look(ws, data, want)) == -EAGAIN) {
        int rc = ws_await(ws, true, NULL);
        if (rc <= 0)
            return rc;
    }
    return n < 0 ? ws_lost(ws, (int)n) : (size_t)n < want ? ws_lost(ws, 0) : 1;
}
