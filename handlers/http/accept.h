/* SPDX-License-Identifier: MIT */
/* Content negotiation by media type: the Accept field (RFC 9110 12.5.1). */
#ifndef HTTP_ACCEPT_H
#define HTTP_ACCEPT_H

#include <stddef.h>

struct ss_handler;

struct http_accept {
    int quality;   /* 0 to 1000; 0: not acceptable */
    int precision; /* of the range that says so: 0 none does, 1 any type, 2 any subtype, 3 this very type */
};

/* Looks through the value of one Accept field for what it says about `type`, "text/html", and updates
   `accept`, which begins as {0, 0}: the most precise range counts. Parameters of a range other than q are not
   looked at; elements that are malformed do not count. Pure. */
void http_accept_find(const char *field, const char *type, struct http_accept *accept);

/* The type that the request's Accept fields like best, by its number: first by quality, then by how precisely
   it is named, then by its place in `types`. Without a field, and if none is acceptable, the first. */
size_t http_accept_best(const struct ss_handler *h, const char *const *types, size_t count);

#endif
