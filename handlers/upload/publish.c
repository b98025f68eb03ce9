/* SPDX-License-Identifier: MIT */
/* Gives a file that was received its name, or says why it cannot have it. */
#include "files/cache.h"
#include "upload/upload.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_NUMBER = 1000, LOCK_TIME = 5000 /* ms */ };

/* ---------------------------------------------------------------- who gives names */

static int try_lock(int directory, bool *shared)
{
    *shared = false;
    if (flock(directory, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK || errno == EINTR)
        return -EAGAIN;
    *shared = true; /* the file system has no locks */
    return http_naming_try_lock();
}

/* Locks the directory against all threads, processes and other servers of this kind that give names in it. It
   tries again and again instead of waiting, so that somebody who never unlocks it does not stop everybody. */
static int lock_directory(int directory, bool *shared)
{
    uint64_t end = ss_now() + LOCK_TIME;
    int rc;
    while ((rc = try_lock(directory, shared)) == -EAGAIN && ss_now() < end)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return rc < 0 ? -EAGAIN : 0;
}

/* Closing the descriptor would not unlock it: a process that was forked meanwhile has it, too. */
static void unlock_directory(int directory, bool shared)
{
    if (shared)
        http_naming_unlock();
    else
        (void)flock(directory, LOCK_UN);
}

/* ---------------------------------------------------------------- what is there */

/* Stores the status of `name`. 1: it is there; 0: it is not; -errno: that is not known. */
static int look_up(int directory, const char *name, int flags, struct stat *status)
{
    if (fstatat(directory, name, status, flags) == 0)
        return 1;
    return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

/* Checks that the file is still the one that was seen. It may have been seen through a link; and a link that
   is not followed was seen as nothing. */
static int check_seen(int directory, const char *name, const struct http_seen *seen)
{
    struct stat now;
    int rc = look_up(directory, name, seen->exists ? 0 : AT_SYMLINK_NOFOLLOW, &now);
    if (rc < 0)
        return rc;
    if (seen->exists)
        return rc == 1 && http_file_is_same(&now, &seen->status) ? 0 : -ESTALE;
    return rc == 1 && S_ISREG(now.st_mode) ? -ESTALE : 0;
}

/* The file that `name` is a compressed form of, and would be sent for. As look_up. */
static int look_for_original(int directory, const char *name, char original[NAME_MAX + 1],
                             struct stat *status)
{
    size_t size = strlen(name) - http_sibling_ending(name);
    if (!name[size])
        return 0;
    memcpy(original, name, size);
    original[size] = 0;
    int rc = look_up(directory, original, 0, status);
    return rc == 1 && !S_ISREG(status->st_mode) ? 0 : rc;
}

static int link_new(struct http_upload *upload, int directory, const char *name, bool siblings)
{
    char original[NAME_MAX + 1];
    struct stat status;
    int rc = siblings ? look_for_original(directory, name, original, &status) : 0;
    return rc == 0 ? http_upload_link(upload, directory, name) : rc < 0 ? rc : -EEXIST;
}

static int check_writable(int directory, const char *name)
{
    return faccessat(directory, name, W_OK, AT_EACCESS) < 0 ? -errno : 0;
}

/* Looks for the file that is to be replaced. One that may not be written to is not replaced either, though
   its directory would allow it. 1: `old` is its status; 0: there is none; -errno. */
static int look_for_old(int directory, const struct http_publishing *p, struct stat *old)
{
    char original[NAME_MAX + 1];
    int rc = p->siblings ? look_for_original(directory, p->name, original, old) : 0;
    if (rc == 1)
        rc = check_writable(directory, original);
    if (rc < 0 || (rc = look_up(directory, p->name, AT_SYMLINK_NOFOLLOW, old)) <= 0 || S_ISLNK(old->st_mode))
        return rc < 0 ? rc : 0;
    if (!S_ISREG(old->st_mode))
        return S_ISDIR(old->st_mode) ? -EISDIR : -EEXIST;
    rc = check_writable(directory, p->name);
    return rc < 0 ? rc : 1;
}

int http_upload_look(int directory, const struct http_publishing *p)
{
    char original[NAME_MAX + 1];
    struct stat status;
    if (p->how == HTTP_DUPLICATE_RENAME)
        return 0;
    int rc = p->how == HTTP_DUPLICATE_OVERWRITE ? look_for_old(directory, p, &status)
                                                : look_up(directory, p->name, AT_SYMLINK_NOFOLLOW, &status);
    if (p->how == HTTP_DUPLICATE_OVERWRITE)
        return rc < 0 ? rc : 0;
    if (rc == 0 && p->siblings)
        rc = look_for_original(directory, p->name, original, &status);
    return rc == 1 ? -EEXIST : rc;
}

/* ---------------------------------------------------------------- publishing */

static int overwrite(struct http_upload *upload, int directory, struct http_publishing *p)
{
    struct stat old;
    int rc = look_for_old(directory, p, &old);
    if (rc == 1)
        rc = http_upload_give_mode(upload->fd, old.st_mode);
    if (rc < 0 || (rc = http_upload_link(upload, directory, p->name)) != -EEXIST)
        return rc;
    rc = http_upload_replace(upload, directory, p->name);
    p->replaced = rc == 0;
    return rc;
}

static int give_name(struct http_upload *upload, int directory, struct http_publishing *p)
{
    char original[NAME_MAX + 1];
    if (p->how == HTTP_DUPLICATE_OVERWRITE)
        return overwrite(upload, directory, p);
    int rc = link_new(upload, directory, p->name, p->siblings);
    if (p->how == HTTP_DUPLICATE_ERROR)
        return rc;
    strcpy(original, p->name);
    for (unsigned i = 1; rc == -EEXIST && i <= MAX_NUMBER; i++) {
        http_number_name(original, i, p->name);
        rc = link_new(upload, directory, p->name, p->siblings);
    }
    return rc;
}

int http_upload_publish(struct http_upload *upload, int directory, struct http_publishing *p)
{
    bool shared;
    int rc = http_upload_sync(upload->fd);
    p->replaced = false;
    if (rc < 0 || (rc = lock_directory(directory, &shared)) < 0)
        return rc;
    if (p->seen)
        rc = check_seen(directory, p->name, p->seen);
    if (rc == 0)
        rc = give_name(upload, directory, p);
    unlock_directory(directory, shared);
    if (rc < 0)
        return rc;
    /* the file has its name, whether or not these succeed */
    (void)http_upload_sync(directory);
    if (fstat(upload->fd, &p->status) < 0)
        p->status = (struct stat){0};
    return 0;
}
