/* SPDX-License-Identifier: MIT */
/* The users of a struct http_auth. */
#ifndef ACCESS_USERS_H
#define ACCESS_USERS_H

#include "access/attempts.h"

struct http_user {
    struct http_tag name, password; /* password: where there is no hash */
    char *hash;
};

struct http_auth {
    struct http_key key;
    struct http_attempts *attempts;
    char *challenge; /* what WWW-Authenticate says */
    struct http_user *users;
    size_t count, room;
};

/* The user of that name; NULL: there is none. Takes the same time in both cases. */
const struct http_user *http_auth_find(const struct http_auth *auth, const char *name);
/* A hash that is made where a name or a password is wrong, so that it takes as long as if they were right;
   NULL: there are no users with hashes. */
const char *http_auth_any_hash(const struct http_auth *auth);

#endif
