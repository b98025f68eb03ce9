/* SPDX-License-Identifier: MIT */
/* From inotify's events to changes that are worth telling. */
#include "httpserver/watch.h"
#include "httpserver/watch_tree.h"
#include "socketserver.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

struct change {
    char *path;
    bool made; /* it was not there before */
};

struct watch {
    struct watch_tree tree;
    char *directory;
    struct change changes[WATCH_CHANGES];
    size_t count;
    bool others;
    bool failed;      /* and so what is watched is not known */
    uint64_t noticed; /* when events were taken last */
    bool told_partial;
    _Alignas(struct inotify_event) char events[16 * 1024];
};

static void forget(struct watch *w)
{
    while (w->count > 0)
        free(w->changes[--w->count].path);
    w->others = false;
}

static bool is_noted(const struct watch *w, const char *path)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->changes[i].path, path) == 0)
            return true;
    return false;
}

static void note_path(struct watch *w, const char *path, bool made)
{
    if (is_noted(w, path))
        return;
    char *copy = w->count < WATCH_CHANGES ? strdup(path) : NULL;
    if (copy)
        w->changes[w->count++] = (struct change){copy, made};
    else
        w->others = true;
}

static void note_file(void *watch, const char *path)
{
    note_path(watch, path, true);
}

/* ---------------------------------------------------------------- events */

/* Something was missed, as when the kernel has had no room for all events: looks at everything anew. */
static int look_anew(struct watch *w)
{
    w->others = true;
    return watch_tree_add(&w->tree, w->directory, NULL, NULL);
}

static int take_directory(struct watch *w, const char *path, uint32_t what)
{
    if (what & IN_MOVED_FROM)
        watch_tree_remove(&w->tree, path);
    return what & (IN_CREATE | IN_MOVED_TO) ? watch_tree_add(&w->tree, path, note_file, w) : 0;
}

static int take_event(struct watch *w, const struct inotify_event *event)
{
    char path[PATH_MAX];
    const char *directory = watch_tree_path(&w->tree, event->wd);
    if (event->mask & IN_Q_OVERFLOW)
        return look_anew(w);
    if (event->mask & IN_IGNORED)
        watch_tree_forget(&w->tree, event->wd);
    if (!directory || event->len == 0 || watch_ignores(&w->tree, event->name) ||
        snprintf(path, sizeof path, "%s/%s", directory, event->name) >= (int)sizeof path)
        return 0;
    note_path(w, path, event->mask & (IN_CREATE | IN_MOVED_TO));
    return event->mask & IN_ISDIR ? take_directory(w, path, event->mask) : 0;
}

static int take_events(struct watch *w)
{
    const struct inotify_event *event;
    ssize_t size = read(w->tree.inotify, w->events, sizeof w->events);
    int rc = size < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;
    for (char *at = w->events; rc == 0 && at < w->events + size; at += sizeof *event + event->len) {
        event = (const void *)at;
        rc = take_event(w, event);
    }
    return rc;
}

/* ---------------------------------------------------------------- changes */

/* 1: there are events; 0: none for so long; -ECANCELED: `stop` can be read. */
static int await_events(struct watch *w, int stop, int ms)
{
    struct pollfd fds[] = {{.fd = stop, .events = POLLIN}, {.fd = w->tree.inotify, .events = POLLIN}};
    int n = poll(fds, 2, ms);
    if (n < 0)
        return errno == EINTR ? 1 : -errno; /* read finds that there are none */
    return fds[0].revents ? -ECANCELED : n > 0;
}

/* Takes events until there have been none for a moment. */
static int collect_changes(struct watch *w, int stop)
{
    int rc = w->failed ? look_anew(w) : 0;
    if (rc == 0)
        rc = await_events(w, stop, w->failed ? WATCH_QUIET : -1);
    uint64_t end = ss_now() + WATCH_LONGEST;
    w->noticed = ss_now();
    while (rc > 0 && ss_now() < end) {
        rc = take_events(w);
        w->noticed = ss_now();
        if (rc == 0)
            rc = await_events(w, stop, WATCH_QUIET);
    }
    w->failed = rc < 0;
    return rc < 0 ? rc : 0;
}

static bool has_gone(const char *path)
{
    struct stat status;
    return lstat(path, &status) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* What was made and has gone again was an editor's. */
static void list_changes(const struct watch *w, struct watch_changes *changes)
{
    changes->count = 0;
    changes->others = w->others;
    changes->noticed = w->noticed;
    for (size_t i = 0; i < w->count; i++) {
        const char *name = w->changes[i].path + strlen(w->directory);
        if (!w->changes[i].made || !has_gone(w->changes[i].path))
            changes->names[changes->count++] = name + strspn(name, "/");
    }
}

int watch_next(struct watch *w, int stop, struct watch_changes *changes)
{
    int rc;
    do {
        forget(w);
        rc = collect_changes(w, stop);
        list_changes(w, changes);
    } while (rc == 0 && changes->count == 0 && !changes->others);
    return rc == -ECANCELED ? 0 : rc < 0 ? rc : 1;
}

void watch_repeat(struct watch *w)
{
    w->failed = true;
}

bool watch_is_partial(struct watch *w)
{
    bool news = w->tree.partial && !w->told_partial;
    w->told_partial |= news;
    return news;
}

/* ---------------------------------------------------------------- beginning and end */

int watch_open(const char *directory, bool hidden, struct watch **watch)
{
    struct watch *w = calloc(1, sizeof *w);
    if (!w)
        return -ENOMEM;
    w->tree.hidden = hidden;
    w->tree.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    int rc = w->tree.inotify < 0 ? -errno : 0;
    if (rc == 0 && !(w->directory = strdup(directory)))
        rc = -ENOMEM;
    if (rc == 0)
        rc = watch_tree_add(&w->tree, directory, NULL, NULL);
    if (rc == 0)
        *watch = w;
    else
        watch_close(w);
    return rc;
}

void watch_close(struct watch *w)
{
    forget(w);
    watch_tree_close(&w->tree);
    if (w->tree.inotify >= 0)
        close(w->tree.inotify);
    free(w->directory);
    free(w);
}
