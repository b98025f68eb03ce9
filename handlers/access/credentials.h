/* SPDX-License-Identifier: MIT */
/* What a client says of itself in Authorization (RFC 7617). Pure functions. */
#ifndef ACCESS_CREDENTIALS_H
#define ACCESS_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

/* Name and password, each with a NUL behind it; both point into memory of the caller. */
struct http_credentials {
    const char *user, *password;
    size_t size; /* of both, and the NUL between them */
};

/* Reads the value of an Authorization field. `text` has room for strlen(field) + 1 bytes. False: it is of
   another scheme, or malformed. */
bool http_read_basic(const char *field, char *text, struct http_credentials *credentials);

/* True for a text with control characters, which neither names nor passwords have. */
bool http_has_control(const char *text);

#endif
