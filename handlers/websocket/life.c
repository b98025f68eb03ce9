/* SPDX-License-Identifier: MIT */
/* The life of a WebSocket: what it has while it runs, and how it goes with its connection. */
#include "websocket/ws.h"
#include <stdlib.h>

enum { MAX_MESSAGE = 1 << 20, MAX_FRAGMENTS = 65536, IDLE = 30000, CLOSE = 2000 };

static void begin(struct ws *ws, struct ws_run *run, const struct ws_options *options)
{
    struct ws_options *o = &run->options;
    if (options)
        *o = *options;
    o->max_message = o->max_message ? o->max_message : MAX_MESSAGE;
    o->max_fragments = o->max_fragments ? o->max_fragments : MAX_FRAGMENTS;
    o->idle_timeout = o->idle_timeout ? o->idle_timeout : IDLE;
    o->close_timeout = o->close_timeout ? o->close_timeout : CLOSE;
    run->turn = run->in->received;
    run->server = run->h ? run->h->server : ws->server;
    ws->run = run;
    ws->runs = true;
}

void ws_run_begin(struct ws *ws, struct ws_run *run, struct ss_handler *h, const struct ws_options *options)
{
    *run = (struct ws_run){.h = h, .in = h->rfile, .out = h->wfile};
    begin(ws, run, options);
}

void ws_run_client(struct ws *ws, struct ws_run *run, struct ss_stream *client, int limit,
                   const struct ws_options *options)
{
    *run = (struct ws_run){.client = client, .limit = limit, .in = client, .out = client};
    begin(ws, run, options);
}

void ws_run_end(struct ws *ws)
{
    free(ws->run->whole);
    free(ws->run->posted);
    ws->server = ws->run->server;
    ws->runs = false;
}

struct ss_server *ws_server(const struct ws *ws)
{
    return ws->runs ? ws->run->server : ws->server;
}

void ws_tell(struct ws *ws)
{
    if (ws->cls && ws->cls->close && !ws->told)
        ws->cls->close(ws);
    ws->told = true;
}

void ws_release(void *data)
{
    struct ws *ws = data;
    struct ws_run run = {.server = ws_server(ws)};
    if (ws->cls)
        run.options = ws->cls->options;
    ws->run = &run;
    ws->runs = true;
    (void)ws_lost(ws, 0); /* a parked one, whose connection nobody could wake any more */
    ws_tell(ws);
    if (ws->release)
        ws->release(ws->context);
    ws_deflate_free(ws_deflate_of(ws));
    free(ws);
}

void ws_leave(struct ss_handler *h, int rc)
{
    struct ws *ws = h->request->data;
    if (!ws->runs)
        return; /* ws_serve has ended it */
    ws_bye(ws, rc);
    ws_run_end(ws);
}
