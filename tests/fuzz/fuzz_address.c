/* SPDX-License-Identifier: MIT */
/* Addresses: what is accepted, written down and read again is the same address. */
#include "net/lookup.h"
#include "pieces.h"
#include <errno.h>

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
    struct lookup l = {.text = parsed, .type = SOCK_STREAM};
    REQUIRE(lookup_now(&l) == 0);
    REQUIRE(ss_address_format(&l.found[0], again, sizeof again) == n && strcmp(text, again) == 0);
}

static void check_inet(const struct address_text *parsed)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    struct lookup l = {.text = *parsed, .type = SOCK_STREAM};
    bool digits = strspn(parsed->port, "0123456789") == strlen(parsed->port);
    REQUIRE(parsed->port[0] && parsed->numbered == digits);
    REQUIRE(digits ? strtol(parsed->port, NULL, 10) <= 65535 : strpbrk(parsed->port, letters) != NULL);
    int rc = lookup_now(&l);
    REQUIRE(digits || rc == -EAGAIN);
    if (rc != 0)
        return;
    REQUIRE(l.count > 0 && l.count <= SS_MAX_ADDRESSES);
    REQUIRE(ss_address_port(&l.found[0]) == (unsigned)strtol(parsed->port, NULL, 10));
    check_again(&l.found[0]);
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
