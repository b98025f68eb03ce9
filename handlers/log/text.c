/* The pieces of log lines: what a client has sent, when, and who it is. */
#include "log/text.h"
#include "http_server.h"
#include "text/number.h"
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- escaping */

#define P HTTP_LOG_PYTHON
#define A HTTP_LOG_APACHE
#define J HTTP_LOG_JSON

/* For whom a byte cannot stand for itself. */
static const unsigned char special[256] = {
    [0x00 ... 0x1f] = P | A | J,
    ['"'] = A | J,
    ['\\'] = P | A | J,
    [0x7f ... 0xff] = P | A | J,
};

static char *put_hex(char *to, const char *prefix, unsigned value)
{
    static const char digits[] = "0123456789abcdef";
    to = stpcpy(to, prefix);
    *to++ = digits[value >> 4 & 15];
    *to++ = digits[value & 15];
    return to;
}

/* The letter behind a backslash, 0: there is none. */
static char short_escape(unsigned char c, enum http_log_escape how)
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
        return how == HTTP_LOG_APACHE ? 'v' : 0;
    default:
        return 0;
    }
}

/* The size of the UTF-8 sequence that `s` begins with (RFC 3629 4); 0: that is none. The text ends with NUL.
 */
static size_t utf8_size(const unsigned char *s)
{
    size_t size = *s >= 0xc2 && *s < 0xe0 ? 2 : *s >= 0xe0 && *s < 0xf0 ? 3 : *s >= 0xf0 && *s < 0xf5 ? 4 : 0;
    unsigned low = *s == 0xe0 ? 0xa0 : *s == 0xf0 ? 0x90 : 0x80;
    unsigned high = *s == 0xed ? 0x9f : *s == 0xf4 ? 0x8f : 0xbf;
    if (size == 0 || s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    return size;
}

static uint32_t decode(const unsigned char *s, size_t size)
{
    uint32_t c = *s & (0x7f >> size);
    for (size_t i = 1; i < size; i++)
        c = c << 6 | (s[i] & 0x3f);
    return c;
}

/* What nobody sees, or what makes others see something else: control characters, Unicode's format characters
   (Cf: those that turn the direction of text round, those without width, tags), ends of lines, and
   noncharacters. */
static bool is_unprintable(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x80, 0x9f},       {0xad, 0xad},       {0x600, 0x605},     {0x61c, 0x61c},
                  {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},
                  {0x180e, 0x180e},   {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},
                  {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},   {0xfff0, 0xfffb},   {0x110bd, 0x110cd},
                  {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0] && ranges[i].first <= c; i++)
        if (c <= ranges[i].last)
            return true;
    return (c & 0xfffe) == 0xfffe;
}

/* As Python writes it in a string, and JSON: there what is beyond 16 bits is two surrogates. */
static char *put_code(char *to, uint32_t c, enum http_log_escape how)
{
    if (c < 0x100)
        return put_hex(to, how == HTTP_LOG_JSON ? "\\u00" : "\\x", c);
    if (c >= 0x10000 && how == HTTP_LOG_JSON) {
        to = put_code(to, 0xd800 + ((c - 0x10000) >> 10), how);
        return put_code(to, 0xdc00 + (c & 0x3ff), how);
    }
    if (c >= 0x10000)
        to = put_hex(stpcpy(to, "\\U"), "00", c >> 16);
    else
        to = stpcpy(to, "\\u");
    return put_hex(put_hex(to, "", c >> 8), "", c);
}

/* A byte of 0x80 or more, and those that belong to it. */
static char *put_unicode(char *to, const unsigned char **text, enum http_log_escape how)
{
    const unsigned char *s = *text;
    size_t size = utf8_size(s);
    if (size == 0)
        return how == HTTP_LOG_JSON ? stpcpy(to, "\\ufffd") : put_hex(to, "\\x", *s);
    uint32_t c = decode(s, size);
    *text += size - 1;
    if (is_unprintable(c))
        return put_code(to, c, how);
    memcpy(to, s, size);
    return to + size;
}

static char *put_special(char *to, const unsigned char **text, enum http_log_escape how)
{
    unsigned char c = **text;
    char letter = how == HTTP_LOG_PYTHON && c != '\\' ? 0 : short_escape(c, how);
    if (letter) {
        *to++ = '\\';
        *to++ = letter;
        return to;
    }
    if (c >= 0x80 && how != HTTP_LOG_APACHE)
        return put_unicode(to, text, how);
    return put_hex(to, how == HTTP_LOG_JSON ? "\\u00" : "\\x", c);
}

