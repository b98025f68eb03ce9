/* SPDX-License-Identifier: MIT */
/* The commands of kvstore's clients: however the bytes are cut on their way, the same commands come of them
   and the same end. A command in RESP is, written anew, the bytes that it was; a line, with all of its bytes
   escaped, the same command. */
#include "fuzz.h"
#include "kvstore/resp.h"
#include <errno.h>

enum { MAX_COMMANDS = 4096 };

/* What one run came to. */
struct outcome {
    unsigned count;
    uint32_t commands[MAX_COMMANDS]; /* what each was, as a hash */
    size_t used;                     /* bytes of them */
    int end;
    char error[64];
};

static uint32_t hash(uint32_t value, const void *data, size_t size)
{
    for (const uint8_t *at = data; size > 0; size--, at++)
        value = (value ^ *at) * 16777619;
    return value;
}

static uint32_t hash_command(const struct resp *r, const char *data)
{
    uint32_t value = 2166136261;
    for (unsigned i = 0; i < r->argc; i++) {
        value = hash(value, &r->args[i].size, sizeof r->args[i].size);
        value = hash(value, resp_base(r, data) + r->args[i].at, r->args[i].size);
    }
    return value;
}

/* ---------------------------------------------------------------- written anew */

static void check_bytes(const struct resp *r, const char *data)
{
    char head[32];
    size_t at = (size_t)snprintf(head, sizeof head, "*%u\r\n", r->count);
    if (r->count == 0) /* "*0" or "*-1" */
        return;
    REQUIRE(r->argc == r->count && memcmp(data, head, at) == 0);
    for (unsigned i = 0; i < r->argc; i++) {
        size_t size = (size_t)snprintf(head, sizeof head, "$%u\r\n", r->args[i].size);
        REQUIRE(memcmp(data + at, head, size) == 0 && r->args[i].at == at + size);
        at += size + r->args[i].size + 2;
        REQUIRE(memcmp(data + at - 2, "\r\n", 2) == 0);
    }
    REQUIRE(at == r->size);
}

static void check_line(const struct resp *r)
{
    size_t room = 3;
    for (unsigned i = 0; i < r->argc; i++)
        room += 3 + 4 * (size_t)r->args[i].size;
    char *line = malloc(room), *at = line;
    struct resp again;
    REQUIRE(line);
    for (unsigned i = 0; i < r->argc; i++) {
        at += sprintf(at, " \"");
        for (uint32_t k = 0; k < r->args[i].size; k++)
            at += sprintf(at, "\\x%02x", (unsigned char)r->line[r->args[i].at + k]);
        *at++ = '"';
    }
    *at++ = '\n';
    resp_begin(&again);
    if (at - line < RESP_LINE) {
        REQUIRE(resp_parse(&again, line, (size_t)(at - line)) == 1 && again.argc == r->argc);
        REQUIRE(hash_command(&again, line) == hash_command(r, NULL));
    }
    resp_end(&again);
    free(line);
}

static void check(const struct resp *r, const char *data)
{
    if (data[0] == '*')
        check_bytes(r, data);
    else
        check_line(r);
}

/* ---------------------------------------------------------------- a run */

/* One command of at most `size` bytes. They come in pieces, each time in memory of just their size. */
static int parse(struct resp *r, const uint8_t *data, size_t size, uint32_t *seed, struct outcome *outcome)
{
    size_t there = 0, need = 0;
    int rc = 0;
    while (rc == 0 && there < size) {
        size_t piece = *seed == UINT32_MAX ? size : *seed == 0 ? 1 : 1 + fuzz_random(seed) % 40;
        there += piece < size - there ? piece : size - there;
        char *copy = fuzz_copy(data, there, "", 0);
        rc = resp_parse(r, copy, there);
        REQUIRE(rc == 0 || rc == 1 || rc == -EPROTO);
        REQUIRE(rc != 0 || r->need > there);
        REQUIRE(rc != 1 || (r->size <= there && r->size >= need));
        need = rc == 0 ? r->need : need;
        if (rc == 1) {
            check(r, copy);
            REQUIRE(outcome->count < MAX_COMMANDS);
            outcome->commands[outcome->count++] = hash_command(r, copy);
            outcome->used += r->size;
        }
        free(copy);
    }
    if (rc < 0)
        snprintf(outcome->error, sizeof outcome->error, "%s", r->error);
    return rc;
}

static void run(const uint8_t *data, size_t size, uint32_t seed, struct outcome *outcome)
{
    struct resp r;
    outcome->count = 0;
    outcome->used = 0;
    outcome->error[0] = '\0';
    resp_begin(&r);
    do {
        outcome->end = parse(&r, data + outcome->used, size - outcome->used, &seed, outcome);
        resp_end(&r);
    } while (outcome->end == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome whole, pieces;
    if (size > 4096)
        return 0;
    run(data, size, UINT32_MAX, &whole);
    for (uint32_t seed = 0; seed < 3; seed++) {
        run(data, size, seed ? seed + (uint32_t)size : 0, &pieces);
        REQUIRE(pieces.count == whole.count && pieces.used == whole.used && pieces.end == whole.end);
        REQUIRE(memcmp(pieces.commands, whole.commands, whole.count * sizeof *whole.commands) == 0);
        REQUIRE(strcmp(pieces.error, whole.error) == 0);
    }
    return 0;
}
