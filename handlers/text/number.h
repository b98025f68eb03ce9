/* SPDX-License-Identifier: MIT */
/* Numbers as text. Pure functions. */
#ifndef HTTP_NUMBER_H
#define HTTP_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Writes a number that is not negative in decimal; returns its end, without NUL. */
char *http_append_number(char *at, int64_t value);
/* Writes the last `width` digits of a number that is not negative; returns their end, without NUL. */
char *http_append_digits(char *at, int value, int width);
/* Writes a byte as two hexadecimal digits, in lower case; returns their end, without NUL. */
char *http_append_hex(char *at, unsigned char byte);

/* Reads the decimal digits at *text, and moves *text behind them. A larger number is INT64_MAX. False: there
   are no digits. */
bool http_read_number(const char **text, int64_t *value);
/* The value of a hexadecimal digit in either case, -1 for any other character. */
int http_hex_digit(char c);

#endif
