/* SPDX-License-Identifier: MIT */
/* Reads Forwarded (RFC 7239) and X-Forwarded-For. Pure functions. */
#ifndef PROXY_FORWARDED_H
#define PROXY_FORWARDED_H

#include "http_server.h"

enum { FORWARDED_HOST = 256 };

/* What one proxy says. */
struct forwarded {
    struct ss_address client;  /* length 0: it does not say who, or has a name of its own for it */
    char scheme[6];            /* "http", "https", or "" */
    char host[FORWARDED_HOST]; /* an authority, or "" */
};

/* Reads an address as these fields have it: 192.0.2.7, 192.0.2.7:80, 2001:db8::7, [2001:db8::7],
   [2001:db8::7]:80, or "unknown" and names that begin with an underscore, for which the length is 0. False:
   it is none of them. */
bool forwarded_address(const char *text, size_t size, struct ss_address *address);

/* Steps through the value of a Forwarded field: reads the next element, and moves *list behind it. 1:
   `element` is filled in; 0: there are no more; -EPROTO: it is malformed. */
int forwarded_next(const char **list, struct forwarded *element);

/* Reads "http" or "https" in any case. */
bool forwarded_scheme(const char *text, size_t size, char scheme[6]);

#endif
