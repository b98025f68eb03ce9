/* SPDX-License-Identifier: MIT */
/* Addresses: what is accepted, written down and read again is the same address. */
#include "net/lookup.h"
#include "pieces.h"
#include <netdb.h>

static void check_again(const struct ss_address *address)
{
    char text[SS_ADDRESS_TEXT], again[SS_ADDRESS_TEXT];
    struct address_text parsed;
    int n = ss_address_format(address, text, sizeof text);
    if (n < 0)
        return;
    REQUIRE((size_t)n == strlen(text));
    REQUIRE(address_parse(text, &parsed) == 0);
    if (parsed.kind == ADDRESS_UNIX) {
        REQUIRE(parsed.address.length == address->length);
        REQUIRE(memcmp(&parsed.address.u, &address->u, address->length) == 0);
        return;
    }
    struct addrinfo *list;
    REQUIRE(address_lookup(&parsed, AF_UNSPEC, SOCK_STREAM, true, &list) == 0);
    struct ss_address second = {.length = list->ai_addrlen};
    memcpy(&second.u, list->ai_addr, list->ai_addrlen);
    freeaddrinfo(list);
    REQUIRE(ss_address_format(&second, again, sizeof again) == n && strcmp(text, again) == 0);
}

static void check_inet(const struct address_text *parsed)
{
    struct addrinfo *list;
    REQUIRE(parsed->port[0] && strspn(parsed->port, "0123456789") == strlen(parsed->port));
    REQUIRE(strtol(parsed->port, NULL, 10) <= 65535);
    if (address_lookup(parsed, AF_UNSPEC, SOCK_STREAM, true, &list) != 0)
        return;
    struct ss_address address = {.length = list->ai_addrlen};
    memcpy(&address.u, list->ai_addr, list->ai_addrlen);
    freeaddrinfo(list);
    REQUIRE(ss_address_port(&address) == (unsigned)strtol(parsed->port, NULL, 10));
    check_again(&address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_string(data, size);
    struct address_text parsed;
    if (address_parse(text, &parsed) == 0) {
        if (parsed.kind == ADDRESS_INET)
            check_inet(&parsed);
        else if (parsed.kind == ADDRESS_UNIX)
            check_again(&parsed.address);
        else
            REQUIRE(parsed.fd >= 0);
    }
    free(text);
    return 0;
}