/* True if none of the eight bytes needs a second look: all from 0x20 to 0x7e, no quote, no backslash. What
   the borrow of a lower byte spoils only looks suspicious. */
static bool are_plain(uint64_t eight)
{
    const uint64_t ones = 0x0101010101010101, tops = ones << 7;
    uint64_t quote = eight ^ ones * '"', slash = eight ^ ones * '\\', del = eight ^ ones * 0x7f;
    uint64_t below = (eight - ones * 0x20) | (quote - ones) | (slash - ones) | (del - ones);
    return ((below | eight) & tops) == 0;
}

char *http_log_escaped(char *to, const char *text, enum http_log_escape how)
{
    const char *limit = to + (HTTP_LOG_ITEM - 16);
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

/* ---------------------------------------------------------------- the time */

struct times {
    time_t when;
    char text[3][HTTP_LOG_TIME];
};

static char *put_two(char *to, int value)
{
    *to++ = (char)('0' + value / 10 % 10);
    *to++ = (char)('0' + value % 10);
    return to;
}

/* "13:25:17" */
static char *put_clock(char *to, const struct tm *tm)
{
    to = put_two(to, tm->tm_hour);
    *to++ = ':';
    to = put_two(to, tm->tm_min);
    *to++ = ':';
    return put_two(to, tm->tm_sec);
}

/* "21/Nov/2026" */
static char *put_day(char *to, const struct tm *tm)
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    to = put_two(to, tm->tm_mday);
    *to++ = '/';
    to = stpcpy(to, months[tm->tm_mon % 12]);
    *to++ = '/';
    return http_append_number(to, tm->tm_year + 1900);
}

static void make_local(struct times *t)
{
    struct tm tm = {0};
    localtime_r(&t->when, &tm);
    char *to = put_day(t->text[HTTP_LOG_PYTHON_TIME], &tm);
    *to++ = ' ';
    *put_clock(to, &tm) = 0;
    to = put_day(t->text[HTTP_LOG_APACHE_TIME], &tm);
    *to++ = ':';
    to = stpcpy(put_clock(to, &tm), tm.tm_gmtoff < 0 ? " -" : " +");
    int minutes = abs((int)(tm.tm_gmtoff / 60));
    *put_two(put_two(to, minutes / 60), minutes % 60) = 0;
}

static void make_utc(struct times *t)
{
    struct tm tm = {0};
    gmtime_r(&t->when, &tm);
    char *to = http_append_number(t->text[HTTP_LOG_RFC3339], tm.tm_year + 1900);
    *to++ = '-';
    to = put_two(to, tm.tm_mon + 1);
    *to++ = '-';
    to = put_two(to, tm.tm_mday);
    *to++ = 'T';
    stpcpy(put_clock(to, &tm), "Z");
}

/* This thread's, made once a second. */
char *http_log_time(char *to, enum http_log_clock form)
{
    static _Thread_local struct times times;
    time_t now = time(NULL);
    if (now != times.when) {
        times.when = now;
        make_local(&times);
        make_utc(&times);
    }
    return stpcpy(to, times.text[form]);
}

/* ---------------------------------------------------------------- the client */

/* What most clients have, without a call of the C library. */
static char *put_ipv4(char *to, const struct sockaddr_in *address)
{
    const unsigned char *bytes = (const unsigned char *)&address->sin_addr;
    for (int i = 0; i < 4; i++) {
        unsigned byte = bytes[i];
        if (byte >= 100)
            *to++ = (char)('0' + byte / 100);
        if (byte >= 10)
            *to++ = (char)('0' + byte / 10 % 10);
        *to++ = (char)('0' + byte % 10);
        *to++ = '.';
    }
    return to - 1;
}

/* "[::1]:8000" as "::1"; the path of a Unix socket is the client's choice */
static char *put_address(char *to, const struct ss_address *address, enum http_log_escape how)
{
    char text[SS_ADDRESS_TEXT], *from = text;
    if (ss_address_format(address, text, sizeof text) <= 0 || strcmp(text, "unix:") == 0)
        return stpcpy(to, "-");
    if (ss_address_port(address) > 0)
        *strrchr(text, ':') = 0;
    if (*from == '[')
        *strchrnul(from++, ']') = 0;
    return http_log_escaped(to, from, how);
}

char *http_log_client(char *to, const struct ss_address *client, enum http_log_escape how)
{
    if (client->length && client->u.any.sa_family == AF_INET)
        return put_ipv4(to, &client->u.in);
    return put_address(to, client, how);
}
