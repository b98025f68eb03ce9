/* SPDX-License-Identifier: MIT */
/* Master files of samples/dns: an error names a line of the file; and of a zone each name has an answer of
   each type. */
#include "dns_reply.h"

enum { NAMES = 24 /* that are asked for */ };

static unsigned lines_of(const char *text, size_t size)
{
    unsigned lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    return lines;
}

static void check_error(const char *error, const char *text, size_t size)
{
    char *end;
    REQUIRE(strlen(error) < ERROR_SIZE && strncmp(error, "zone:", 5) == 0);
    unsigned long line = strtoul(error + 5, &end, 10);
    REQUIRE(line >= 1 && line <= lines_of(text, size) && strncmp(end, ": ", 2) == 0 && end[2]);
}

/* A question for the name, with `more` in front of it if that fits. */
static size_t make_question(uint8_t *message, const struct name *name, bool more, unsigned type)
{
    static const uint8_t head[] = {1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1},
                         opt[] = {0, 0, 41, 0xff, 0xff, 0, 0, 0, 0, 0, 0};
    uint8_t *at = message + sizeof head;
    memcpy(message, head, sizeof head);
    if (more && name->size < 250) {
        memcpy(at, "\3new", 4);
        at += 4;
    }
    for (; name->parent; name = name->parent) {
        memcpy(at, name->label, name->label[0] + 1u);
        at += name->label[0] + 1u;
    }
    const uint8_t end[] = {0, (uint8_t)(type >> 8), (uint8_t)type, 0, 1};
    memcpy(at, end, sizeof end);
    memcpy(at + sizeof end, opt, sizeof opt);
    return (size_t)(at - message) + sizeof end + sizeof opt;
}

static void ask(const struct service *service, const struct name *name)
{
    static const uint16_t types[] = {1, 2, 5, 6, 12, 15, 16, 28, 33, 35, 43, 255, 257, 65280};
    static struct limiter limiter;
    static uint8_t reply[65535];
    uint8_t message[512];
    for (size_t i = 0; i < 2 * sizeof types / sizeof *types; i++) {
        const struct way ways[] = {{.limiter = NULL}, {.limiter = &limiter}};
        size_t size = make_question(message, name, i & 1, types[i / 2]);
        for (int way = 0; way < 2; way++) {
            size_t room = way ? PAYLOAD : sizeof reply,
                   n = dns_answer(service, &ways[way], message, size, reply, room);
            REQUIRE(n > 0 && n <= room);
            reply_check((struct reply){reply, n}, message, size);
            REQUIRE((reply[3] & 15) != 1);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[ERROR_SIZE];
    char *text = fuzz_copy(data, size, NULL, 0);
    struct zone *zone = zone_parse("zone", text, size, error);
    struct service service = {.zone = zone};
    int names = 0;
    if (!zone)
        check_error(error, text, size);
    else
        for (const struct name *n = zone->root; n && names < NAMES; n = n->made_next, names++)
            ask(&service, n);
    zone_free(zone);
    free(text);
    return 0;
}
