/* SPDX-License-Identifier: MIT */
/* Becoming another user, for --user. */
#ifndef HTTPSERVER_USER_H
#define HTTPSERVER_USER_H

#include <sys/types.h>

struct user {
    const char *name; /* NULL: none was said */
    uid_t uid;
    gid_t gid;
};

/* Reads "NAME", "NAME:GROUP" or numbers in the place of either. Returns NULL, or what is wrong with it. */
const char *user_read(const char *text, struct user *user);
/* For good: the groups, too, are those of the new user. 0 or -errno. */
int user_become(const struct user *user);

#endif
