/* SPDX-License-Identifier: MIT */
/* position [ADDRESS [CLASS]]: where are all players now? A game in which late is worse than lost: nobody
   sends anything again, as the next datagram says something newer anyway. Players send where they want to go,
   with a number; what is older than the last one is left out. The server decides where they are, and sends
   all places to all players 30 times a second. Who is silent for 3 seconds has left.

   Try:  build/samples/position localhost:8537 EventLoopUDPServer
   and:  build/samples/position_client --seconds 2 localhost:8537 */
#include "address_cookie.h"
#include "position/board.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { RATE = 30 /* snapshots a second */, MOST_STEPS = RATE /* that are made up for after a pause */ };

/* All threads and processes play on the same board. */
static const struct ss_class Position;
struct game {
    pid_t referee;
    struct board board;
};

static struct cookie_key key;
static uint64_t began, steps; /* for the thread that serves: ms; those that were made */

/* Who has died with it may have left a player half moved, which the next step puts right. */
static struct game *game_lock(const struct ss_server *self)
{
    int rc = ss_lock(self, &Position);
    return rc == 0 || rc == -EOWNERDEAD ? ss_shared(self, &Position) : NULL;
}

static void send_to(struct ss_server *self, const struct player *player, const struct message *m)
{
    char data[MESSAGE_SIZE];
    (void)ss_send_to(self, &player->from, &player->to, data, message_format(m, data)); /* or it is lost */
}

/* A timer may be late: the clock says how many steps are due. There is one snapshot for them, the newest. */
static int tick(struct ss_server *self, void *argument)
{
    uint64_t now = ss_now(), due = (now - began) * RATE / 1000, late = due - steps;
    struct message snapshot;
    struct game *game = game_lock(self);
    (void)argument;
    if (!game)
        return 0;
    steps = due;
    board_step(&game->board, late < MOST_STEPS ? (int)late : MOST_STEPS, now);
    board_show(&game->board, &snapshot);
    for (int i = 0; i < PLAYERS; i++) {
        const struct player *player = &game->board.players[i];
        if (!player->seen)
            continue;
        snapshot.you = (uint8_t)i;
        snapshot.last_input = player->last_input;
        send_to(self, player, &snapshot);
    }
    ss_unlock(self, &Position);
    return 0;
}

/* ---------------------------------------------------------------- players */

static int say(struct ss_handler *h, enum kind kind, uint64_t cookie)
{
    char data[MESSAGE_SIZE];
    const struct message m = {.kind = kind, .cookie = cookie};
    return ss_write(h->wfile, data, message_format(&m, data));
}

/* What he has said is noted. Returns what he is told: NOTHING, COOKIE or FULL. */
static enum kind note(struct ss_handler *h, struct board *board, const struct message *m, uint64_t now)
{
    struct player *player = board_find(board, &h->client_address);
    bool is_right =
        (player && player->cookie == m->cookie) || cookie_is_right(&key, &h->client_address, now, m->cookie);
    if (!is_right)
        return m->kind == INPUT ? COOKIE : NOTHING;
    if (m->kind == LEAVE) {
        if (player)
            player->seen = 0;
        return NOTHING;
    }
    if (!player) {
        if (!(player = board_enter(board, &h->client_address)))
            return FULL;
        player->last_input = m->number - 1;
        player->from = h->request->datagram->local_address;
    }
    player->seen = now;
    player->cookie = m->cookie;
    player_steer(player, m);
    return NOTHING;
}

static int play(struct ss_handler *h)
{
    const struct ss_datagram *datagram = h->request->datagram;
    uint64_t now = ss_now();
    struct message m;
    if (datagram->truncated || !message_parse(datagram->data, datagram->size, &m) ||
        (m.kind != INPUT && m.kind != LEAVE) || ss_address_port(&h->client_address) == 0)
        return 0;
    struct game *game = game_lock(h->server);
    if (!game)
        return 0;
    enum kind answer = note(h, &game->board, &m, now);
    ss_unlock(h->server, &Position);
    if (answer == COOKIE)
        return say(h, COOKIE, cookie_of(&key, &h->client_address, now / COOKIE_PERIOD));
    return answer == FULL ? say(h, FULL, m.cookie) : 0;
}

static const struct ss_handler_class Player = {.handle = play};

/* ---------------------------------------------------------------- the server */

static int begin(struct ss_server *self)
{
    ((struct game *)ss_shared(self, &Position))->referee = getpid();
    began = ss_now();
    return ss_super(self, &Position)->serve_forever(self);
}

static void end(struct ss_server *self)
{
    struct game *game = ss_shared(self, &Position);
    if (self->socket >= 0 && game && game->referee == getpid() && game_lock(self)) {
        for (int i = 0; i < PLAYERS; i++) {
            const struct player *player = &game->board.players[i];
            if (player->seen)
                send_to(self, player, &(struct message){.kind = END, .cookie = player->cookie});
        }
        game->referee = 0;
        ss_unlock(self, &Position);
    }
    ss_super(self, &Position)->close_socket(self);
}

static const struct ss_class Position = {
    .name = "Position", .shared_size = sizeof(struct game), .serve_forever = begin, .close_socket = end};

static int prepare(struct ss_server *self)
{
    struct game *game = ss_shared(self, &Position);
    if (!cookie_key_make(&key) ||
        getrandom(&game->board.number, sizeof game->board.number, 0) != sizeof game->board.number) {
        fprintf(stderr, "position: the system has no random numbers; wait until it has started\n");
        return 1;
    }
    self->max_packet_size = MESSAGE_SIZE;
    return ss_every(self, 1000 / RATE, tick, NULL) < 0;
}

int main(int argc, char **argv)
{
    static const struct ss_program program = {
        .about = "Where are all players now? 30 times a second, and late is worse than lost.",
        .address = "localhost:8537",
        .cls = "EventLoopUDPServer",
        .servers = "UDPServer",
        .own = &Position,
        .handler = &Player,
        .prepare = prepare,
    };
    return ss_main(argc, argv, &program);
}
