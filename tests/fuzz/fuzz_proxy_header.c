/* SPDX-License-Identifier: MIT */
/* Headers of the PROXY protocol: what is understood is understood at each cut, and says a client or none. */
#include "fuzz.h"
#include "net/proxy_header.h"
#include <errno.h>

static int parse(const uint8_t *data, size_t size, struct proxy_header *header)
{
    char *copy = fuzz_copy(data, size, NULL, 0);
    int rc = proxy_header_parse(copy, size, header);
    free(copy);
    REQUIRE(rc == 0 || rc == -EAGAIN || rc == -EPROTO);
    REQUIRE(rc != -EAGAIN || (header->size > size && header->size <= PROXY_V1 + 1));
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header header, other;
    int rc = parse(data, size, &header);
    if (rc == 0) {
        sa_family_t family = header.client.u.any.sa_family;
        REQUIRE(header.size > 0 && header.size <= PROXY_V2_HEAD + 65535);
        REQUIRE(!header.client.length || family == AF_INET || family == AF_INET6);
        REQUIRE(!header.is_local || !header.client.length);
    }
    for (size_t cut = 0; cut < size && cut < 200; cut++) {
        int before = parse(data, cut, &other);
        REQUIRE(before == -EAGAIN || before == rc);
        REQUIRE(before != 0 || other.size == header.size);
    }
    return 0;
}
