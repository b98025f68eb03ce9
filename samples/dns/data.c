/* SPDX-License-Identifier: MIT */
/* The data of records, as a master file has it. */
#include "dns/parse.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct kind kinds[];

/* What has been read of a record's data. */
struct data {
    uint8_t *bytes;
    size_t size;
    struct record *record;
    int names;
};

static bool put(struct parser *p, struct data *d, const void *bytes, size_t size)
{
    if (size > LONGEST_DATA - d->size)
        return parse_fails(p, "a record has at most 65535 bytes; write several records");
    memcpy(d->bytes + d->size, bytes, size);
    d->size += size;
    return true;
}

static bool put_number(struct parser *p, struct data *d, uint32_t value, size_t size)
{
    uint32_t ordered = htonl(value);
    return put(p, d, (uint8_t *)&ordered + 4 - size, size);
}

static bool read_address(struct parser *p, struct data *d, int family)
{
    char text[64];
    uint8_t address[16];
    snprintf(text, sizeof text, "%.*s", (int)(p->size < 63 ? p->size : 63), p->token);
    if (p->size > 63 || inet_pton(family, text, address) != 1)
        return parse_fails(p, "%s is no %s", text,
                           family == AF_INET
                               ? "IPv4 address; write it as 192.0.2.1, and an IPv6 address as AAAA"
                               : "IPv6 address; write it as 2001:db8::1, and an IPv4 address as A");
    return put(p, d, address, family == AF_INET ? 4 : 16);
}

static bool read_name(struct parser *p, struct data *d, bool compressed)
{
    uint8_t wire[LONGEST_NAME];
    size_t size = token_wire(p, wire);
    struct name *name = size ? token_name(p) : NULL;
    if (!name)
        return false;
    d->record->target = name;
    if (!compressed)
        return put(p, d, wire, size);
    if (d->names == 0)
        d->record->before = (uint16_t)d->size;
    d->record->names[d->names++] = name;
    return true;
}

/* Bytes with their escapes taken out, and their number in front of them, or not. */
static bool read_string(struct parser *p, struct data *d, size_t most, bool counted)
{
    const char *at = p->token, *end = at + p->size;
    size_t begin = d->size, size = 0;
    if (counted && !put(p, d, "", 1))
        return false;
    for (; at < end; size++) {
        int byte = take_byte(&at, end);
        uint8_t value = (uint8_t)byte;
        if (byte < 0)
            return parse_fails(
                p, "after \\ there is one character, or three digits up to 255; write \\\\ for \\");
        if (size == most)
            return parse_fails(p, "a string has at most %zu bytes; write it as several", most);
        if (!put(p, d, &value, 1))
            return false;
    }
    if (counted)
        d->bytes[begin] = (uint8_t)size;
    return true;
}

static bool read_tag(struct parser *p, struct data *d)
{
    for (size_t i = 0; i < p->size; i++)
        if (!isalnum((unsigned char)p->token[i]))
            return parse_fails(
                p, "a CAA record's tag has letters and digits only; write issue, issuewild or iodef");
    if (p->size == 0)
        return parse_fails(p, "a CAA record's tag is empty; write issue, issuewild or iodef");
    return read_string(p, d, 255, true);
}

static bool read_numbers(struct parser *p, struct data *d, char part)
{
    uint32_t value;
    size_t size = part == 'b' ? 1 : part == 's' ? 2 : 4;
    bool good =
        part == 't' ? token_ttl(p, &value) : token_number(p, (uint32_t)((1ULL << 8 * size) - 1), &value);
    return good && put_number(p, d, value, size);
}

/* The token, and all that follow it. */
static bool read_strings(struct parser *p, struct data *d)
{
    enum token found = TOKEN;
    while (found == TOKEN && read_string(p, d, 255, true))
        found = next_token(p);
    return found == END;
}

