/* SPDX-License-Identifier: MIT */
/* What all threads and processes of a server know together: whose attempts have failed, which passwords were
   right, and how many are being hashed. Atomic variables and no locks: a process that is killed leaves
   nothing locked. */
#ifndef ACCESS_ATTEMPTS_H
#define ACCESS_ATTEMPTS_H

#include "access/keyed_hash.h"

struct http_attempts;

/* Made before there are further processes. 0 or -errno. */
int http_attempts_make(struct http_attempts **attempts);
void http_attempts_free(struct http_attempts *attempts);

/* Counts an attempt of this client, before it is known whether it fails, so that many at the same time count,
   too. `client` is not 0; `now` is ss_now's. Returns 0; or in how many milliseconds it may try again, and
   then nothing is counted. */
unsigned http_attempts_begin(struct http_attempts *attempts, uint64_t client, uint64_t now);
/* It has not failed. */
void http_attempts_forgive(struct http_attempts *attempts, uint64_t client);

/* Was this found to be right a while ago? */
bool http_attempts_knows(struct http_attempts *attempts, struct http_tag tag, uint64_t now);
void http_attempts_learn(struct http_attempts *attempts, struct http_tag tag, uint64_t now);

/* Waits for a place among those that hash, and gives it back. -EAGAIN: there was none for ten seconds. */
int http_attempts_enter(struct http_attempts *attempts);
void http_attempts_leave(struct http_attempts *attempts, int place);

#endif
