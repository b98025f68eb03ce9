/* SPDX-License-Identifier: MIT */
/* The pieces of log lines: the time, and the client's address. */
#include "log/text.h"
#include "http_server.h"
#include "text/date.h"
#include "text/number.h"
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- the time */

struct times {
    time_t when;
    char text[3][HTTP_LOG_TIME];
};

/* "21/Nov/2026" */
static char *put_day(char *to, const struct tm *tm)
{
    to = http_append_digits(to, tm->tm_mday, 2);
    *to++ = '/';
    to = stpcpy(to, http_month_names[tm->tm_mon % 12]);
    *to++ = '/';
    return http_append_number(to, tm->tm_year + 1900);
}

static void make_local(struct times *t)
{
    struct tm tm = {0};
    localtime_r(&t->when, &tm);
    char *to = put_day(t->text[HTTP_LOG_PYTHON_TIME], &tm);
    *to++ = ' ';
    *http_append_clock(to, tm.tm_hour, tm.tm_min, tm.tm_sec) = 0;
    to = put_day(t->text[HTTP_LOG_APACHE_TIME], &tm);
    *to++ = ':';
    to = http_append_clock(to, tm.tm_hour, tm.tm_min, tm.tm_sec);
    to = stpcpy(to, tm.tm_gmtoff < 0 ? " -" : " +");
    int minutes = abs((int)(tm.tm_gmtoff / 60));
    *http_append_digits(http_append_digits(to, minutes / 60, 2), minutes % 60, 2) = 0;
}

/* Each thread keeps the texts of the current second. */
char *http_log_time(char *to, enum http_log_clock form)
{
    static _Thread_local struct times times = {.when = -1}; /* which no clock shows */
    time_t now = time(NULL);
    if (now != times.when) {
        times.when = now;
        make_local(&times);
        http_format_rfc3339(now, times.text[HTTP_LOG_RFC3339]);
    }
    return stpcpy(to, times.text[form]);
}

/* ---------------------------------------------------------------- the client */

/* Most clients have one, so this is done without the C library and for few instructions. */
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

/* "[::1]:8000" becomes "::1". The client chooses the path of a Unix socket, so that is escaped. */
static char *put_address(char *to, const struct ss_address *address, enum http_dialect how)
{
    char text[SS_ADDRESS_TEXT], *from = text;
    if (ss_address_format(address, text, sizeof text) <= 0 || strcmp(text, "unix:") == 0)
        return stpcpy(to, "-");
    if (ss_address_port(address) > 0)
        *strrchr(text, ':') = 0;
    if (*from == '[')
        *strchrnul(from++, ']') = 0;
    return http_escaped(to, HTTP_LOG_ITEM, from, how);
}

char *http_log_client(char *to, const struct ss_address *client, enum http_dialect how)
{
    if (client->length && client->u.any.sa_family == AF_INET)
        return put_ipv4(to, &client->u.in);
    return put_address(to, client, how);
}
