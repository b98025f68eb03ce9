/* SPDX-License-Identifier: MIT */
/* game [ADDRESS [CLASS]]: who is first at the coin. Pages send where their player wants to go, the server
   decides where he is, 60 times a second, and tells all pages. All processes share the board, and whoever
   comes first when a step is due makes it: so it runs under every mix-in, and rests when nobody plays. Its
   page is /game.html.

   Try:  build/samples/game localhost:8089
   and:  echo 100 100 | build/samples/ws_client ws://localhost:8089/game */
#include "websocket.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 800, HEIGHT = 500, REACH = 22, SPEED = 4, PLAYERS = 32 }; /* pixels, pixels in a step */
enum { STEP = 1000 / 60, GONE = 1000 };                                  /* ms */

struct player {
    uint64_t seen; /* ms, as ss_now; long ago: nobody */
    int x, y, to_x, to_y;
    unsigned score;
};
struct board {
    uint64_t next; /* ms: when the next step is due */
    int x, y;      /* of the coin */
    struct player players[PLAYERS];
};
static const struct ss_class Game = {
    .name = "Game", .base = &HTTPServer, .shared_size = sizeof(struct board)};

static int between(int least, long n, int most)
{
    return n < least ? least : n > most ? most : (int)n;
}

/* Moves all, and writes what pages get: "x y;number x y score;number x y score". Returns its size. */
static int step(struct board *b, uint64_t now, char *text, size_t room)
{
    int size = snprintf(text, room, "%d %d", b->x, b->y);
    b->next = now + STEP;
    for (int i = 0; i < PLAYERS; i++) {
        struct player *p = &b->players[i];
        if (now - p->seen > GONE)
            continue;
        p->x = between(0, p->x + between(-SPEED, p->to_x - p->x, SPEED), WIDTH);
        p->y = between(0, p->y + between(-SPEED, p->to_y - p->y, SPEED), HEIGHT);
        int dx = p->x - b->x, dy = p->y - b->y;
        if (dx * dx + dy * dy < REACH * REACH) {
            p->score++;
            b->x = REACH + (int)(now * 7919 % (WIDTH - 2 * REACH)); /* somewhere else */
            b->y = REACH + (int)(now * 6007 % (HEIGHT - 2 * REACH));
        }
        size += snprintf(text + size, room - (size_t)size, ";%d %d %d %u", i, p->x, p->y, p->score);
    }
    return size;
}

/* A player's turn; *number is -1 for a new one. Returns when the next step is due, 0: there is no place. */
static uint64_t take_turn(struct ss_server *server, int *number, const char *where)
{
    char text[PLAYERS * 32], *end;
    struct board *b = ss_shared(server, &Game);
    int rc = ss_lock(server, &Game), size = 0;
    if (rc < 0 && rc != -EOWNERDEAD) /* one that has died in a step has moved some, and others not */
        return 0;
    uint64_t now = ss_now(), next;
    for (int i = 0; *number < 0 && i < PLAYERS; i++)
        if (now - b->players[i].seen > GONE)
            b->players[ *number = i] = (struct player){.to_x = WIDTH / 2, .to_y = HEIGHT / 2};
    if (*number >= 0)
        b->players[*number].seen = now;
    if (*number >= 0 && where) { /* "x y" */
        b->players[*number].to_x = between(0, strtol(where, &end, 10), WIDTH);
        b->players[*number].to_y = between(0, strtol(end, NULL, 10), HEIGHT);
    }
    if (now >= b->next)
        size = step(b, now, text, sizeof text);
    next = *number < 0 ? 0 : b->next;
    ss_unlock(server, &Game);
    if (size > 0)
        (void)ws_publish(server, "board", WS_TEXT, text, (size_t)size);
    return next;
}

static int play(struct ss_handler *h, struct ws *ws)
{
    struct ws_message message;
    int number = -1, rc = ss_subscribe(h, "board", SS_DROP_OLDEST); /* who is slow gets newer positions */
    uint64_t now, next = take_turn(h->server, &number, NULL);
    if (!next)
        return ws_close(ws, WS_TRY_AGAIN, "the board is full");
    ws_printf(ws, "you %d", number);
    while (rc >= 0 && next) {
        now = ss_now();
        rc = ws_recv_for(ws, &message, next > now ? (int)(next - now) : 0);
        if (rc == 0)
            return 0;
        next = take_turn(h->server, &number, rc > 0 && message.type == WS_TEXT ? message.data : NULL);
        rc = rc == -EAGAIN ? 0 : rc;
    }
    return rc;
}

static int do_GET(struct ss_handler *h)
{
    struct ws *ws;
    if (strcmp(http_request(h)->path, "/game") != 0)
        return http_do_GET(h);
    int rc = ws_accept(h, NULL, &ws);
    return rc > 0 ? play(h, ws) : rc;
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
        .about = "Who is first at the coin? Its page is /game.html.",
        .address = "localhost:8089",
        .cls = "EventLoopGame",
        .own = &Game,
        .scheme = "http",
        .handler = &Handler.http.handler,
    };
    return ss_main(argc, argv, &program);
}
