/* SPDX-License-Identifier: MIT */
/* The directories that are watched; for watch.c. */
#ifndef HTTPSERVER_WATCH_TREE_H
#define HTTPSERVER_WATCH_TREE_H

#include <stdbool.h>
#include <stddef.h>

struct watched {
    int number; /* inotify's */
    char *path;
};

struct watch_tree {
    int inotify;
    bool hidden;  /* dotfiles count */
    bool partial; /* there are directories that are not watched */
    size_t count, room;
    struct watched *directories;
};

/* True for what nobody serves or looks at: a dotfile, or an editor's copy of what was there before. */
bool watch_ignores(const struct watch_tree *tree, const char *name);

/* Adds the directory of that path, and all below it. `found` is called with the path of each thing below it;
   NULL: it is not. 0 or -errno. */
int watch_tree_add(struct watch_tree *tree, const char *path, void (*found)(void *context, const char *path),
                   void *context);
/* Forgets the directory of that path and those below it: it was moved away. */
void watch_tree_remove(struct watch_tree *tree, const char *path);
/* Forgets one that has gone. */
void watch_tree_forget(struct watch_tree *tree, int number);
/* The path of a directory; NULL: it is not watched any more. */
const char *watch_tree_path(const struct watch_tree *tree, int number);
void watch_tree_close(struct watch_tree *tree);

#endif
