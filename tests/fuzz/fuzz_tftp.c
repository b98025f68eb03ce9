/* SPDX-License-Identifier: MIT */
/* Requests of TFTP: what is accepted lies inside of the packet and within its limits, and so does each
 * answer. */
#include "fuzz.h"
#include "tftp/packet.h"

/* A string inside of the packet, its NUL included. */
static void check_inside(const char *text, const char *data, size_t size)
{
    REQUIRE(text > data && text < data + size && memchr(text, 0, (size_t)(data + size - text)));
}

static void check_error(int code, const char *words)
{
    char packet[CONTROL_PACKET];
    REQUIRE(code >= OTHER_ERROR && code <= OPTION_REFUSED && words);
    size_t size = write_error(packet, code, words);
    REQUIRE(size == HEADER + strlen(words) + 1 && packet[size - 1] == '\0');
    REQUIRE(read_u16(packet) == ERROR && read_u16(packet + 2) == (unsigned)code);
}

/* The options that are answered, read as a client reads them, are those of the request. */
static void check_options(const struct read_request *r)
{
    char packet[CONTROL_PACKET];
    unsigned count = 0;
    size_t size = write_options(packet, r, UINT64_MAX);
    REQUIRE(size <= sizeof packet);
    for (size_t at = 2; at < size; count++) {
        const char *name = packet + at, *value = name + strlen(name) + 1;
        at = (size_t)(value - packet) + strlen(value) + 1;
        unsigned long long number = strtoull(value, NULL, 10);
        REQUIRE(!strcmp(name, "blksize")   ? number == r->block_size
                : !strcmp(name, "timeout") ? number == r->timeout
                : !strcmp(name, "tsize")   ? number == UINT64_MAX
                                           : !strcmp(name, "windowsize") && number == r->window);
    }
    REQUIRE(count == 0U + !!r->block_size + !!r->timeout + r->tsize + !!r->window);
    REQUIRE(count ? read_u16(packet) == OACK : size == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *packet = fuzz_copy(data, size, NULL, 0);
    struct read_request r;
    const char *why = NULL;
    int code = parse_request(packet, size, &r, &why);
    if (code > 0)
        check_error(code, why);
    if (code == 0) {
        REQUIRE(size <= LONGEST_REQUEST && read_u16(packet) == RRQ);
        check_inside(r.name, packet, size);
        REQUIRE(!r.block_size || (r.block_size >= SMALLEST_BLOCK && r.block_size <= LARGEST_BLOCK));
        REQUIRE(r.window <= LARGEST_WINDOW && r.timeout <= LONGEST_TIMEOUT && !(r.tsize && r.netascii));
        REQUIRE(r.window * (r.block_size ? r.block_size : PLAIN_BLOCK) <= WINDOW_BYTES);
        check_options(&r);
    }
    free(packet);
    return 0;
}
