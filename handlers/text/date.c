/* SPDX-License-Identifier: MIT */
/* Dates as HTTP writes them (RFC 9110 5.6.7). The calendar is computed here, because strftime depends on the
   locale and gmtime takes a lock. */
#include "text/date.h"
#include "http_server.h"
#include "text/number.h"
#include <errno.h>
#include <string.h>

#define SECONDS_A_DAY 86400
#define FIRST_DATE (-62135596800) /* year 1 */
#define LAST_DATE 253402300799    /* year 9999 */

static const char day_names[7][10] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};
const char http_month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct date {
    int year, month, day, hour, minute, second; /* month 0..11, day 1..31 */
};

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
    static const signed char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 1 && is_leap(year) ? 29 : days[month];
}

/* Days from 1 January of year 1 to 1 January of `year`. */
static int64_t days_before_year(int year)
{
    int64_t y = year - 1;
    return y * 365 + y / 4 - y / 100 + y / 400;
}

static time_t seconds_of(const struct date *d)
{
    int64_t days = days_before_year(d->year) + d->day - 1;
    for (int month = 0; month < d->month; month++)
        days += days_in_month(d->year, month);
    return (time_t)(FIRST_DATE + days * SECONDS_A_DAY + d->hour * 3600 + d->minute * 60 + d->second);
}

static void split_date(int64_t days, struct date *d)
{
    /* A year has 365.2425 days: what that makes is at most one year off. */
    d->year = (int)(days * 10000 / 3652425) + 1;
    if (days < days_before_year(d->year))
        d->year--;
    else if (days >= days_before_year(d->year + 1))
        d->year++;
    days -= days_before_year(d->year);
    for (d->month = 0; days >= days_in_month(d->year, d->month); d->month++)
        days -= days_in_month(d->year, d->month);
    d->day = (int)days + 1;
}

/* Splits a time within the years 1 to 9999. Returns the day of the week, 0 for Sunday. */
static int split_time(time_t t, struct date *d)
{
    int64_t days = (t - FIRST_DATE) / SECONDS_A_DAY;
    int rest = (int)((t - FIRST_DATE) % SECONDS_A_DAY);
    split_date(days, d);
    d->hour = rest / 3600;
    d->minute = rest / 60 % 60;
    d->second = rest % 60;
    return (int)((days + 1) % 7); /* 1 January of year 1 was a Monday */
}

char *http_append_clock(char *at, int hour, int minute, int second)
{
    at = http_append_digits(at, hour, 2);
    *at++ = ':';
    at = http_append_digits(at, minute, 2);
    *at++ = ':';
    return http_append_digits(at, second, 2);
}

char *http_format_date(time_t t, char text[HTTP_DATE_SIZE])
{
    struct date d;
    const char *day = day_names[split_time(t < FIRST_DATE ? FIRST_DATE : t > LAST_DATE ? LAST_DATE : t, &d)];
    char *at = mempcpy(mempcpy(text, day, 3), ", ", 2);
    at = http_append_digits(at, d.day, 2);
    *at++ = ' ';
    at = mempcpy(at, http_month_names[d.month], 3);
    *at++ = ' ';
    at = http_append_digits(at, d.year, 4);
    *at++ = ' ';
    memcpy(http_append_clock(at, d.hour, d.minute, d.second), " GMT", 5);
    return text;
}

char *http_format_rfc3339(time_t t, char text[HTTP_RFC3339_SIZE])
{
    struct date d;
    *text = 0;
    if (t < FIRST_DATE || t > LAST_DATE)
        return text;
    split_time(t, &d);
    char *at = http_append_digits(text, d.year, 4);
    *at++ = '-';
    at = http_append_digits(at, d.month + 1, 2);
    *at++ = '-';
    at = http_append_digits(at, d.day, 2);
    *at++ = 'T';
    memcpy(http_append_clock(at, d.hour, d.minute, d.second), "Z", 2);
    return text;
}

/* The parser's steps: each moves *text behind what its name says, or returns false. */

static bool take(const char **text, const char *expected)
{
    size_t size = strlen(expected);
    if (strncmp(*text, expected, size) != 0)
        return false;
    *text += size;
    return true;
}

static bool take_number(const char **text, int width, int *value)
{
    *value = 0;
    for (int i = 0; i < width; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return false;
        *value = *value * 10 + (**text - '0');
    }
    return true;
}

static bool take_month(const char **text, int *month)
{
    for (*month = 0; *month < 12; (*month)++)
        if (take(text, http_month_names[*month]))
            return true;
    return false;
}

static bool take_time(const char **text, struct date *d)
{
    return take_number(text, 2, &d->hour) && take(text, ":") && take_number(text, 2, &d->minute) &&
           take(text, ":") && take_number(text, 2, &d->second);
}

/* Takes what follows the day's name: ", 06 Nov 1994 08:49:37 GMT". */
static bool take_fixdate(const char **text, struct date *d)
{
    return take(text, ", ") && take_number(text, 2, &d->day) && take(text, " ") &&
           take_month(text, &d->month) && take(text, " ") && take_number(text, 4, &d->year) &&
           take(text, " ") && take_time(text, d) && take(text, " GMT");
}

/* Takes ", 06-Nov-94 08:49:37 GMT". A year that would be more than 50 years ahead is one of the past. */
static bool take_rfc850(const char **text, struct date *d)
{
    struct date now;
    if (!(take(text, ", ") && take_number(text, 2, &d->day) && take(text, "-") &&
          take_month(text, &d->month) && take(text, "-") && take_number(text, 2, &d->year) &&
          take(text, " ") && take_time(text, d) && take(text, " GMT")))
        return false;
    split_date((time(NULL) - FIRST_DATE) / SECONDS_A_DAY, &now);
    d->year += now.year / 100 * 100;
    if (d->year > now.year + 50)
        d->year -= 100;
    return true;
}

/* Takes " Nov  6 08:49:37 1994". */
static bool take_asctime(const char **text, struct date *d)
{
    return take(text, " ") && take_month(text, &d->month) && take(text, " ") &&
           (take(text, " ") ? take_number(text, 1, &d->day) : take_number(text, 2, &d->day)) &&
           take(text, " ") && take_time(text, d) && take(text, " ") && take_number(text, 4, &d->year);
}

static bool take_date(const char **text, struct date *d)
{
    for (int day = 0; day < 7; day++) {
        char brief[4] = {day_names[day][0], day_names[day][1], day_names[day][2], 0};
        if (take(text, day_names[day]))
            return take_rfc850(text, d);
        if (take(text, brief))
            return **text == ',' ? take_fixdate(text, d) : take_asctime(text, d);
    }
    return false;
}

/* A leap second is second 60. */
static bool is_date(const struct date *d)
{
    return d->year >= 1 && d->day >= 1 && d->day <= days_in_month(d->year, d->month) && d->hour <= 23 &&
           d->minute <= 59 && d->second <= 60;
}

int http_parse_date(const char *text, time_t *t)
{
    struct date d;
    if (!take_date(&text, &d) || *text != 0 || !is_date(&d))
        return -EINVAL;
    *t = seconds_of(&d);
    return 0;
}

const char *http_date_field(void)
{
    static _Thread_local char field[HTTP_DATE_FIELD_SIZE + 1] = "Date: ";
    static _Thread_local time_t when = -1; /* no clock shows that; one that was never set begins at 0 */
    time_t now = time(NULL);
    if (now != when) {
        http_format_date(now, field + 6);
        memcpy(field + HTTP_DATE_FIELD_SIZE - 2, "\r\n", 3);
        when = now;
    }
    return field;
}
