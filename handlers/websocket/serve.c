/* SPDX-License-Identifier: MIT */
/* A WebSocket of a struct ws_class: it is parked while nothing happens. */
#include "websocket/ws.h"
#include <errno.h>

/* It has ended, or is to. */
static int finish(struct ws *ws, int rc)
{
    ws_bye(ws, rc);
    ws_tell(ws);
    ws_run_end(ws);
    return rc < 0 ? rc : 0;
}

static int park(struct ws *ws)
{
    ws->run->h->timeout = ws_patience(ws);
    ws_run_end(ws);
    return SS_PARK;
}

/* Serves what has come, and parks the connection. `rc`: <= 0 when it is to end. */
static int go_on(struct ws *ws, int rc)
{
    struct ws_message message;
    while (rc > 0) {
        rc = ws_recv_or_park(ws, &message);
        if (rc == -EAGAIN)
            return park(ws);
        if (rc > 0 && ws->cls->message)
            rc = ws->cls->message(ws, &message);
        rc = rc < 0 ? rc : !ws->ended;
    }
    return finish(ws, rc);
}

static int resume(struct ss_handler *h, int why)
{
    struct ws *ws = h->request->data;
    struct ws_run run;
    ws_run_begin(ws, &run, h, &ws->cls->options);
    if (why < 0)
        return finish(ws, ws_lost(ws, why));
    if (why & SS_INPUT)
        ws_heard(ws);
    if (why)
        return go_on(ws, 1);
    ws->has_ping = false;
    int rc = ws->cls->idle ? ws->cls->idle(ws) : ws_ping(ws);
    return go_on(ws, rc < 0 ? rc : !ws->ended);
}

int ws_serve(struct ss_handler *h, const struct ws_class *cls)
{
    struct ws *ws;
    int rc = ws_accept(h, &cls->options, &ws);
    if (rc <= 0)
        return rc;
    ws->cls = cls;
    h->request->resume = resume;
    rc = cls->open ? cls->open(ws) : 0;
    return go_on(ws, rc < 0 ? rc : !ws->ended);
}
