/* SPDX-License-Identifier: MIT */
/* Authorization: what is read has a name without a colon, and is read again from its own base64. */
#include "access/credentials.h"
#include "fuzz.h"

static size_t encode(const char *data, size_t size, char *to)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *start = to;
    for (size_t i = 0; i < size; i += 3) {
        unsigned bits = 0;
        for (size_t k = i; k < i + 3; k++)
            bits = bits << 8 | (k < size ? (unsigned char)data[k] : 0);
        for (size_t k = 0; k < 4; k++)
            *to++ = i + k <= size ? digits[bits >> (18 - 6 * k) & 63] : '=';
    }
    *to = 0;
    return (size_t)(to - start);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *field = fuzz_string(data, size), *text = malloc(strlen(field) + 1);
    struct http_credentials c, again;
    REQUIRE(text);
    if (http_read_basic(field, text, &c)) {
        REQUIRE(c.size < strlen(field) && strlen(c.user) + strlen(c.password) + 1 == c.size);
        REQUIRE(*c.user && !strchr(c.user, ':') && !http_has_control(c.user) &&
                !http_has_control(c.password));
        char *copy = malloc(2 * c.size + 20), *other = malloc(2 * c.size + 20);
        REQUIRE(copy && other);
        size_t name = strlen(c.user);
        text[name] = ':';
        encode(text, c.size, stpcpy(copy, "Basic "));
        text[name] = 0;
        REQUIRE(http_read_basic(copy, other, &again));
        REQUIRE(strcmp(c.user, again.user) == 0 && strcmp(c.password, again.password) == 0);
        free(copy);
        free(other);
    }
    free(field);
    free(text);
    return 0;
}
