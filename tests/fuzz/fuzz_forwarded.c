/* SPDX-License-Identifier: MIT */
/* Forwarded: what is read is a client or none, and each step goes on. */
#include "fuzz.h"
#include "proxy/forwarded.h"
#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_string(data, size);
    const char *list = text;
    struct forwarded element;
    struct ss_address address;
    int rc = 1;
    while (rc > 0) {
        const char *before = list;
        rc = forwarded_next(&list, &element);
        REQUIRE(rc == 1 || rc == 0 || rc == -EPROTO);
        REQUIRE(rc < 1 || (list > before && list <= text + strlen(text)));
        REQUIRE(rc < 1 || strlen(element.host) < sizeof element.host);
        REQUIRE(rc < 1 || !*element.scheme || strncmp(element.scheme, "http", 4) == 0);
        sa_family_t family = element.client.u.any.sa_family;
        REQUIRE(rc < 1 || !element.client.length || family == AF_INET || family == AF_INET6);
    }
    char *exact = fuzz_copy(data, strlen(text), NULL, 0);
    if (forwarded_address(exact, strlen(text), &address))
        REQUIRE(!address.length || address.u.any.sa_family == AF_INET || address.u.any.sa_family == AF_INET6);
    free(exact);
    free(text);
    return 0;
}
