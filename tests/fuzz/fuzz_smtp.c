/* SPDX-License-Identifier: MIT */
/* What SMTP clients say. Commands: what is taken can stand in a header, and says the same when it is sent
   again. Data: it ends at the first CR LF . CR LF and nowhere else, however it is cut into pieces; and every
   text comes out as it was before its dots were doubled. The first byte seeds the sizes of the pieces. */
#include "fuzz.h"
#include "smtp_sink/smtp.h"

enum { MOST = 1 << 16 };

/* ---------------------------------------------------------------- commands */

static bool is_plain(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            return false;
    return true;
}

static void check_again(const struct command *command)
{
    struct command again;
    char line[PATH + 40];
    bool of_mail = command->verb == MAIL;
    int size = snprintf(line, sizeof line, "%s:<%s>%s", of_mail ? "mail from" : "rcpt to", command->path,
                        of_mail && command->utf8 ? " smtputf8" : "");
    command_read(line, (size_t)size, &again);
    REQUIRE(!again.wrong && again.verb == command->verb && !strcmp(again.path, command->path));
    REQUIRE(again.needs_utf8 == command->needs_utf8 && again.utf8 == (of_mail && command->utf8));
}

static void check_command(const uint8_t *data, size_t size)
{
    char *line = fuzz_copy(data, size, "\n", size == 0);
    struct command command;
    command_read(line, size, &command);
    if (command.wrong) {
        REQUIRE(strlen(command.wrong) > 10 && *command.wrong == '5' && is_plain(command.wrong));
    } else {
        REQUIRE(size <= COMMAND - 2);
        REQUIRE(is_plain(command.path) && strlen(command.path) <= PATH - 2 && is_plain(command.name));
        REQUIRE(!strchr(command.name, ' ') &&
                (command.verb == EHLO || command.verb == HELO) == (*command.name != 0));
        REQUIRE(*command.path == 0 || command.verb == MAIL || command.verb == RCPT);
        if (command.verb == RCPT || command.verb == MAIL)
            check_again(&command);
    }
    free(line);
}

static void check_commands(const uint8_t *data, size_t size)
{
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t line = end ? (size_t)(end - data) : size;
        check_command(data, line);
        data += end ? line + 1 : line;
        size -= end ? line + 1 : line;
    }
}

/* ---------------------------------------------------------------- data */

struct result {
    struct data data;
    size_t taken, used;
    char text[MOST];
};

static void read_all(const uint8_t *bytes, size_t size, uint32_t seed, struct result *result)
{
    memset(result, 0, sizeof result->data + 2 * sizeof(size_t));
    while (result->taken < size && result->data.state != AT_END && result->data.state != BROKEN) {
        size_t left = size - result->taken, piece = seed ? 1 + fuzz_random(&seed) % 7 : left, used;
        piece = piece < left ? piece : left;
        char *copy = fuzz_copy(bytes + result->taken, piece, "", 0);
        size_t taken = data_read(&result->data, copy, piece, result->text + result->used, &used);
        REQUIRE(taken <= piece && used <= taken);
        REQUIRE(taken == piece || result->data.state == AT_END || result->data.state == BROKEN);
        result->taken += taken;
        result->used += used;
        free(copy);
    }
}

/* How many bytes there are up to the end of the data, or up to a CR or LF that stands alone. */
static size_t naive_end(const uint8_t *bytes, size_t size, bool *broken)
{
    *broken = false;
    for (size_t i = 0; i < size; i++) {
        bool behind_cr = i > 0 && bytes[i - 1] == '\r';
        *broken = (bytes[i] == '\n') != behind_cr;
        if (*broken)
            return i + 1;
        if (bytes[i] == '\n' && i >= 2 && bytes[i - 2] == '.' && (i == 2 || (i >= 4 && bytes[i - 3] == '\n')))
            return i + 1;
    }
    return 0;
}

static void check_data(const uint8_t *bytes, size_t size, uint32_t seed)
{
    static struct result whole, pieces;
    bool broken;
    read_all(bytes, size, 0, &whole);
    read_all(bytes, size, seed, &pieces);
    REQUIRE(whole.taken == pieces.taken && whole.used == pieces.used);
    REQUIRE(whole.data.state == pieces.data.state && whole.data.long_line == pieces.data.long_line);
    REQUIRE(memcmp(whole.text, pieces.text, whole.used) == 0);
    size_t end = naive_end(bytes, size, &broken);
    REQUIRE((whole.data.state == AT_END) == (end > 0 && !broken));
    REQUIRE((whole.data.state == BROKEN) == broken);
    REQUIRE(end == 0 || whole.taken == end);
}

/* The input as a text of lines, sent as a good client would. */
static void check_text(const uint8_t *text, size_t size, uint32_t seed)
{
    static struct result back;
    static uint8_t sent[2 * MOST], kept[MOST];
    size_t used = 0, count = 0;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = text[i] == '\r' ? ' ' : text[i];
        bool begins = count == 0 || kept[count - 1] == '\n';
        if (begins && c == '.')
            sent[used++] = '.';
        if (c == '\n')
            sent[used++] = '\r';
        sent[used++] = kept[count++] = c;
    }
    if (count > 0 && kept[count - 1] != '\n') {
        sent[used++] = '\r';
        sent[used++] = kept[count++] = '\n';
    }
    memcpy(sent + used, ".\r\n", 4);
    read_all(sent, used + 3, seed, &back);
    REQUIRE(back.data.state == AT_END && back.taken == used + 3 && back.used == count);
    REQUIRE(memcmp(back.text, kept, count) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > MOST / 4)
        return 0;
    uint32_t seed = data[0] + 1U;
    check_commands(data + 1, size - 1);
    check_data(data + 1, size - 1, seed);
    check_text(data + 1, size - 1, seed);
    return 0;
}
