/* SPDX-License-Identifier: MIT */
#include "access/credentials.h"
#include "text/chars.h"
#include <string.h>

/* The value of a digit of base64 (RFC 4648 4), -1: it is none. */
static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes what is all base64. Bits that are over must be zero, so that each text has one form; padding may be
   left out. Returns the size, -1 if it is malformed. */
static long decode_base64(const char *from, char *to)
{
    unsigned bits = 0, count = 0;
    const char *start = to, *at = from;
    for (int digit; (digit = base64_digit(*at)) >= 0; at++) {
        bits = (bits << 6 | (unsigned)digit) & 0xffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            *to++ = (char)(bits >> count & 0xff);
        }
    }
    size_t digits = (size_t)(at - from), padding = strspn(at, "=");
    bool padded = padding == 0 || (padding < 3 && (digits + padding) % 4 == 0);
    bool good = !at[padding] && padded && digits % 4 != 1 && !(bits & ((1u << count) - 1));
    return good ? (long)(to - start) : -1;
}

bool http_has_control(const char *text)
{
    while ((unsigned char)*text >= ' ' && *text != 0x7f)
        text++;
    return *text;
}

bool http_read_basic(const char *field, char *text, struct http_credentials *credentials)
{
    size_t scheme = strcspn(field, " ");
    if (!http_is_word(field, scheme, "Basic"))
        return false;
    long size = decode_base64(field + scheme + strspn(field + scheme, " "), text);
    if (size < 0)
        return false;
    text[size] = 0;
    char *colon = strchr(text, ':');
    if (!colon || colon == text || strlen(text) != (size_t)size || http_has_control(text))
        return false;
    *colon = 0;
    *credentials = (struct http_credentials){text, colon + 1, (size_t)size};
    return true;
}
