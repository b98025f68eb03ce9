/* SPDX-License-Identifier: MIT */
#include "text/escape.h"
#include "text/number.h"
#include "text/utf8.h"
#include <stdint.h>
#include <string.h>

#define P HTTP_AS_PYTHON
#define A HTTP_AS_APACHE
#define J HTTP_AS_JSON

/* The dialects in which a byte does not always stand for itself. */
static const unsigned char special[256] = {
    [0x00 ... 0x1f] = P | A | J,
    ['"'] = A | J,
    ['\\'] = P | A | J,
    [0x7f ... 0xff] = P | A | J,
};

static char *put_hex(char *to, const char *prefix, unsigned value)
{
    return http_append_hex(stpcpy(to, prefix), (unsigned char)value);
}

/* The letter that stands for a byte behind a backslash; 0: there is none. */
static char short_escape(unsigned char c, enum http_dialect how)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '\v':
        return how == HTTP_AS_APACHE ? 'v' : 0;
    default:
        return 0;
    }
}

/* Writes a character by its number, as in a string of Python or JSON. JSON makes two surrogates of what has
   more than 16 bits. */
static char *put_code(char *to, uint32_t c, enum http_dialect how)
{
    if (c < 0x100)
        return put_hex(to, how == HTTP_AS_JSON ? "\\u00" : "\\x", c);
    if (c >= 0x10000 && how == HTTP_AS_JSON) {
        to = put_code(to, 0xd800 + ((c - 0x10000) >> 10), how);
        return put_code(to, 0xdc00 + (c & 0x3ff), how);
    }
    if (c >= 0x10000)
        to = put_hex(stpcpy(to, "\\U"), "00", c >> 16);
    else
        to = stpcpy(to, "\\u");
    return put_hex(put_hex(to, "", c >> 8), "", c);
}

/* Writes the character that *text begins with, a byte of 0x80 or more, and leaves *text at its last byte. */
static char *put_unicode(char *to, const unsigned char **text, enum http_dialect how)
{
    const char *s = (const char *)*text;
    size_t size = http_utf8_size(s);
    if (size == 0)
        return how == HTTP_AS_JSON ? stpcpy(to, "\\ufffd") : put_hex(to, "\\x", **text);
    uint32_t c = http_utf8_decode(s, size);
    *text += size - 1;
    if (http_is_hidden(c))
        return put_code(to, c, how);
    memcpy(to, s, size);
    return to + size;
}

static char *put_special(char *to, const unsigned char **text, enum http_dialect how)
{
    unsigned char c = **text;
    char letter = how == HTTP_AS_PYTHON && c != '\\' ? 0 : short_escape(c, how);
    if (letter) {
        *to++ = '\\';
        *to++ = letter;
        return to;
    }
    if (c >= 0x80 && how != HTTP_AS_APACHE)
        return put_unicode(to, text, how);
    return put_hex(to, how == HTTP_AS_JSON ? "\\u00" : "\\x", c);
}

/* True if all eight bytes are from 0x20 to 0x7e, and none is a quote or a backslash. False may be wrong: a
   subtraction borrows from the next byte. */
static bool are_plain(uint64_t eight)
{
    const uint64_t ones = 0x0101010101010101, tops = ones << 7;
    uint64_t quote = eight ^ ones * '"', slash = eight ^ ones * '\\', del = eight ^ ones * 0x7f;
    uint64_t below = (eight - ones * 0x20) | (quote - ones) | (slash - ones) | (del - ones);
    return ((below | eight) & tops) == 0;
}

char *http_escaped(char *to, size_t room, const char *text, enum http_dialect how)
{
    const char *limit = to + (room - HTTP_ESCAPED_MORE);
    const unsigned char *at = (const unsigned char *)text, *end = at + strlen(text);
    while (at < end && to < limit) {
        uint64_t eight;
        if (end - at >= 8 && (memcpy(&eight, at, 8), are_plain(eight))) {
            memcpy(to, &eight, 8);
            to += 8;
            at += 8;
            continue;
        }
        for (int i = 0; i < 8 && at < end && to < limit; i++, at++) {
            if (special[*at] & how)
                to = put_special(to, &at, how);
            else
                *to++ = (char)*at;
        }
    }
    return at < end ? stpcpy(to, "...") : to;
}
