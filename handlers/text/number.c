/* SPDX-License-Identifier: MIT */
#include "text/number.h"

char *http_append_number(char *at, int64_t value)
{
    uint64_t left = (uint64_t)value;
    char *end = at + 1;
    for (uint64_t bound = 10; bound <= left; bound *= 10)
        end++;
    for (char *digit = end; digit > at; left /= 10)
        *--digit = (char)('0' + left % 10);
    return end;
}

char *http_append_hex(char *at, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    *at++ = digits[byte >> 4];
    *at++ = digits[byte & 15];
    return at;
}

char *http_append_digits(char *at, int value, int width)
{
    for (int i = width - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + width;
}

bool http_read_number(const char **text, int64_t *value)
{
    const char *start = *text;
    int64_t n = 0;
    for (; **text >= '0' && **text <= '9'; ++*text) {
        int digit = **text - '0';
        n = n > (INT64_MAX - digit) / 10 ? INT64_MAX : n * 10 + digit;
    }
    *value = n;
    return *text > start;
}

int http_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