static int digit_of(char c)
{
    int digit = lower((uint8_t)c);
    return isdigit(digit) ? digit - '0' : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool read_hex(struct parser *p, struct data *d)
{
    enum token found;
    unsigned value = 1; /* a bit, and behind it the digits */
    do {
        for (size_t i = 0; i < p->size; i++) {
            int digit = digit_of(p->token[i]);
            if (digit < 0)
                return parse_fails(p, "%.*s is not hexadecimal; write bytes as 0a1b",
                                   (int)(p->size < 80 ? p->size : 80), p->token);
            value = value << 4 | (unsigned)digit;
            uint8_t byte = (uint8_t)value;
            if (value >= 256 && !put(p, d, &byte, 1))
                return false;
            value = value >= 256 ? 1 : value;
        }
        found = next_token(p);
    } while (found == TOKEN);
    return found == END &&
           (value == 1 || parse_fails(p, "half a byte at the end; write two digits for each"));
}

static bool read_part(struct parser *p, struct data *d, char part)
{
    switch (part) {
    case '4':
    case '6':
        return read_address(p, d, part == '4' ? AF_INET : AF_INET6);
    case 'n':
    case 'N':
        return read_name(p, d, part == 'n');
    case 'c':
        return read_string(p, d, 255, true);
    case 'r':
        return read_string(p, d, LONGEST_DATA, false);
    case 'g':
        return read_tag(p, d);
    case 'C':
        return read_strings(p, d);
    case 'x':
        return read_hex(p, d);
    default:
        return read_numbers(p, d, part);
    }
}

static const char *what_is(char part)
{
    static const char *const names[128] = {
        ['4'] = "an IPv4 address",  ['6'] = "an IPv6 address", ['n'] = "a name",   ['N'] = "a name",
        ['c'] = "a string",         ['C'] = "a string",        ['r'] = "a string", ['g'] = "a tag",
        ['x'] = "hexadecimal data", ['t'] = "a time"};
    const char *name = names[part & 127];
    return name ? name : "a number";
}

/* \# 4 0a000001 (RFC 3597) */
static bool parse_unknown(struct parser *p, struct data *d)
{
    uint32_t size;
    if (!want_token(p, "\\#, as this type has no other form,"))
        return false;
    if (!token_is(p, "\\#"))
        return parse_fails(p, "the data of this type is unknown; write it as \\# 4 0a000001 (RFC 3597)");
    if (!want_token(p, "the number of bytes") || !token_number(p, LONGEST_DATA, &size))
        return false;
    enum token found = next_token(p);
    if (found == FAILED || (found == TOKEN && !read_hex(p, d)))
        return false;
    return d->size == size ||
           parse_fails(p, "there are %zu bytes of data and not %u; correct the number", d->size, size);
}

static bool parse_known(struct parser *p, const struct kind *kind, struct data *d)
{
    for (const char *part = kind->parts; *part; part++)
        if (!want_token(p, what_is(*part)) || !read_part(p, d, *part))
            return false;
    char last = kind->parts[strlen(kind->parts) - 1];
    enum token found = last == 'C' || last == 'x' ? END : next_token(p);
    return found == END ||
           (found == TOKEN && parse_fails(p, "%.*s is too much; remove it, or write text in quotes",
                                          (int)(p->size < 80 ? p->size : 80), p->token));
}

bool parse_data(struct parser *p, const struct kind *kind, uint8_t *data, struct record *record)
{
    struct data d = {.bytes = data, .record = record};
    *record = (struct record){.data = data};
    if (!(kind->parts ? parse_known(p, kind, &d) : parse_unknown(p, &d)))
        return false;
    if (d.names == 0)
        record->before = (uint16_t)d.size;
    record->after = (uint16_t)(d.size - record->before);
    if (!kind->wants_address)
        record->target = NULL;
    return true;
}

/* ---------------------------------------------------------------- types */

/* Types that are questions, or have a meaning that this server does not know. */
static bool cannot_be_served(uint32_t type)
{
    return type == 0 || type == TYPE_OPT || type == TYPE_DNAME || (type >= 128 && type <= 255);
}

static bool numbered_kind(const struct parser *p, struct kind *kind)
{
    uint32_t number = 0;
    if (p->size < 5 || p->size > 9 || strncasecmp(p->token, "TYPE", 4) != 0)
        return false;
    for (size_t i = 4; i < p->size; i++) {
        if (!isdigit((unsigned char)p->token[i]))
            return false;
        number = number * 10 + (uint32_t)(p->token[i] - '0');
    }
    *kind = (struct kind){.name = "", .type = (uint16_t)number};
    for (const struct kind *k = kinds; k->name; k++)
        if (k->type == number)
            *kind = *k;
    return number <= 65535 && !cannot_be_served(number);
}

bool token_kind(const struct parser *p, struct kind *kind)
{
    for (const struct kind *k = kinds; k->name; k++)
        if (token_is(p, k->name)) {
            *kind = *k;
            return true;
        }
    return !p->quoted && numbered_kind(p, kind);
}

static const struct kind kinds[] = {
    {"A", "4", 1, false},           {"NS", "n", 2, true},
    {"CNAME", "n", 5, false},       {"SOA", "nnltttt", 6, false},
    {"PTR", "n", 12, false},        {"HINFO", "cc", 13, false},
    {"MX", "sn", 15, true},         {"TXT", "C", 16, false},
    {"AAAA", "6", 28, false},       {"SRV", "sssN", 33, true},
    {"NAPTR", "sscccN", 35, false}, {"DS", "sbbx", 43, false},
    {"SSHFP", "bbx", 44, false},    {"TLSA", "bbbx", 52, false},
    {"CAA", "bgr", 257, false},     {0},
};
