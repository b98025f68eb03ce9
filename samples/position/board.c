/* SPDX-License-Identifier: MIT */
#include "position/board.h"
#include "address_cookie.h"

struct player *board_find(struct board *board, const struct ss_address *client)
{
    for (int i = 0; i < PLAYERS; i++)
        if (board->players[i].seen && address_is_same(&board->players[i].to, client, true))
            return &board->players[i];
    return NULL;
}

struct player *board_enter(struct board *board, const struct ss_address *client)
{
    struct player *found = NULL;
    int own = 0;
    for (int i = PLAYERS - 1; i >= 0; i--) {
        if (!board->players[i].seen)
            found = &board->players[i];
        else
            own += address_is_same(&board->players[i].to, client, false);
    }
    if (!found || own >= PLAYERS_OF_ONE)
        return NULL;
    *found = (struct player){.to = *client, .x = BOARD_WIDTH / 2, .y = BOARD_HEIGHT / 2};
    return found;
}

void player_steer(struct player *player, const struct message *input)
{
    if (!is_later(input->number, player->last_input))
        return;
    player->last_input = input->number;
    player->dx = input->dx;
    player->dy = input->dy;
}

static int moved(int from, int way, int most)
{
    int to = from + way * SPEED / INT8_MAX;
    return to < 0 ? 0 : to > most ? most : to;
}

void board_step(struct board *board, int steps, uint64_t now)
{
    for (int i = 0; i < PLAYERS; i++) {
        struct player *player = &board->players[i];
        if (player->seen && player->seen + GONE < now)
            player->seen = 0;
        for (int step = 0; player->seen && step < steps; step++) {
            player->x = moved(player->x, player->dx, BOARD_WIDTH);
            player->y = moved(player->y, player->dy, BOARD_HEIGHT);
        }
    }
}

void board_show(struct board *board, struct message *snapshot)
{
    *snapshot = (struct message){.kind = SNAPSHOT, .number = board->number++};
    for (int i = 0; i < PLAYERS; i++)
        if (board->players[i].seen)
            snapshot->places[snapshot->count++] =
                (struct place){(uint8_t)i, (uint16_t)board->players[i].x, (uint16_t)board->players[i].y};
}
