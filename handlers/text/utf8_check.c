/* SPDX-License-Identifier: MIT */
#include "text/utf8_check.h"
#include <stdint.h>
#include <string.h>

enum { WORDS = 4 };

/* The number of ASCII bytes that `text` begins with, in whole groups of words. */
static size_t ascii_span(const unsigned char *text, size_t size)
{
    size_t n = 0;
    uint64_t word[WORDS];
    for (; size - n >= sizeof word; n += sizeof word) {
        memcpy(word, text + n, sizeof word);
        if ((word[0] | word[1] | word[2] | word[3]) & UINT64_C(0x8080808080808080))
            break;
    }
    return n;
}

/* A character begins with this byte: no longer form than needed, no surrogates, nothing above U+10FFFF. */
static bool begin(struct http_utf8 *utf8, unsigned char c)
{
    if (c < 0x80)
        return true;
    utf8->left = c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : 0;
    utf8->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    utf8->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    return utf8->left > 0;
}

bool http_utf8_go_on(struct http_utf8 *utf8, const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + size;
    struct http_utf8 u = *utf8;
    bool good = true;
    while (good && at < end) {
        if (u.left) {
            good = *at >= u.low && *at <= u.high;
            u = (struct http_utf8){.left = (unsigned char)(u.left - 1), .low = 0x80, .high = 0xbf};
            at++;
        } else if ((at += ascii_span(at, (size_t)(end - at))) < end) {
            good = begin(&u, *at++);
        }
    }
    *utf8 = u;
    return good;
}

bool http_utf8_may_end(const struct http_utf8 *utf8)
{
    return utf8->left == 0;
}
