/* SPDX-License-Identifier: MIT */
/* http_parse_date: what it accepts is a date, and the one that the text says. */
#include "fuzz.h"
#include "http_server.h"

/* By the C library, for the form that HTTP itself writes. */
static void compare(const char *text, time_t t)
{
    struct tm tm = {0};
    if (text[3] != ',')
        return;
    const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    REQUIRE(strlen(text) == HTTP_DATE_SIZE - 1 && end && *end == 0);
    REQUIRE(timegm(&tm) == t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_string(data, size), written[HTTP_DATE_SIZE];
    time_t t, again = 0;
    if (http_parse_date(text, &t) == 0) {
        compare(text, t);
        http_format_date(t, written);
        REQUIRE(strlen(written) == HTTP_DATE_SIZE - 1);
        /* the leap second at the end of year 9999 is year 10000, which has no form */
        REQUIRE(http_parse_date(written, &again) == 0 && (again == t || t == 253402300800));
    }
    free(text);
    return 0;
}
