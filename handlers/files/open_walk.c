/* SPDX-License-Identifier: MIT */
/* Opens a name component by component, and lets the kernel follow no link, so that nobody who renames
   directories or changes links meanwhile can lead it out of the directory. Links are read, and their text is
   walked in turn. */
#include "files/open_beneath.h"
#include "http/error.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef O_PATH
#define O_WALK (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#else
#define O_WALK (O_RDONLY | O_NONBLOCK | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#endif

#ifndef AT_NO_AUTOMOUNT
#define AT_NO_AUTOMOUNT 0
#endif

enum { GO_ON = INT_MIN }; /* neither a descriptor nor an error */

struct walk {
    int root, fd; /* fd: the directory reached, root at first */
    int links;    /* followed so far */
    enum http_symlinks symlinks;
    size_t behind; /* bytes of the rest that are not the text of the last link */
    size_t size;
    char path[PATH_MAX]; /* from the root to fd: directories, a slash behind each */
    char rest[PATH_MAX]; /* what is to come */
};
static void close_directory(struct walk *w)
{
    if (w->fd != w->root)
        close(w->fd);
    w->fd = w->root;
}

/* Begins again at the root, with `front` (of that size) before `behind`, which is part of the rest. */
static int restart(struct walk *w, const char *front, size_t size, const char *behind)
{
    size_t more = strlen(behind) + 1;
    if (size + more > sizeof w->rest)
        return -ENAMETOOLONG;
    memmove(w->rest + size, behind, more);
    memcpy(w->rest, front, size);
    return GO_ON;
}

static int restart_at_root(struct walk *w, size_t size, const char *behind)
{
    w->size = 0;
    close_directory(w);
    return restart(w, w->path, size, behind);
}

/* 1 if the text up to `end` names the root, 0 if it does not, -errno if the system fails. */
static int is_root(const struct walk *w, const char *text, char *end)
{
    struct stat root, there;
    char saved = *end;
    *end = 0;
    bool known = fstatat(w->root, text, &there, AT_NO_AUTOMOUNT) == 0 && fstat(w->root, &root) == 0;
    int rc = -errno;
    *end = saved;
    if (!known)
        return http_errno_status(rc) < 500 ? 0 : rc;
    return there.st_dev == root.st_dev && there.st_ino == root.st_ino;
}

/* A link's text that is absolute, or has a ".." at the root, may come back: the longest part of it that
   names the root is dropped, and what follows is walked from there. Nothing outside is opened. What follows
   the link has no part in it: a link that leads outside is none that other names lead in again. */
static int come_back(struct walk *w, char *text)
{
    char *at = text, *back = NULL;
    while (*at) {
        at += *at == '/' ? strspn(at, "/") : strcspn(at, "/");
        int rc = strlen(at) >= w->behind ? is_root(w, text, at) : 0;
        if (rc < 0)
            return rc;
        back = rc ? at : back;
    }
    return back ? restart_at_root(w, 0, back) : -EXDEV;
}

/* ".." is not asked of the kernel, as the directory may have been moved: the path is walked again. */
static int go_up(struct walk *w, char *text)
{
    size_t size = w->size - 1;
    if (w->size == 0)
        return come_back(w, text);
    while (size > 0 && w->path[size - 1] != '/')
        size--;
    return restart_at_root(w, size, text + 2);
}

static int enter(struct walk *w, const char *name, size_t size, const char *behind)
{
    if (w->size + size + 1 > sizeof w->path)
        return -ENAMETOOLONG;
    int fd = (int)TEMP_FAILURE_RETRY(openat(w->fd, name, O_WALK));
    if (fd < 0)
        return -errno;
    close_directory(w);
    w->fd = fd;
    memcpy(w->path + w->size, name, size);
    w->path[w->size + size] = '/';
    w->size += size + 1;
    return restart(w, "", 0, behind);
}

static int follow(struct walk *w, const char *target, size_t size, const char *behind)
{
    if (w->symlinks == HTTP_SYMLINKS_NEVER || w->links++ == HTTP_OPEN_LINKS)
        return -ELOOP;
    w->behind = strlen(behind);
    if (restart(w, target, size, behind) != GO_ON)
        return -ENAMETOOLONG;
    return w->rest[0] == '/' ? come_back(w, w->rest) : GO_ON;
}

static int open_last(const struct walk *w, const char *name, int flags)
{
    int fd = (int)TEMP_FAILURE_RETRY(openat(w->fd, name, flags | O_NOFOLLOW | O_CLOEXEC));
    return fd >= 0 ? fd : -errno;
}

/* One component further. */
static int step(struct walk *w, int flags)
{
    char *name = w->rest + strspn(w->rest, "/");
    size_t size = strcspn(name, "/");
    const char *behind = name + size;
    char component[NAME_MAX + 1], target[PATH_MAX];
    if (size == 0)
        return open_last(w, ".", flags);
    if (size > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(component, name, size);
    component[size] = 0;
    if (strcmp(component, ".") == 0)
        return restart(w, "", 0, behind);
    if (strcmp(component, "..") == 0)
        return go_up(w, name);
    ssize_t n = readlinkat(w->fd, component, target, sizeof target);
    if (n >= 0)
        return follow(w, target, (size_t)n, behind);
    if (errno != EINVAL)
        return -errno;
    if (!behind[strspn(behind, "/")])
        return open_last(w, component, *behind == '/' ? flags | O_DIRECTORY : flags);
    return enter(w, component, size, behind);
}

int http_open_walk(int root, const char *name, int flags, enum http_symlinks symlinks)
{
    struct walk w;
    int rc;
    w.root = w.fd = root;
    w.links = 0;
    w.symlinks = symlinks;
    w.size = 0;
    w.behind = SIZE_MAX; /* no link yet */
    if (name[0] == '/')
        return -EXDEV;
    if (snprintf(w.rest, sizeof w.rest, "%s", name) >= (int)sizeof w.rest)
        return -ENAMETOOLONG;
    do
        rc = step(&w, flags);
    while (rc == GO_ON);
    close_directory(&w);
    return rc;
}
