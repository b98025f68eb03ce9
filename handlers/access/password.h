/* SPDX-License-Identifier: MIT */
/* Hashes of passwords, as libcrypt makes them. */
#ifndef ACCESS_PASSWORD_H
#define ACCESS_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

/* True if this may be a hash that crypt(3) has made. */
bool http_is_hash(const char *text);
/* Hashes a password in the way, and with the salt, of a `hash` that there is, into `result`, of `size` bytes.
   0 or -errno. Takes long. */
int http_hash_like(const char *password, const char *hash, char *result, size_t size);

#endif
