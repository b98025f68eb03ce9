/* SPDX-License-Identifier: MIT */
/* Keys that clients watch, so that their transactions fail when one was changed. All of it with the store's
 * lock. */
#ifndef KVSTORE_WATCH_H
#define KVSTORE_WATCH_H

#include "kvstore/text.h"

enum { WATCHES = 256 /* keys of a client */, ALL_WATCHES = 65536 /* of all together */ };

struct watched;
/* What one client watches. All zero: nothing. */
struct watcher {
    struct watched *first;
    unsigned count;
    bool touched; /* a key was changed */
};

/* 0, also when it watches the key already; -ENOBUFS: a limit is reached; -ENOMEM. */
int watch_add(struct watcher *watcher, struct text key, uint64_t hash);
void watch_end(struct watcher *watcher);
/* Calls `each` for the keys. */
void watch_each(const struct watcher *watcher, void (*each)(struct text key, uint64_t hash));
/* A key was changed: tells those who watch it. */
void watch_touch(struct text key, uint64_t hash);
/* Every key that is there, as `exists` says, is about to be deleted. */
void watch_touch_all(bool (*exists)(struct text key, uint64_t hash));

#endif
