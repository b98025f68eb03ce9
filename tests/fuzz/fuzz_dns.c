/* SPDX-License-Identifier: MIT */
/* Messages to samples/dns: each has an answer that can be read, of the size that is allowed, or none at all.
   The first byte says by which way the message has come. */
#include "dns_reply.h"

enum { TCP = 1, IPV6 = 2, EXHAUSTED = 4, UNIX = 8 };

static const char text[] =
    "$ORIGIN example.org.\n$TTL 1h\n"
    "@ SOA ns host 1 1d 2h 4w 15m\n@ NS ns\n MX 1 mail\n MX 2 mail.example.net.\n"
    "@ TXT \"a long text that makes the answer more than three times as long as its "
    "question is, and then some more of it to be sure of that\"\n"
    "ns A 192.0.2.1\nns AAAA 2001:db8::1\nmail A 192.0.2.2\nwww CNAME mail\nw2 CNAME www\n"
    "loop CNAME pool\npool CNAME loop\n*.any A 192.0.2.3\n*.any TXT x\nalias CNAME x.any\n"
    "s.any CNAME gone\n_a._b SRV 1 2 3 mail\nlab NS ns.lab\nlab NS ns\nns.lab A 192.0.2.4\n"
    "down CNAME deep.lab\nout CNAME www.example.net.\n";
static struct service service;
static struct limiter idle, exhausted;

/* RFC 9018, appendix A.1. */
static void check_hash(void)
{
    static const struct secret key = {
        {0xe5, 0xe9, 0x73, 0xe5, 0xa6, 0xb2, 0xa4, 0x3f, 0x48, 0xe7, 0xdc, 0x84, 0x9e, 0x37, 0xbf, 0xcf}};
    static const uint8_t client[] = {0x24, 0x64, 0xc4, 0xab, 0xcf, 0x10, 0xc9, 0x57},
                         address[] = {198, 51, 100, 100},
                         server[] = {1,    0,    0,    0,    0x5c, 0xf7, 0x9f, 0x11,
                                     0x1f, 0x81, 0x30, 0xc3, 0xee, 0xe2, 0x94, 0x80};
    const struct question q = {.cookie = client, .cookie_size = sizeof client};
    uint8_t cookies[COOKIE + SERVER_COOKIE];
    REQUIRE(!cookie_check(&key, (struct origin){address, 4}, &q, 1559731985, cookies));
    REQUIRE(memcmp(cookies + COOKIE, server, sizeof server) == 0);
    const struct question again = {.cookie = cookies, .cookie_size = sizeof cookies};
    uint8_t same[COOKIE + SERVER_COOKIE];
    REQUIRE(cookie_check(&key, (struct origin){address, 4}, &again, 1559731985 + 600, same));
    REQUIRE(memcmp(cookies, same, sizeof same) == 0);
    REQUIRE(!cookie_check(&key, (struct origin){address, 4}, &again, 1559731985 + 4000, same));
    REQUIRE(!cookie_check(&key, (struct origin){server, 4}, &again, 1559731985, same));
}

static void prepare(void)
{
    char error[ERROR_SIZE];
    check_hash();
    service.zone = zone_parse("zone", text, sizeof text - 1, error);
    if (!service.zone)
        fputs(error, stderr);
    REQUIRE(service.zone);
    for (size_t i = 0; i < PLACES; i++)
        exhausted.due[i] = UINT64_MAX / 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t address[16] = {192, 0, 2, 99};
    static uint8_t reply[65535];
    if (size == 0)
        return 0;
    if (!service.zone)
        prepare();
    uint8_t how = *data;
    char *copy = fuzz_copy(data + 1, size - 1, NULL, 0);
    const uint8_t *message = (const uint8_t *)copy;
    struct way way = {.limiter = how & TCP ? NULL : how & EXHAUSTED ? &exhausted : &idle};
    if (!(how & (TCP | UNIX)))
        way.origin = (struct origin){address, how & IPV6 ? 16 : 4};
    size_t room = way.limiter ? PAYLOAD : sizeof reply;
    size_t n = dns_answer(&service, &way, message, --size, reply, room);
    REQUIRE((n == 0) == (size < 12 || message[2] & 0x80));
    if (n > 0) {
        reply_check((struct reply){reply, n}, message, size);
        REQUIRE(n <= room && (!way.limiter || n <= PAYLOAD));
        REQUIRE(!(how & EXHAUSTED) || !way.origin.size || n <= 3 * size);
    }
    free(copy);
    return 0;
}
