/* SPDX-License-Identifier: MIT */
/* A user, and what a request says about one. */
#ifndef REST_USER_H
#define REST_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NAME, EMAIL, PHONE, FIELDS };
enum { LONGEST = 254 /* bytes of a field */, FINDINGS = 8 /* that are told at once */, DEPTH = 8 };

struct user {
    int64_t id, version;
    char text[FIELDS][LONGEST + 1]; /* "": there is none */
};

/* What a request wants a user to be, or in a PATCH only what is to change. */
struct change {
    bool given[FIELDS];
    char text[FIELDS][LONGEST + 1]; /* "": it is to go */
    int64_t id;                     /* 0: not given */
};

/* What is wrong with a request: all of it at once, or `malformed` alone. */
struct findings {
    char malformed[100];
    int count;
    struct {
        char where[100]; /* a JSON pointer (RFC 6901) as a fragment */
        const char *what;
    } of[FINDINGS];
};

void findings_add(struct findings *findings, const char *member, const char *what);

/* Reads a JSON object. `text` has a NUL behind its `size` bytes. Returns true when nothing was found. */
bool change_read(const char *text, size_t size, struct change *change, struct findings *findings);

/* Makes of `user` what the change wants: a JSON merge patch (RFC 7396). With `whole` the change tells all
   that there is to be, and what is not given goes. Returns true when nothing was found. */
bool change_apply(const struct change *change, bool whole, struct user *user, struct findings *findings);

/* All in one text, which free(3) takes back; NULL: no memory. `next` and `findings` may be NULL. */
char *user_as_json(const struct user *user);
char *users_as_json(const struct user *users, int count, const char *next);
char *problem_as_json(int status, const char *title, const char *detail, const struct findings *findings);

#endif
