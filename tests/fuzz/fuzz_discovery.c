/* SPDX-License-Identifier: MIT */
/* Packets of samples/discovery: what can be read is written as it was, and the table takes all of it. */
#include "discovery/heard.h"
#include "fuzz.h"

static struct heard heard;

static void check_table(const struct packet *packet)
{
    struct ss_address from = {.length = sizeof from.u.in, .u.in = {.sin_family = AF_INET}};
    struct entry entry;
    from.u.in.sin_addr.s_addr = packet->question % 16;
    enum change change = heard_note(&heard, packet, &from, packet->id % 1000, &entry);
    REQUIRE(change == UNCHANGED || (packet->seconds ? change == APPEARED : change == LEFT));
    REQUIRE(change == UNCHANGED || (entry.count > 0 && entry.count <= ADDRESSES && entry.id == packet->id));
    while (heard_expire(&heard, packet->id % 100000, &entry) == EXPIRED)
        REQUIRE(entry.until <= packet->id % 100000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct packet packet, again;
    char text[PACKET_SIZE], *copy = fuzz_copy(data, size, NULL, 0);
    if (packet_parse(copy, size, &packet)) {
        size_t length = packet_format(&packet, text);
        REQUIRE(length < PACKET_SIZE && text[length - 1] == '\n' && strlen(text) == length);
        REQUIRE(packet_parse(text, length, &again) && memcmp(&packet, &again, sizeof packet) == 0);
        REQUIRE(packet.kind == ASK ? length >= QUESTION_SIZE : is_name(packet.name) && packet.port > 0);
        if (packet.kind == HAVE)
            check_table(&packet);
    }
    free(copy);
    return 0;
}
