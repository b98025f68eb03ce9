/* SPDX-License-Identifier: MIT */
/* Which directories are watched. inotify knows a directory by number and does not look below it; so all of
   them are listed here, with their paths. */
#include "httpserver/watch_tree.h"
#include "httpserver/watch.h"
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

/* What a change is. Not IN_MODIFY: who writes piece by piece is asked again when it has closed the file, and
   a log that stays open would tell of each of the requests that it makes browsers send. */
enum {
    EVENTS =
        IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR | IN_EXCL_UNLINK
};

bool watch_ignores(const struct watch_tree *tree, const char *name)
{
    size_t size = strlen(name);
    return (name[0] == '.' && !tree->hidden) || (size > 0 && name[size - 1] == '~');
}

static struct watched *find_watched(const struct watch_tree *tree, int number)
{
    for (size_t i = 0; i < tree->count; i++)
        if (tree->directories[i].number == number)
            return &tree->directories[i];
    return NULL;
}

const char *watch_tree_path(const struct watch_tree *tree, int number)
{
    const struct watched *found = find_watched(tree, number);
    return found ? found->path : NULL;
}

static void drop(struct watch_tree *tree, struct watched *directory)
{
    free(directory->path);
    *directory = tree->directories[--tree->count];
}

void watch_tree_forget(struct watch_tree *tree, int number)
{
    struct watched *found = find_watched(tree, number);
    if (found)
        drop(tree, found);
}

static bool is_below(const char *path, const char *directory)
{
    size_t size = strlen(directory);
    return strncmp(path, directory, size) == 0 && (path[size] == '/' || !path[size]);
}

void watch_tree_remove(struct watch_tree *tree, const char *path)
{
    for (size_t i = tree->count; i-- > 0;) {
        struct watched *directory = &tree->directories[i];
        if (!is_below(directory->path, path))
            continue;
        inotify_rm_watch(tree->inotify, directory->number);
        drop(tree, directory);
    }
}

static int make_room_in_tree(struct watch_tree *tree)
{
    size_t room = tree->room ? 2 * tree->room : 64;
    if (tree->count < tree->room)
        return 0;
    struct watched *larger = reallocarray(tree->directories, room, sizeof *larger);
    if (!larger)
        return -ENOMEM;
    tree->directories = larger;
    tree->room = room;
    return 0;
}

/* One that has been watched under another path is watched under this one. */
static int keep_watched(struct watch_tree *tree, int number, const char *path)
{
    struct watched *known = find_watched(tree, number);
    char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    if (known)
        free(known->path);
    else
        known = &tree->directories[tree->count++];
    known->number = number;
    known->path = copy;
    return 0;
}

/* True if a directory is not watched for this reason, and all is well. */
static bool may_be_left(int error)
{
    return error == ENOENT || error == ENOTDIR || error == EACCES;
}

/* A directory that has gone by now, or may not be read, is not watched; nor is one too many. */
static int add_one(struct watch_tree *tree, const char *path)
{
    int number = -1, rc = make_room_in_tree(tree);
    if (rc < 0)
        return rc;
    if (tree->count < WATCH_DIRECTORIES)
        number = inotify_add_watch(tree->inotify, path, EVENTS);
    if (number >= 0)
        return keep_watched(tree, number, path);
    if (tree->count == WATCH_DIRECTORIES || errno == ENOSPC)
        tree->partial = true;
    else if (!may_be_left(errno))
        return -errno;
    return 0;
}

/* What fts(3) has come to. */
static int take_entry(struct watch_tree *tree, const FTSENT *entry)
{
    bool failed = entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS;
    if (entry->fts_info == FTS_D)
        return add_one(tree, entry->fts_path);
    return failed && !may_be_left(entry->fts_errno) ? -entry->fts_errno : 0;
}

int watch_tree_add(struct watch_tree *tree, const char *path, void (*found)(void *context, const char *path),
                   void *context)
{
    char *const paths[] = {(char *)(uintptr_t)path, NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
    FTSENT *entry = NULL;
    int rc = walk ? 0 : -errno;
    while (rc == 0 && (errno = 0, entry = fts_read(walk))) {
        bool below = entry->fts_level > 0, ignored = below && watch_ignores(tree, entry->fts_name);
        if (ignored)
            fts_set(walk, entry, FTS_SKIP);
        else
            rc = take_entry(tree, entry);
        if (below && !ignored && found && entry->fts_info != FTS_DP)
            found(context, entry->fts_path);
    }
    if (rc == 0 && walk && !entry)
        rc = -errno;
    if (walk)
        fts_close(walk);
    return rc;
}

void watch_tree_close(struct watch_tree *tree)
{
    while (tree->count > 0)
        drop(tree, &tree->directories[tree->count - 1]);
    free(tree->directories);
}
