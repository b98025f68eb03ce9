/* SPDX-License-Identifier: MIT */
#include "stream/message.h"
#include <stdio.h>
#include <string.h>

static const char *const words[] = {
    [LISTEN] = "listen ", [COOKIE] = "cookie ", [STOP] = "stop ", [FULL] = "full ", [BYE] = "bye "};
enum { WORDS = sizeof words / sizeof *words, DIGITS = 16 };

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum word message_parse(const char *data, size_t size, uint64_t *cookie)
{
    int word = NO_WORD;
    size -= size > 0 && data[size - 1] == '\n';
    for (int i = LISTEN; i < WORDS; i++)
        if (size == strlen(words[i]) + DIGITS && memcmp(data, words[i], strlen(words[i])) == 0)
            word = i;
    *cookie = 0;
    for (const char *at = data + size - DIGITS; word != NO_WORD && at < data + size; at++) {
        if (digit(*at) < 0)
            return NO_WORD;
        *cookie = *cookie << 4 | (uint64_t)digit(*at);
    }
    return (enum word)word;
}

size_t message_format(enum word word, uint64_t cookie, char text[MESSAGE_SIZE + 1])
{
    return (size_t)snprintf(text, MESSAGE_SIZE + 1, "%s%016llx\n", words[word], (unsigned long long)cookie);
}

/* ---------------------------------------------------------------- RTP */

static uint32_t get(const char *at, int bytes)
{
    uint32_t number = 0;
    while (bytes-- > 0)
        number = number << 8 | (unsigned char)*at++;
    return number;
}

static void put(char *at, uint32_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (char)(number >> 8 * (bytes - 1 - i));
}

/* Behind the header may be contributing sources and an extension, and padding at the end, whose last byte
   says how much it is. */
bool rtp_parse(const char *data, size_t size, struct rtp *rtp)
{
    unsigned flags = size < RTP_HEADER ? 0 : get(data, 1);
    size_t begin = RTP_HEADER + (flags & 15) * (size_t)4, end = size;
    if (flags >> 6 != RTP_VERSION || begin > size)
        return false;
    if (flags & 0x10) {
        if (begin + 4 > size)
            return false;
        begin += 4 + get(data + begin + 2, 2) * (size_t)4;
    }
    if (flags & 0x20) {
        size_t padding = get(data + size - 1, 1);
        end = padding > 0 && padding <= size ? size - padding : 0;
    }
    if (begin > end)
        return false;
    *rtp = (struct rtp){.marker = data[1] & 0x80,
                        .type = data[1] & 0x7f,
                        .number = (uint16_t)get(data + 2, 2),
                        .time = get(data + 4, 4),
                        .source = get(data + 8, 4),
                        .data = data + begin,
                        .size = end - begin};
    return true;
}

void rtp_format(const struct rtp *rtp, char header[RTP_HEADER])
{
    put(header, RTP_VERSION << 6, 1);
    put(header + 1, (unsigned)rtp->marker << 7 | rtp->type, 1);
    put(header + 2, rtp->number, 2);
    put(header + 4, rtp->time, 4);
    put(header + 8, rtp->source, 4);
}
