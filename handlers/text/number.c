#include "text/number.h"

__attribute__((noinline)) char *http_append_number(char *at, int64_t value)
{
    char digits[20], *end = digits + sizeof digits, *first = end;
    uint64_t left = (uint64_t)value;
    for (; left >= 10; left /= 10)
        *--first = (char)('0' + left % 10);
    *--first = (char)('0' + left);
    while (first < end)
        *at++ = *first++;
    return at;
}

char *http_append_hex(char *at, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    *at++ = digits[byte >> 4];
    *at++ = digits[byte & 15];
    return at;
}
