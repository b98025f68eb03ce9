/* SPDX-License-Identifier: MIT */
/* Tells what is changed below a directory: by inotify(7), so on the file systems of this machine. */
#ifndef HTTPSERVER_WATCH_H
#define HTTPSERVER_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATCH_DIRECTORIES 8192 /* the most that are watched; what is in others is not seen */
#define WATCH_CHANGES 64       /* the most that are told one by one */
#define WATCH_QUIET 80         /* ms without a change after which those before are told ... */
#define WATCH_LONGEST 1000     /* ... and ms after which they are told in any case */

struct watch;

/* What was changed. The names are below the directory, without a slash in front. */
struct watch_changes {
    size_t count;
    const char *names[WATCH_CHANGES];
    bool others;      /* and there is more that was changed than these */
    uint64_t noticed; /* ms, as ss_now counts: nothing of it was changed later */
};

/* Begins to watch a directory and those below it; of dotfiles only if `hidden`. Returns 0 and stores a watch
   for watch_close, or -errno. */
int watch_open(const char *directory, bool hidden, struct watch **watch);

/* Waits for changes, and until they have come to rest: editors make several of one, and other files that they
   remove again. Stores them; they live until the next call. Returns 1; 0 when `stop` can be read; or -errno:
   then something may have been missed, and the next call begins with looking at all directories anew. */
int watch_next(struct watch *watch, int stop, struct watch_changes *changes);

/* What was told last has not arrived: the next call tells of it again, as anything. */
void watch_repeat(struct watch *watch);

/* True, once, when some directories are not watched, because there are too many or the system allows no more.
 */
bool watch_is_partial(struct watch *watch);

void watch_close(struct watch *watch);

#endif
