/* SPDX-License-Identifier: MIT */
/* Who is in the game, and where. */
#ifndef POSITION_BOARD_H
#define POSITION_BOARD_H

#include "position/message.h"
#include "socketserver.h"

enum { BOARD_WIDTH = 1000, BOARD_HEIGHT = 600, SPEED = 10 /* in a step */, GONE = 3000 /* ms of silence */ };
enum { PLAYERS_OF_ONE = 16 /* at one address */ };

struct player {
    uint64_t seen;              /* ms, as ss_now; 0: this place is free */
    struct ss_address to, from; /* from: the address of ours that was asked */
    uint64_t cookie;
    uint32_t last_input;
    int8_t dx, dy;
    int x, y;
};
struct board {
    uint32_t number; /* of the next snapshot */
    struct player players[PLAYERS];
};

/* The player who speaks from there; NULL: nobody. */
struct player *board_find(struct board *board, const struct ss_address *client);

/* A new one, in the middle; NULL: there is no place for him. */
struct player *board_enter(struct board *board, const struct ss_address *client);

/* Takes in what he wants, unless something newer has come before. */
void player_steer(struct player *player, const struct message *input);

/* Drops who has been silent for too long, and moves all others `steps` times. */
void board_step(struct board *board, int steps, uint64_t now);

/* The next snapshot, but for what is each player's own. */
void board_show(struct board *board, struct message *snapshot);

#endif
