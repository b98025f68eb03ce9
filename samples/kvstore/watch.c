/* SPDX-License-Identifier: MIT */
#include "kvstore/watch.h"
#include <errno.h>
#include <stdlib.h>

enum { BUCKETS = 4096 };

struct watched {
    struct watched *next, **link; /* those in the same bucket, and what points to this one */
    struct watched *of_client;
    struct watcher *watcher;
    uint64_t hash;
    uint32_t size;
    char key[];
};

static struct watched *buckets[BUCKETS];
static unsigned all;

static bool is_key(const struct watched *watched, struct text key, uint64_t hash)
{
    return watched->hash == hash && text_is((struct text){watched->key, watched->size}, key);
}

int watch_add(struct watcher *watcher, struct text key, uint64_t hash)
{
    for (struct watched *w = watcher->first; w; w = w->of_client)
        if (is_key(w, key, hash))
            return 0;
    if (watcher->count == WATCHES || all == ALL_WATCHES)
        return -ENOBUFS;
    struct watched *w = malloc(sizeof *w + key.size), **bucket = &buckets[hash % BUCKETS];
    if (!w)
        return -ENOMEM;
    *w = (struct watched){.next = *bucket,
                          .link = bucket,
                          .of_client = watcher->first,
                          .watcher = watcher,
                          .hash = hash,
                          .size = (uint32_t)key.size};
    memcpy(w->key, key.data, key.size);
    if (w->next)
        w->next->link = &w->next;
    *bucket = watcher->first = w;
    watcher->count++;
    all++;
    return 0;
}

void watch_end(struct watcher *watcher)
{
    for (struct watched *w = watcher->first, *next; w; w = next) {
        next = w->of_client;
        *w->link = w->next;
        if (w->next)
            w->next->link = w->link;
        free(w);
        all--;
    }
    *watcher = (struct watcher){0};
}

void watch_each(const struct watcher *watcher, void (*each)(struct text key, uint64_t hash))
{
    for (const struct watched *w = watcher->first; w; w = w->of_client)
        each((struct text){w->key, w->size}, w->hash);
}

void watch_touch(struct text key, uint64_t hash)
{
    if (!all)
        return;
    for (struct watched *w = buckets[hash % BUCKETS]; w; w = w->next)
        if (is_key(w, key, hash))
            w->watcher->touched = true;
}

void watch_touch_all(bool (*exists)(struct text key, uint64_t hash))
{
    for (size_t i = 0; all && i < BUCKETS; i++)
        for (struct watched *w = buckets[i]; w; w = w->next)
            if (exists((struct text){w->key, w->size}, w->hash))
                w->watcher->touched = true;
}
