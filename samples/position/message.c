/* SPDX-License-Identifier: MIT */
#include "position/message.h"
#include <string.h>

/* Where the next number stands. */
struct cursor {
    unsigned char *at;
};

static uint64_t get(struct cursor *c, int bytes)
{
    uint64_t number = 0;
    while (bytes-- > 0)
        number = number << 8 | *c->at++;
    return number;
}

static void put(struct cursor *c, uint64_t number, int bytes)
{
    while (bytes-- > 0)
        *c->at++ = (unsigned char)(number >> 8 * bytes);
}

static const unsigned char magic[] = {'P', 'S', 1};

static size_t size_of(const struct message *m)
{
    switch (m->kind) {
    case INPUT:
        return INPUT_SIZE;
    case SNAPSHOT:
        return SNAPSHOT_SIZE + m->count * (size_t)PLAYER_SIZE;
    default:
        return COOKIE_SIZE;
    }
}

static void parse_snapshot(struct cursor *c, struct message *m)
{
    m->number = (uint32_t)get(c, 4);
    m->last_input = (uint32_t)get(c, 4);
    m->you = (uint8_t)get(c, 1);
    m->count = (uint8_t)get(c, 1);
}

bool message_parse(const char *data, size_t size, struct message *m)
{
    unsigned char copy[MESSAGE_SIZE];
    struct cursor c = {copy + sizeof magic};
    memset(m, 0, sizeof *m);
    if (size < COOKIE_SIZE || size > sizeof copy || memcmp(data, magic, sizeof magic) != 0)
        return false;
    memcpy(copy, data, size);
    m->kind = (enum kind)get(&c, 1);
    if (m->kind < INPUT || m->kind > END || (m->kind == SNAPSHOT ? size < SNAPSHOT_SIZE : size < size_of(m)))
        return false;
    if (m->kind == SNAPSHOT)
        parse_snapshot(&c, m);
    else
        m->cookie = get(&c, 8);
    if (size != size_of(m) || m->count > PLAYERS)
        return false;
    if (m->kind == INPUT) {
        m->number = (uint32_t)get(&c, 4);
        m->dx = (int8_t)get(&c, 1);
        m->dy = (int8_t)get(&c, 1);
    }
    for (int i = 0; i < m->count; i++) {
        m->places[i].who = (uint8_t)get(&c, 1);
        m->places[i].x = (uint16_t)get(&c, 2);
        m->places[i].y = (uint16_t)get(&c, 2);
    }
    return true;
}

size_t message_format(const struct message *m, char data[MESSAGE_SIZE])
{
    struct cursor c = {(unsigned char *)data};
    memcpy(data, magic, sizeof magic);
    c.at += sizeof magic;
    put(&c, m->kind, 1);
    if (m->kind == SNAPSHOT) {
        put(&c, m->number, 4);
        put(&c, m->last_input, 4);
        put(&c, m->you, 1);
        put(&c, m->count, 1);
    } else {
        put(&c, m->cookie, 8);
    }
    if (m->kind == INPUT) {
        put(&c, m->number, 4);
        put(&c, (uint8_t)m->dx, 1);
        put(&c, (uint8_t)m->dy, 1);
    }
    for (int i = 0; m->kind == SNAPSHOT && i < m->count; i++) {
        put(&c, m->places[i].who, 1);
        put(&c, m->places[i].x, 2);
        put(&c, m->places[i].y, 2);
    }
    return (size_t)(c.at - (unsigned char *)data);
}
