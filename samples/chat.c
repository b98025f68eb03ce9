/* SPDX-License-Identifier: MIT */
/* chat [ADDRESS [CLASS]]: rooms in the browser. Under /chat/ROOM/NAME is a WebSocket, everything else is a
   file from www/ below the current directory. Who comes reads the last lines, and who else is there. Under
   every mix-in, in all its threads and processes, the rooms are the same. Its page is /chat.html.

   Try:  build/samples/chat localhost:8088 PreforkingEventLoop
   and:  echo Hello | build/samples/ws_client ws://localhost:8088/chat/lobby/Ann */
#include "websocket.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 32, TEXT = 1000, KEPT = 100 }; /* bytes, bytes, lines of all rooms */

struct member {
    char room[NAME + 1], name[NAME + 1];
};
struct line {
    char room[NAME + 1], text[NAME + TEXT + 3]; /* "+Ann": is here, "-Ann": has left, "!Ann<tab>text" */
};
struct history {
    unsigned count; /* lines that were ever said; the last of them are kept */
    struct line lines[KEPT];
};
static const struct ss_class History = {
    .name = "History", .base = &HTTPServer, .shared_size = sizeof(struct history)};

/* Who speaks, or comes, has the lock meanwhile: so each line is either among those that a newcomer copies, or
   comes to him by the channel. Nothing is done under it that may wait; one that was killed with it has left
   half a line. */
static int lock_history(struct ss_server *server, struct history **all)
{
    int rc = ss_lock(server, &History);
    *all = ss_shared(server, &History);
    return rc == -EOWNERDEAD ? 0 : rc;
}

/* Tells all in the room. */
static int tell(struct ws *ws, char kind, const char *text)
{
    struct member *self = ws_context(ws);
    struct history *all;
    struct line line;
    int size = snprintf(line.text, sizeof line.text, "%c%s%s%s", kind, self->name, *text ? "\t" : "", text);
    memcpy(line.room, self->room, sizeof line.room);
    int rc = lock_history(ws_server(ws), &all);
    if (rc < 0)
        return rc;
    rc = ws_publish(ws_server(ws), self->room, WS_TEXT, line.text, (size_t)size);
    if (rc >= 0 && *text)
        all->lines[all->count++ % KEPT] = line;
    ss_unlock(ws_server(ws), &History);
    return rc < 0 ? rc : 0;
}

static int join(struct ss_handler *h, const struct member *self, struct history *old)
{
    struct history *all;
    int rc = lock_history(h->server, &all);
    if (rc < 0)
        return rc;
    *old = *all;
    rc = ss_subscribe(h, self->room, SS_END);
    ss_unlock(h->server, &History);
    return rc;
}

static int come(struct ws *ws)
{
    struct ss_handler *h = ws_handler(ws);
    struct member *self = calloc(1, sizeof *self);
    struct history *old = ss_alloc(h, sizeof *old);
    char *path = ss_format(h, "%s", http_request(h)->path);
    struct ss_ref me;
    ws_set_context(ws, self, free);
    if (!self || !old || !path)
        return -ENOMEM;
    if (http_unquote(path) < 0 || sscanf(path, "/chat/%32[^/\t]/%32[^/\t]", self->room, self->name) != 2)
        return ws_close(ws, WS_POLICY, "a room and a name, please");
    int rc = join(h, self, old);
    for (unsigned i = old->count > KEPT ? old->count - KEPT : 0; rc == 0 && i < old->count; i++)
        if (strcmp(old->lines[i % KEPT].room, self->room) == 0)
            rc = ws_printf(ws, "%s", old->lines[i % KEPT].text);
    if (rc == 0 && (rc = tell(ws, '+', "")) == 0 && (rc = ss_ref(h, &me)) == 0)
        rc = ss_publish_others(h, self->room, &me, sizeof me); /* for `hear` of those who are there */
    return rc < 0 ? rc : 0;
}

static int hear(struct ws *ws, const struct ws_message *message)
{
    const struct member *self = ws_context(ws);
    char text[1 + NAME + 1];
    struct ss_ref to;
    if (message->type == WS_TEXT && message->size > 0 && message->size <= TEXT)
        return tell(ws, '!', message->data);
    if (message->type != WS_POSTED)
        return ws_close(ws, WS_UNSUPPORTED, "a line of text, please");
    memcpy(&to, message->data, sizeof to); /* of one who has come */
    int rc =
        ws_post(ws_server(ws), to, WS_TEXT, text, (size_t)snprintf(text, sizeof text, "+%s", self->name));
    return rc == -ESTALE || rc == -EAGAIN ? 0 : rc; /* who has left again, or takes no more, is not told */
}

static void leave(struct ws *ws)
{
    if (ws_context(ws))
        (void)tell(ws, '-', "");
}

static const struct ws_class Chat = {
    .options = {.max_message = 4 * TEXT}, .open = come, .message = hear, .close = leave};

static int do_GET(struct ss_handler *h)
{
    return strncmp(http_request(h)->path, "/chat/", 6) == 0 ? ws_serve(h, &Chat) : http_do_GET(h);
}

static const struct simple_http_class Handler = {
    .http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler},
             .table_size = sizeof Handler,
             .methods = HTTP_METHODS({"GET", do_GET})},
    .directory = "www",
};

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Rooms in the browser: its page is /chat.html.",
        .address = "localhost:8088",
        .cls = "EventLoopHistory",
        .own = &History,
        .scheme = "http",
        .handler = &Handler.http.handler,
    };
    return ss_main(argc, argv, &program);
}
