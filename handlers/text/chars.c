/* SPDX-License-Identifier: MIT */
#include "text/chars.h"
#include "text/number.h"
#include <arpa/inet.h>
#include <endian.h>
#include <string.h>
#include <strings.h>

#define T HTTP_TOKEN
#define V HTTP_VALUE
#define U HTTP_TARGET
#define H HTTP_HOST
#define P HTTP_PLAIN

const unsigned char http_chars[256] = {
    ['\t'] = V,
    [' '] = V,
    ['!'] = T | V | U | H | P,
    ['"'] = V | U,
    ['#'] = T | V,
    ['$'] = T | V | U | H | P,
    ['%'] = T | V | U | H,
    ['&' ... '\''] = T | V | U | H | P,
    ['(' ... ')'] = V | U | H | P,
    ['*' ... '+'] = T | V | U | H | P,
    [','] = V | U | P, /* RFC 3986 allows it in a host, too; but a comma there means that somebody has joined
                          several hosts */
    ['-'] = T | V | U | H | P,
    ['.'] = T | V | U | H,
    ['/'] = V | U,
    ['0' ... '9'] = T | V | U | H | P,
    [':'] = V | U | P,
    [';'] = V | U | H | P,
    ['<'] = V | U,
    ['='] = V | U | H | P,
    ['>' ... '?'] = V | U,
    ['@'] = V | U | P,
    ['A' ... 'Z'] = T | V | U | H | P,
    ['[' ... ']'] = V | U,
    ['^'] = T | V | U,
    ['_'] = T | V | U | H | P,
    ['`'] = T | V | U,
    ['a' ... 'z'] = T | V | U | H | P,
    ['{'] = V | U,
    ['|'] = T | V | U,
    ['}'] = V | U,
    ['~'] = T | V | U | H | P,
    [0x80 ... 0xff] = V,
};

size_t http_span(const char *text, size_t size, unsigned char kind)
{
    size_t i = 0;
    while (i < size && http_chars[(unsigned char)text[i]] & kind)
        i++;
    return i;
}

/* Marks the control characters among eight bytes: sets the highest bit of each, and no other. */
static uint64_t controls(uint64_t eight)
{
    const uint64_t ones = 0x0101010101010101, high = ones * 0x80;
    uint64_t seven_bits = eight & ~high;
    uint64_t printable = seven_bits + ones * (0x80 - ' '), del = seven_bits + ones;
    return (~printable | del) & ~eight & high;
}

/* Looks at eight bytes at a time. */
size_t http_value_span(const char *text, size_t size)
{
    size_t i = 0;
    for (uint64_t eight, marks; size - i >= sizeof eight; i++) {
        memcpy(&eight, text + i, sizeof eight);
        marks = controls(le64toh(eight));
        i += marks ? (size_t)__builtin_ctzll(marks) / 8 : sizeof eight - 1;
        if (marks && text[i] != '\t')
            return i;
    }
    return i + http_span(text + i, size - i, HTTP_VALUE);
}

bool http_is_token(const char *text, size_t size)
{
    return size > 0 && http_span(text, size, HTTP_TOKEN) == size;
}

/* No white space may stand in front of the name or the colon (RFC 9112 5.1). */
bool http_is_field_line(const char *line, size_t size)
{
    size_t name = http_span(line, size, HTTP_TOKEN);
    return name > 0 && name < size && line[name] == ':' &&
           http_value_span(line + name, size - name) == size - name;
}

/* The number of bytes at the beginning of `text` that are the name of a host (RFC 3986 3.2.2); 0 if a '%'
   among them begins no escape. */
static size_t host_span(const char *text, size_t size)
{
    size_t n = http_span(text, size, HTTP_HOST);
    const char *at = text;
    while ((at = memchr(at, '%', n - (size_t)(at - text)))) {
        if (text + n - at < 3 || http_hex_digit(at[1]) < 0 || http_hex_digit(at[2]) < 0)
            return 0;
        at += 3;
    }
    return n;
}

bool http_is_authority(const char *text, size_t size, bool port_needed)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr ignored;
    size_t n = host_span(text, size);
    if (size > 0 && text[0] == '[') {
        const char *end = memchr(text, ']', size);
        n = end ? (size_t)(end - text) + 1 : 0;
        if (n < 3 || n - 2 >= sizeof address)
            return false;
        memcpy(address, text + 1, n - 2);
        address[n - 2] = 0;
        if (inet_pton(AF_INET6, address, &ignored) != 1)
            return false;
    }
    if (n == 0)
        return false;
    if (n == size)
        return !port_needed;
    if (text[n] != ':' || size - n > 6 || (port_needed && size - n == 1))
        return false;
    unsigned port = 0;
    for (n++; n < size && text[n] >= '0' && text[n] <= '9'; n++)
        port = port * 10 + (unsigned)(text[n] - '0');
    return n == size && port <= 65535;
}

size_t http_quoted_span(const char *text)
{
    size_t i = 1;
    if (*text != '"')
        return 0;
    for (; text[i] != '"'; i++) {
        i += text[i] == '\\';
        if (!(http_chars[(unsigned char)text[i]] & HTTP_VALUE))
            return 0;
    }
    return i + 1;
}

bool http_list_next(const char **list, const char **element, size_t *size)
{
    const char *at = *list, *end;
    while (*at == ',' || *at == ' ' || *at == '\t')
        at++;
    for (end = at; *end != ',' && *end != 0; end++)
        ;
    *list = end;
    while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *element = at;
    *size = (size_t)(end - at);
    return end > at;
}

bool http_list_has(const char *list, const char *token)
{
    const char *element;
    size_t size;
    while (http_list_next(&list, &element, &size))
        if (http_is_word(element, size, token))
            return true;
    return false;
}

bool http_is_word(const char *text, size_t size, const char *word)
{
    return size == strlen(word) && strncasecmp(text, word, size) == 0;
}

bool http_ends_with(const char *text, size_t size, const char *ending)
{
    size_t length = strlen(ending);
    return size > length && strncasecmp(text + size - length, ending, length) == 0;
}

unsigned char http_lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

const char *http_skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at;
}

int http_read_qvalue(const char *text, size_t size)
{
    const char *end = text + size;
    if (size == 0 || (*text != '0' && *text != '1'))
        return -1;
    int value = (*text++ - '0') * 1000;
    if (text < end && *text++ != '.')
        return -1;
    for (int scale = 100; text < end && scale > 0 && *text >= '0' && *text <= '9'; scale /= 10)
        value += (*text++ - '0') * scale;
    return text < end || value > 1000 ? -1 : value;
}
