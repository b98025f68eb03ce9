/* SPDX-License-Identifier: MIT */
/* What players and the server of the game say to each other, in one datagram each. All numbers have their
   most significant byte first. Each begins with 'P', 'S', the version 1, and what it is:

     INPUT     from a player: cookie (8 bytes, at first 0), number (4), which way he wants to go: dx, dy (1
               each, from -127 to 127)
     COOKIE    the answer to a wrong one: cookie (8). It is shorter than the question
     SNAPSHOT  to each player, 30 times a second: number (4), that of his last input (4), which player he is
               (1), how many there are (1), and each of them: who (1), x (2), y (2)
     LEAVE     from a player: cookie (8)
     FULL      to a player: cookie (8): there are as many as there may be
     END       to a player: cookie (8): the game is over

   Numbers go round: 0 comes after 4294967295. */
#ifndef POSITION_MESSAGE_H
#define POSITION_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLAYERS = 64, INPUT_SIZE = 18, COOKIE_SIZE = 12, SNAPSHOT_SIZE = 14, PLAYER_SIZE = 5 };
enum { MESSAGE_SIZE = SNAPSHOT_SIZE + PLAYERS * PLAYER_SIZE };

enum kind { NOTHING, INPUT, COOKIE, SNAPSHOT, LEAVE, FULL, END };

struct place {
    uint8_t who;
    uint16_t x, y;
};
struct message {
    enum kind kind;
    uint64_t cookie;
    uint32_t number, last_input;
    int8_t dx, dy;
    uint8_t you, count;
    struct place places[PLAYERS];
};

/* False: it is none, not whole, or longer than it says. */
bool message_parse(const char *data, size_t size, struct message *m);

/* Returns the number of bytes. */
size_t message_format(const struct message *m, char data[MESSAGE_SIZE]);

/* Is `number` later than `other`? Half of all numbers are. */
static inline bool is_later(uint32_t number, uint32_t other)
{
    return (int32_t)(number - other) > 0;
}

#endif
