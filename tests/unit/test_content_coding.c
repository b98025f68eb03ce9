/* SPDX-License-Identifier: MIT */
/* handlers/http/content_coding.c: what Accept-Encoding means, by section of RFC 9110. */
#include "http/content_coding.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define I HTTP_CODING_BIT(HTTP_IDENTITY)
#define G HTTP_CODING_BIT(HTTP_GZIP)
#define B HTTP_CODING_BIT(HTTP_BROTLI)
#define Z HTTP_CODING_BIT(HTTP_ZSTD)
#define ALL (I | G | B | Z)
#define NONE (-1)

/* The field, its lines parted by line feeds, NULL: no field; what the server has; what the client gets. */
static const struct {
    const char *field;
    unsigned available;
    int chosen;
} rows[] = {
    /* 12.5.3: no field */
    {NULL, ALL, HTTP_IDENTITY},
    {NULL, B | G, NONE},
    /* 12.5.3: an empty field accepts identity only */
    {"", ALL, HTTP_IDENTITY},
    {" , ,", ALL, HTTP_IDENTITY},
    {"", B | G, NONE},
    /* 12.5.3: a coding listed is acceptable */
    {"gzip", ALL, HTTP_GZIP},
    {"br", ALL, HTTP_BROTLI},
    {"zstd", ALL, HTTP_ZSTD},
    {"identity", ALL, HTTP_IDENTITY},
    {"gzip", I, HTTP_IDENTITY},
    {"br", I | G, HTTP_IDENTITY},
    {"zstd", I | B | G, HTTP_IDENTITY},
    {"deflate", ALL, HTTP_IDENTITY},
    {"compress, x-compress", ALL, HTTP_IDENTITY},
    {"gzip, deflate", ALL, HTTP_GZIP},
    {"gzip, deflate, br", ALL, HTTP_BROTLI},
    {"gzip, deflate, br, zstd", ALL, HTTP_ZSTD},
    {"gzip, deflate, br, zstd", I | B | G, HTTP_BROTLI},
    {"gzip, deflate, br, zstd", I | G, HTTP_GZIP},
    {"gzip, deflate, br, zstd", I, HTTP_IDENTITY},
    {"zstd, br, gzip", I | B | G, HTTP_BROTLI},
    {"br, gzip", I | Z | G, HTTP_GZIP},
    {"gzip", G, HTTP_GZIP},
    {"gzip", B, NONE},
    {"gzip", Z | B, NONE},
    /* 8.4.1: codings are case-insensitive */
    {"GZIP", ALL, HTTP_GZIP},
    {"GzIp, Br", ALL, HTTP_BROTLI},
    {"ZSTD", ALL, HTTP_ZSTD},
    {"IDENTITY;q=0", I, NONE},
    /* 8.4.1.3: x-gzip is gzip */
    {"x-gzip", ALL, HTTP_GZIP},
    {"X-GZIP", ALL, HTTP_GZIP},
    {"x-gzip;q=0, *", I | G, HTTP_IDENTITY},
    {"x-gzip;q=0.2, br;q=0.1", ALL, HTTP_GZIP},
    /* 12.4.2: weights order */
    {"gzip;q=0.5, br;q=0.4", ALL, HTTP_GZIP},
    {"gzip;q=0.4, br;q=0.5", ALL, HTTP_BROTLI},
    {"gzip;q=0.001, br;q=0", ALL, HTTP_GZIP},
    {"gzip;q=1, br;q=0.999", ALL, HTTP_GZIP},
    {"gzip;q=1.000, br;q=0.999", ALL, HTTP_GZIP},
    {"gzip;q=1., br;q=0.999", ALL, HTTP_GZIP},
    {"gzip;q=0.9, br;q=0.99, zstd;q=0.989", ALL, HTTP_BROTLI},
    {"gzip;q=0.1, br;q=0.02, zstd;q=0.003", ALL, HTTP_GZIP},
    {"gzip;q=0.5, br;q=0.5, zstd;q=0.5", ALL, HTTP_ZSTD},
    {"gzip;q=0.5, br;q=0.50, zstd;q=0.500", I | B | G, HTTP_BROTLI},
    {"gzip, zstd;q=0.9", ALL, HTTP_GZIP},
    {"zstd;q=0.9, gzip", I | Z, HTTP_ZSTD},
    {"gzip;Q=0.5, br;q=0.4", ALL, HTTP_GZIP},
    {"gzip;q=1.0, identity; q=0.5, *;q=0", ALL, HTTP_GZIP},
    {"compress;q=0.5, gzip;q=1.0", ALL, HTTP_GZIP},
    /* 12.5.3: q=0 is "not acceptable" */
    {"gzip;q=0", ALL, HTTP_IDENTITY},
    {"gzip;q=0.0", ALL, HTTP_IDENTITY},
    {"gzip;q=0.00", ALL, HTTP_IDENTITY},
    {"gzip;q=0.000", ALL, HTTP_IDENTITY},
    {"gzip;q=0.", ALL, HTTP_IDENTITY},
    {"gzip;q=0, br", ALL, HTTP_BROTLI},
    {"gzip;q=0, br;q=0, zstd;q=0", ALL, HTTP_IDENTITY},
    {"gzip;q=0, br;q=0, zstd;q=0", Z | B | G, NONE},
    {"zstd;q=0, gzip, br", ALL, HTTP_BROTLI},
    /* 12.5.3: identity */
    {"identity, gzip", ALL, HTTP_GZIP},
    {"gzip;q=0.5, identity", ALL, HTTP_IDENTITY},
    {"gzip;q=0.5, identity;q=0.6", ALL, HTTP_IDENTITY},
    {"gzip;q=0.5, identity;q=0.5", ALL, HTTP_GZIP},
    {"gzip;q=0.5, identity;q=0.4", ALL, HTTP_GZIP},
    {"identity;q=1, *;q=0", ALL, HTTP_IDENTITY},
    {"identity;q=0.1, *;q=0", ALL, HTTP_IDENTITY},
    {"identity;q=0.5, gzip;q=0.001", I | G, HTTP_IDENTITY},
    {"gzip;q=0.001", I | G, HTTP_GZIP},
    {"identity;q=0", ALL, NONE},
    {"identity;q=0", I, NONE},
    {"identity;q=0.000", ALL, NONE},
    {"identity;q=0, gzip", ALL, HTTP_GZIP},
    {"identity;q=0, gzip", I, NONE},
    {"identity;q=0, gzip", I | B, NONE},
    {"identity;q=0, gzip;q=0", ALL, NONE},
    {"gzip, identity;q=0", I, NONE},
    {"br;q=0.1, identity;q=0", ALL, HTTP_BROTLI},
    {"deflate, identity;q=0", ALL, NONE},
    /* 12.5.3: "*" is every coding that is not listed */
    {"*", ALL, HTTP_ZSTD},
    {"*", I | B | G, HTTP_BROTLI},
    {"*", I | G, HTTP_GZIP},
    {"*", I, HTTP_IDENTITY},
    {"*;q=1", ALL, HTTP_ZSTD},
    {"*;q=0.5", ALL, HTTP_ZSTD},
    {"*;q=0", ALL, NONE},
    {"*;q=0", I, NONE},
    {"*;q=0.000", I, NONE},
    {"*;q=0, identity", ALL, HTTP_IDENTITY},
    {"*;q=0, identity;q=0.1", ALL, HTTP_IDENTITY},
    {"*;q=0, gzip", ALL, HTTP_GZIP},
    {"*;q=0, gzip", I, NONE},
    {"*;q=0, gzip", I | B, NONE},
    {"gzip, *;q=0", ALL, HTTP_GZIP},
    {"gzip;q=0.5, *", ALL, HTTP_ZSTD},
    {"gzip, *;q=0.5", ALL, HTTP_GZIP},
    {"gzip;q=0.5, *;q=0.4", ALL, HTTP_GZIP},
    {"gzip;q=0, *", ALL, HTTP_ZSTD},
    {"zstd;q=0, *", ALL, HTTP_BROTLI},
    {"zstd;q=0, br;q=0, *", ALL, HTTP_GZIP},
    {"zstd;q=0, br;q=0, gzip;q=0, *", ALL, HTTP_IDENTITY},
    {"zstd;q=0, br;q=0, gzip;q=0, *", Z | B | G, NONE},
    {"identity;q=0, *", ALL, HTTP_ZSTD},
    {"identity;q=0, *", I, NONE},
    {"identity;q=0.9, *;q=0.8", ALL, HTTP_IDENTITY},
    {"identity;q=0.7, *;q=0.8", ALL, HTTP_ZSTD},
    {"br;q=1.0, gzip;q=0.8, *;q=0.1", ALL, HTTP_BROTLI},
    {"br;q=1.0, gzip;q=0.8, *;q=0.1", I | Z | G, HTTP_GZIP},
    {"br;q=1.0, gzip;q=0.8, *;q=0.1", I | Z, HTTP_ZSTD},
    {"deflate, gzip;q=1.0, *;q=0.5", ALL, HTTP_GZIP},
    /* 5.6.1: empty elements and white space around elements */
    {",gzip", ALL, HTTP_GZIP},
    {"gzip,", ALL, HTTP_GZIP},
    {",,gzip,,br,,", ALL, HTTP_BROTLI},
    {" gzip ", ALL, HTTP_GZIP},
    {"\tgzip\t,\tbr\t", ALL, HTTP_BROTLI},
    {"gzip,br", ALL, HTTP_BROTLI},
    /* 12.4.2: white space around the semicolon */
    {"gzip ;q=0, br;q=0.5", ALL, HTTP_BROTLI},
    {"gzip; q=0", ALL, HTTP_IDENTITY},
    {"gzip\t;\tq=0", ALL, HTTP_IDENTITY},
    {"gzip  ;  q=0.5  , br;q=0.4", ALL, HTTP_GZIP},
    /* 12.4.2: a malformed element counts for nothing */
    {"gzip;q=0.0001", ALL, HTTP_IDENTITY},
    {"gzip;q=1.0000", ALL, HTTP_IDENTITY},
    {"gzip;q=1.001", ALL, HTTP_IDENTITY},
    {"gzip;q=1.1", ALL, HTTP_IDENTITY},
    {"gzip;q=2", ALL, HTTP_IDENTITY},
    {"gzip;q=10", ALL, HTTP_IDENTITY},
    {"gzip;q=01", ALL, HTTP_IDENTITY},
    {"gzip;q=.5", ALL, HTTP_IDENTITY},
    {"gzip;q=-1", ALL, HTTP_IDENTITY},
    {"gzip;q=+1", ALL, HTTP_IDENTITY},
    {"gzip;q=", ALL, HTTP_IDENTITY},
    {"gzip;q", ALL, HTTP_IDENTITY},
    {"gzip;", ALL, HTTP_IDENTITY},
    {"gzip;;q=1", ALL, HTTP_IDENTITY},
    {"gzip;q=0,5", ALL, HTTP_IDENTITY},
    {"gzip;q=0x1", ALL, HTTP_IDENTITY},
    {"gzip;q=1e0", ALL, HTTP_IDENTITY},
    {"gzip;q=nan", ALL, HTTP_IDENTITY},
    {"gzip;q=0.5x", ALL, HTTP_IDENTITY},
    {"gzip;q=0.5;q=0.6", ALL, HTTP_IDENTITY},
    {"gzip;q= 0.5", ALL, HTTP_IDENTITY},
    {"gzip;q =0.5", ALL, HTTP_IDENTITY},
    {"gzip;q=\"0.5\"", ALL, HTTP_IDENTITY},
    {"gzip;level=9", ALL, HTTP_IDENTITY},
    {"gzip;level=9;q=1", ALL, HTTP_IDENTITY},
    {"gzip q=1", ALL, HTTP_IDENTITY},
    {"gzip=1", ALL, HTTP_IDENTITY},
    {";q=1", ALL, HTTP_IDENTITY},
    {"\"gzip\"", ALL, HTTP_IDENTITY},
    {"gzip/br", ALL, HTTP_IDENTITY},
    {"gzip br", ALL, HTTP_IDENTITY},
    {"*;q=2", ALL, HTTP_IDENTITY},
    {"identity;q=0.0000", I, HTTP_IDENTITY},
    {"gzip;q=9, br", ALL, HTTP_BROTLI},
    {"gzip;q=9, gzip;q=0.5", ALL, HTTP_GZIP},
    /* names that only begin or end alike */
    {"gzi", ALL, HTTP_IDENTITY},
    {"gzipx", ALL, HTTP_IDENTITY},
    {"xgzip", ALL, HTTP_IDENTITY},
    {"x-br", ALL, HTTP_IDENTITY},
    {"brotli", ALL, HTTP_IDENTITY},
    {"zst", ALL, HTTP_IDENTITY},
    {"**", ALL, HTTP_IDENTITY},
    {"*gzip", ALL, HTTP_IDENTITY},
    /* one coding several times: the first one */
    {"gzip;q=0.5, gzip;q=0, br;q=0.4", ALL, HTTP_GZIP},
    {"gzip;q=0, gzip", ALL, HTTP_IDENTITY},
    {"x-gzip;q=0, gzip", ALL, HTTP_IDENTITY},
    {"*;q=0, *", I, NONE},
    /* 5.3: several lines are one list */
    {"gzip\nbr", ALL, HTTP_BROTLI},
    {"gzip;q=0\n*;q=0.5", I | Z | G, HTTP_ZSTD},
    {"identity;q=0\ngzip", ALL, HTTP_GZIP},
    {"\n", ALL, HTTP_IDENTITY},
    {"\ngzip", ALL, HTTP_GZIP},
    {"gzip;q=0.5\ngzip;q=0", ALL, HTTP_GZIP},
    {"gzip\n*;q=0", I, NONE},
};

static int choose(const char *field, unsigned available)
{
    char copy[128], *lines = copy, *line;
    struct http_accept_list list;
    struct http_accepted accepted;

    http_accept_begin(&list);
    if (field != NULL) {
        assert_true(snprintf(copy, sizeof copy, "%s", field) < (int)sizeof copy);
        while ((line = strsep(&lines, "\n")) != NULL)
            http_accept_line(&list, line);
    }
    http_accept_end(&list, &accepted);
    return http_choose_coding(&accepted, available);
}

static void test_negotiation(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int chosen = choose(rows[i].field, rows[i].available);

        if (chosen != rows[i].chosen)
            print_error("row %zu: %s\n", i, rows[i].field != NULL ? rows[i].field : "no field");
        assert_int_equal(chosen, rows[i].chosen);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(http_coding_name(HTTP_IDENTITY), "identity");
    assert_string_equal(http_coding_name(HTTP_GZIP), "gzip");
    assert_string_equal(http_coding_name(HTTP_BROTLI), "br");
    assert_string_equal(http_coding_name(HTTP_ZSTD), "zstd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_negotiation),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("content_coding", tests, NULL, NULL);
}
