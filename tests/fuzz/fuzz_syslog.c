/* SPDX-License-Identifier: MIT */
/* Messages of syslog: in a stream they end where RFC 6587 says, however the stream is cut into pieces; and
   what is read of one may be shown on a terminal. The first byte seeds the sizes of the pieces. */
#include "pieces.h"
#include "syslog/message.h"

#include <errno.h>

static const struct ss_stream_class in_pieces = {.name = "pieces", .read = pieces_read};

/* The first message of the bytes by a straight look at them: as message_next, and where it ends. */
static int naive_next(const uint8_t *bytes, size_t size, char *message, size_t *end)
{
    size_t at = 0, count = 0;
    if (size == 0)
        return 0;
    for (; at < size && bytes[at] >= '0' && bytes[at] <= '9' && count <= LONGEST; at++)
        count = count * 10 + (bytes[at] - '0');
    if (at > 0) {
        if (at == size || bytes[at] != ' ' || count == 0 || count > LONGEST)
            return -EBADMSG;
        at++;
        if (at == size)
            return 0; /* nothing has come of it */
        count = count < size - at ? count : size - at;
    } else {
        const uint8_t *newline = memchr(bytes, '\n', size);
        count = newline ? (size_t)(newline - bytes) + 1 : size;
        if (count > LONGEST)
            return -EMSGSIZE;
    }
    memcpy(message, bytes + at, count);
    message[count] = '\0';
    message[strcspn(message, "\r\n")] = '\0';
    *end = at + count;
    return 1;
}

static void check_message(char *message)
{
    char head[8], *copy = fuzz_copy((const uint8_t *)message, strlen(message), "", 1);
    const char *text = NULL;
    int code = message_read(copy, &text);
    if (code < 0) {
        REQUIRE(code == -1 && strcmp(copy, message) == 0);
        free(copy);
        return;
    }
    REQUIRE(code < FACILITIES * SEVERITIES);
    size_t size = (size_t)(text - copy);
    REQUIRE(size >= 3 && size <= 5 && copy[size - 1] == '>' && strlen(copy) == strlen(message));
    snprintf(head, sizeof head, "%d>", code); /* perhaps behind zeros */
    REQUIRE(strlen(head) <= size - 1 && strncmp(copy + size - strlen(head), head, strlen(head)) == 0);
    for (; *text; text++)
        REQUIRE((unsigned char)*text >= ' ' && *text != 127);
    free(copy);
}

/* All messages in the pieces, beside those that a look at the whole finds. */
static void check_stream(const uint8_t *bytes, size_t size, uint32_t seed)
{
    struct pieces pieces = {bytes, size, seed};
    struct ss_stream s;
    char buffer[1024], *message = malloc(LONGEST + 2), *expected = malloc(LONGEST + 2);
    REQUIRE(message && expected);
    ss_stream_init(&s, &in_pieces, &pieces, buffer, sizeof buffer, NULL, 0);
    int rc = 1;
    while (rc > 0) {
        size_t end = 0;
        rc = message_next(&s, message);
        REQUIRE(rc == naive_next(bytes, size, expected, &end));
        if (rc > 0) {
            REQUIRE(strcmp(message, expected) == 0);
            check_message(message);
        }
        bytes += end;
        size -= end;
    }
    free(message);
    free(expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    check_stream(data + 1, size - 1, data[0]);
    check_stream(data + 1, size - 1, UINT32_MAX);
    return 0;
}
