/* SPDX-License-Identifier: MIT */
#include "smtp_sink/maildir.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static const uint64_t min_free = 64 << 20; /* bytes that are left on the disk for others */

static int tmp = -1, new = -1; /* the two directories */
static char host[65] = "localhost";
static atomic_uint number;

/* ---------------------------------------------------------------- the directories */

static int open_directory(int parent, const char *name)
{
    if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
        return -errno;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* In a name of a file in a Maildir these two would mean something. */
static void find_host(void)
{
    if (gethostname(host, sizeof host - 1) < 0 || !*host)
        strcpy(host, "localhost");
    for (char *c = host; *c; c++)
        if (*c == '/' || *c == ':' || *c <= ' ')
            *c = '_';
}

int maildir_begin(const char *path)
{
    int parent = open_directory(AT_FDCWD, path), rc = parent;
    if (rc >= 0)
        rc = tmp = open_directory(parent, "tmp");
    if (rc >= 0)
        rc = new = open_directory(parent, "new");
    if (rc >= 0)
        rc = open_directory(parent, "cur"); /* whoever reads the mail moves it there */
    if (rc >= 0)
        close(rc);
    if (parent >= 0)
        close(parent);
    if (rc >= 0 && faccessat(new, ".", W_OK | X_OK, 0) < 0)
        rc = -errno;
    if (rc < 0)
        fprintf(stderr, "smtp_sink: %s: %s; name a directory that can be written to\n", path, strerror(-rc));
    find_host();
    return rc < 0 ? rc : 0;
}

void maildir_end(void)
{
    if (tmp >= 0)
        close(tmp);
    if (new >= 0)
        close(new);
    tmp = new = -1;
}

/* ---------------------------------------------------------------- a message */

/* The number tells threads apart, the process and the time all others; and who has the name in tmp/ already
   keeps it. */
static int open_file(struct delivery *d)
{
    struct timespec now;
    struct statvfs disk;
    if (fstatvfs(tmp, &disk) == 0 && (uint64_t)disk.f_bavail * disk.f_frsize < min_free)
        return -ENOSPC;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(d->name, sizeof d->name, "%lld.M%06ldP%dQ%u.%s", (long long)now.tv_sec, now.tv_nsec / 1000,
             (int)getpid(), number++, host);
    d->fd = openat(tmp, d->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return d->fd < 0 ? -errno : 0;
}

int delivery_write(void *delivery)
{
    struct delivery *d = delivery;
    int rc = d->fd < 0 ? open_file(d) : 0;
    for (size_t done = 0; rc == 0 && done < d->used;) {
        ssize_t n = write(d->fd, d->piece + done, d->used - done);
        if (n < 0 && errno != EINTR)
            rc = -errno;
        else if (n > 0)
            done += (size_t)n;
    }
    d->used = 0;
    return rc;
}

/* Gives the message its place. The number of its file is in its last name: no other file that is there has
   it, so this one replaces none. */
static int publish(struct delivery *d)
{
    struct stat status;
    char name[FILE_NAME];
    const char *rest = strchr(d->name, 'P');
    if (fstat(d->fd, &status) < 0)
        return -errno;
    int size = snprintf(name, sizeof name, "%.*sI%llx%s", (int)(rest - d->name), d->name,
                        (unsigned long long)status.st_ino, rest);
    if (size >= (int)sizeof name)
        return -ENAMETOOLONG;
    if (renameat(tmp, d->name, new, name) < 0)
        return -errno;
    memcpy(d->name, name, sizeof name);
    return fsync(new) < 0 ? -errno : 0;
}

int delivery_finish(void *delivery)
{
    struct delivery *d = delivery;
    int rc = delivery_write(d);
    if (rc == 0 && fsync(d->fd) < 0)
        rc = -errno;
    if (rc == 0)
        rc = publish(d);
    if (rc < 0)
        (void)delivery_undo(d);
    else if (close(d->fd) < 0)
        rc = -errno;
    d->fd = -1;
    return rc;
}

int delivery_undo(void *delivery)
{
    struct delivery *d = delivery;
    if (d->fd >= 0) {
        (void)unlinkat(tmp, d->name, 0);
        close(d->fd);
    }
    d->fd = -1;
    return 0;
}
