/* SPDX-License-Identifier: MIT */
/* Datagrams of samples/position, each behind two bytes: how long it is, and who sends it. What can be read is
   written as it was; the board stays as it has to be. */
#include "fuzz.h"
#include "position/board.h"

static void check_board(struct board *board, uint64_t now)
{
    struct message snapshot, again;
    char data[MESSAGE_SIZE], same[MESSAGE_SIZE];
    board_step(board, (int)(now % 4), now);
    board_show(board, &snapshot);
    size_t size = message_format(&snapshot, data);
    REQUIRE(message_parse(data, size, &again) && message_format(&again, same) == size);
    REQUIRE(memcmp(data, same, size) == 0);
    for (int i = 0; i < snapshot.count; i++)
        REQUIRE(snapshot.places[i].x <= BOARD_WIDTH && snapshot.places[i].y <= BOARD_HEIGHT);
}

static void play(struct board *board, const struct message *m, unsigned who, uint64_t now)
{
    struct ss_address client = {.length = sizeof client.u.in, .u.in = {.sin_family = AF_INET}};
    client.u.in.sin_addr.s_addr = who % 4;
    client.u.in.sin_port = (uint16_t)who;
    struct player *player = board_find(board, &client);
    if (!player && (player = board_enter(board, &client)))
        player->last_input = m->number - 1;
    if (!player)
        return;
    uint32_t before = player->last_input;
    player->seen = m->kind == LEAVE ? 0 : now;
    player_steer(player, m);
    REQUIRE(player->last_input == before || (player->last_input == m->number && is_later(m->number, before)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct board board;
    memset(&board, 0, sizeof board);
    uint64_t now = 1;
    for (size_t at = 0, one; at + 1 < size; at += one) {
        struct message m;
        char again[MESSAGE_SIZE];
        unsigned who = data[at + 1];
        one = data[at] < size - at - 2 ? data[at] : size - at - 2;
        char *copy = fuzz_copy(data + (at += 2), one, NULL, 0);
        if (message_parse(copy, one, &m)) {
            REQUIRE(message_format(&m, again) == one && memcmp(again, copy, one) == 0);
            play(&board, &m, who, now);
        }
        free(copy);
        check_board(&board, now += 100);
    }
    return 0;
}
