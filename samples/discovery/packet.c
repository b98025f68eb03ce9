/* SPDX-License-Identifier: MIT */
#include "discovery/packet.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- words */

/* Takes the next word, behind which is a space or nothing. */
static bool take_word(const char **at, char *word, size_t room)
{
    size_t size = strcspn(*at, " ");
    if (size == 0 || size >= room)
        return false;
    memcpy(word, *at, size);
    word[size] = 0;
    *at += size + ((*at)[size] == ' ');
    return true;
}

static bool take_number(const char **at, int base, unsigned long long most, unsigned long long *number)
{
    static const char digits[] = "0123456789abcdef";
    char word[17], *end;
    if (!take_word(at, word, sizeof word) || word[strspn(word, digits)])
        return false;
    *number = strtoull(word, &end, base);
    return !*end && *number <= most;
}

bool is_type(const char *text)
{
    size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return size > 0 && size <= TYPE_SIZE && !text[size];
}

/* How many bytes the character at `at` has, 0: it is none, or one of the control characters. */
static size_t character_at(const unsigned char *at)
{
    size_t size = *at < 0x80 ? 1 : *at >= 0xc2 && *at < 0xe0 ? 2 : *at >= 0xe0 && *at < 0xf0 ? 3 : 4;
    if (*at < ' ' || *at == 0x7f || (*at >= 0x80 && *at < 0xc2) || *at > 0xf4)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool is_control = *at == 0xc2 && at[1] < 0xa0,
         is_long = (*at == 0xe0 && at[1] < 0xa0) || (*at == 0xf0 && at[1] < 0x90),
         is_half = *at == 0xed && at[1] > 0x9f, is_beyond = *at == 0xf4 && at[1] > 0x8f;
    return is_control || is_long || is_half || is_beyond ? 0 : size;
}

bool is_name(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t size = 1;
    while (*at && (size = character_at(at)) > 0)
        at += size;
    size_t all = (size_t)((const char *)at - text);
    return size > 0 && all > 0 && all <= NAME_SIZE;
}

/* ---------------------------------------------------------------- packets */

static bool parse_question(const char *at, struct packet *packet)
{
    unsigned long long question;
    if (!take_number(&at, 16, UINT32_MAX, &question) || !take_word(&at, packet->type, sizeof packet->type))
        return false;
    packet->kind = ASK;
    packet->question = (uint32_t)question;
    return (is_type(packet->type) || !strcmp(packet->type, "*")) && !at[strspn(at, " ")];
}

static bool parse_answer(const char *at, struct packet *packet)
{
    unsigned long long id, question, seconds, port;
    if (!take_number(&at, 16, UINT64_MAX, &id) || !take_number(&at, 16, UINT32_MAX, &question) ||
        !take_number(&at, 10, LONGEST_TIME, &seconds) || !take_number(&at, 10, UINT16_MAX, &port) ||
        !take_word(&at, packet->type, sizeof packet->type) || strlen(at) > NAME_SIZE)
        return false;
    packet->kind = HAVE;
    packet->id = id;
    packet->question = (uint32_t)question;
    packet->seconds = (unsigned)seconds;
    packet->port = (unsigned)port;
    strcpy(packet->name, at);
    return port > 0 && is_type(packet->type) && is_name(packet->name);
}

bool packet_parse(const char *data, size_t size, struct packet *packet)
{
    static const char ask[] = "discovery 1 ask ", have[] = "discovery 1 have ";
    char text[PACKET_SIZE];
    memset(packet, 0, sizeof *packet);
    size -= size > 0 && data[size - 1] == '\n';
    if (size >= sizeof text || memchr(data, 0, size))
        return false;
    memcpy(text, data, size);
    text[size] = 0;
    if (!strncmp(text, ask, sizeof ask - 1))
        return parse_question(text + sizeof ask - 1, packet);
    return !strncmp(text, have, sizeof have - 1) && parse_answer(text + sizeof have - 1, packet);
}

size_t packet_format(const struct packet *packet, char text[PACKET_SIZE])
{
    int size;
    if (packet->kind == ASK) {
        size = snprintf(text, PACKET_SIZE, "discovery 1 ask %x %s", packet->question, packet->type);
        size += snprintf(text + size, PACKET_SIZE - (size_t)size, "%*s\n",
                         size < QUESTION_SIZE ? QUESTION_SIZE - 1 - size : 0, "");
    } else {
        size = snprintf(text, PACKET_SIZE, "discovery 1 have %llx %x %u %u %s %s\n",
                        (unsigned long long)packet->id, packet->question, packet->seconds, packet->port,
                        packet->type, packet->name);
    }
    return (size_t)size;
}
