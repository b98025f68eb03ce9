/* SPDX-License-Identifier: MIT */
/* Dates in other forms than the one that http_server.h offers. The locale does not matter. */
#ifndef HTTP_DATE_H
#define HTTP_DATE_H

#include <time.h>

#define HTTP_DATE_FIELD_SIZE 37
/* The header field "Date: ...\r\n" of now. It belongs to this thread, and changes when the thread calls
   again. */
const char *http_date_field(void);

enum { HTTP_RFC3339_SIZE = 21 };
/* Writes a time as RFC 3339 has it, "2024-02-29T23:59:59Z"; "" for a year before 1 or after 9999. Returns
   text. */
char *http_format_rfc3339(time_t t, char text[HTTP_RFC3339_SIZE]);

/* Writes "23:59:59"; returns its end, without NUL. */
char *http_append_clock(char *at, int hour, int minute, int second);
extern const char http_month_names[12][4]; /* "Jan" is the first */

#endif
