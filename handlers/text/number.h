/* Numbers as text. Pure functions. */
#ifndef HTTP_NUMBER_H
#define HTTP_NUMBER_H

#include <stdint.h>

/* Writes a number that is not negative in decimal; returns its end, without NUL. */
char *http_append_number(char *at, int64_t value);
/* Writes a byte as two hexadecimal digits, in lower case; returns their end, without NUL. */
char *http_append_hex(char *at, unsigned char byte);

#endif
