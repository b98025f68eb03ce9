/* SPDX-License-Identifier: MIT */
/* Packets are read and written. Nobody vouches for what comes: it has no end but the packet's, and no NUL
   that was not looked for. */
#include "tftp/packet.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

unsigned read_u16(const char *at)
{
    return (unsigned)(unsigned char)at[0] << 8 | (unsigned char)at[1];
}

void write_u16(char *at, unsigned number)
{
    at[0] = (char)(number >> 8);
    at[1] = (char)number;
}

/* Takes a string that ends with NUL off the packet; NULL: there is none. */
static const char *take_string(const char **at, const char *end)
{
    const char *text = *at, *nul = memchr(text, 0, (size_t)(end - text));
    if (!nul)
        return NULL;
    *at = nul + 1;
    return text;
}

/* A number from `least` to `most`; 0: it is none, or too small. A larger one is `most`, which the server may
   answer in its place, or 0 where it may not. */
static unsigned number_of(const char *text, unsigned least, unsigned most, bool may_be_less)
{
    uint64_t number = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 10 || text[digits])
        return 0;
    for (; *text; text++)
        number = number * 10 + (uint64_t)(*text - '0');
    if (number > most)
        return may_be_less ? most : 0;
    return number < least ? 0 : (unsigned)number;
}

/* What is not understood is left out of the answer, and so does not hold. Of two of a name the first counts.
 */
static void take_option(struct read_request *r, const char *name, const char *value)
{
    if (!strcasecmp(name, "blksize") && !r->block_size)
        r->block_size = number_of(value, SMALLEST_BLOCK, LARGEST_BLOCK, true);
    else if (!strcasecmp(name, "windowsize") && !r->window)
        r->window = number_of(value, 1, LARGEST_WINDOW, true);
    else if (!strcasecmp(name, "timeout") && !r->timeout)
        r->timeout = number_of(value, 1, LONGEST_TIMEOUT, false);
    else if (!strcasecmp(name, "tsize") && !r->netascii) /* there the size is known when all was read */
        r->tsize = true;
}

static bool is_mode(const char *mode, struct read_request *r)
{
    r->netascii = !strcasecmp(mode, "netascii");
    return r->netascii || !strcasecmp(mode, "octet");
}

static int refuse_operation(unsigned operation, const char **why)
{
    switch (operation) {
    case WRQ:
        *why = "this server only reads files";
        return ACCESS_VIOLATION;
    case DATA:
    case ACK:
    case OACK:
        *why = "this port knows no transfer; ask for a file";
        return UNKNOWN_TRANSFER;
    case ERROR:
        return NO_ANSWER;
    default:
        *why = "ask for a file (RRQ)";
        return ILLEGAL_OPERATION;
    }
}

int parse_request(const char *data, size_t size, struct read_request *r, const char **why)
{
    const char *at = data + 2, *end = data + size, *mode, *option, *value;
    *r = (struct read_request){0};
    if (size < HEADER)
        return NO_ANSWER;
    if (read_u16(data) != RRQ)
        return refuse_operation(read_u16(data), why);
    *why = "a request is a name, a mode and options, each with NUL behind it, in 512 bytes";
    if (size > LONGEST_REQUEST || !(r->name = take_string(&at, end)) || !(mode = take_string(&at, end)))
        return ILLEGAL_OPERATION;
    if (!is_mode(mode, r)) {
        *why = "the mode must be octet or netascii";
        return ILLEGAL_OPERATION;
    }
    while (at < end) {
        if (!(option = take_string(&at, end)) || !(value = take_string(&at, end)))
            return ILLEGAL_OPERATION;
        take_option(r, option, value);
    }
    unsigned fits = WINDOW_BYTES / (r->block_size ? r->block_size : PLAIN_BLOCK);
    if (r->window > fits)
        r->window = fits;
    return 0;
}

size_t write_error(char *packet, int code, const char *words)
{
    write_u16(packet, ERROR);
    write_u16(packet + 2, (unsigned)code);
    size_t size = strnlen(words, CONTROL_PACKET - HEADER - 1);
    memcpy(packet + HEADER, words, size);
    packet[HEADER + size] = '\0';
    return HEADER + size + 1;
}

/* A name and a number, each with NUL behind it. */
static size_t write_option(char *packet, size_t at, const char *name, uint64_t number)
{
    int size = snprintf(packet + at, CONTROL_PACKET - at, "%s%c%" PRIu64, name, 0, number);
    return at + (size_t)size + 1;
}

size_t write_options(char *packet, const struct read_request *r, uint64_t file_size)
{
    size_t size = 2;
    write_u16(packet, OACK);
    if (r->block_size)
        size = write_option(packet, size, "blksize", r->block_size);
    if (r->timeout)
        size = write_option(packet, size, "timeout", r->timeout);
    if (r->tsize && file_size > 0) /* curl takes 0 for a mistake, and gives up */
        size = write_option(packet, size, "tsize", file_size);
    if (r->window)
        size = write_option(packet, size, "windowsize", r->window);
    return size > 2 ? size : 0;
}
