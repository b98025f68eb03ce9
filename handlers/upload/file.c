/* SPDX-License-Identifier: MIT */
/* A file that is received: it has no name yet, or a hidden one. */
#include "upload/upload.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    MODE = 0666,
    ATTEMPTS = 100,    /* at calls that signals interrupt */
    STEP = 1024 * 1024 /* bytes between two looks at the room that is left */
};
#define SMALL ((uint64_t)1 << 30)
#define LEFT ((uint64_t)64 << 20)

/* ---------------------------------------------------------------- beginning */

static int open_retrying(int directory, const char *name, int flags)
{
    int fd = -1;
    for (int i = 0; fd < 0 && i < ATTEMPTS && (i == 0 || errno == EINTR); i++)
        fd = openat(directory, name, flags | O_CLOEXEC, MODE);
    return fd >= 0 ? fd : -errno;
}

/* 0 if the part is still there after it was locked; -EAGAIN: between the two, another server that was
   starting has removed it as left over; -errno. */
static int hold(int fd)
{
    struct stat status;
    (void)!flock(fd, LOCK_EX | LOCK_NB); /* without locks nobody removes anything */
    if (fstat(fd, &status) < 0)
        return -errno;
    return status.st_nlink > 0 ? 0 : -EAGAIN;
}

static int open_part(int directory, char name[HTTP_PART_SIZE])
{
    int rc = http_part_choose(name);
    int fd = rc == 0 ? open_retrying(directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW) : rc;
    if (fd < 0 || (rc = hold(fd)) == 0)
        return fd;
    unlinkat(directory, name, 0);
    close(fd);
    return rc;
}

int http_upload_begin_named(struct http_upload *upload, int directory)
{
    int rc = -EAGAIN;
    *upload = (struct http_upload){.directory = fcntl(directory, F_DUPFD_CLOEXEC, 0)};
    if (upload->directory < 0)
        return -errno;
    for (int i = 0; rc == -EAGAIN && i < ATTEMPTS; i++)
        rc = open_part(directory, upload->temporary);
    upload->fd = rc;
    if (rc < 0)
        close(upload->directory);
    return rc < 0 ? rc : 0;
}

int http_upload_begin(struct http_upload *upload, int directory)
{
    /* without /proc it would never have a name */
    int fd = access("/proc/self/fd", X_OK) == 0 ? open_retrying(directory, ".", O_TMPFILE | O_RDWR) : -ENOENT;
    *upload = (struct http_upload){.fd = fd, .directory = -1};
    return fd >= 0 ? 0 : http_upload_begin_named(upload, directory);
}

/* ---------------------------------------------------------------- room */

/* The room to be left if min_free does not say: none on a small file system, which may be there to be
   filled. */
static uint64_t wanted_free(const struct statvfs *fs, int64_t min_free)
{
    if (min_free != 0)
        return min_free > 0 ? (uint64_t)min_free : 0;
    return (uint64_t)fs->f_blocks * fs->f_frsize < SMALL ? 0 : LEFT;
}

int http_upload_room(int fd, int64_t size, int64_t min_free)
{
    struct statvfs fs;
    if (fstatvfs(fd, &fs) < 0 || fs.f_blocks == 0) /* the file system does not know */
        return 0;
    uint64_t available = (uint64_t)fs.f_bavail * fs.f_frsize, wanted = wanted_free(&fs, min_free);
    return available >= wanted && available - wanted >= (uint64_t)size ? 0 : -ENOSPC;
}

/* EFBIG says that the process or the file system allows no larger file; to the client that is a lack of room,
   not a limit of its own. */
static int room_error(int error)
{
    return error == EFBIG ? -ENOSPC : -error;
}

/* posix_fallocate would write the whole file where the file system cannot reserve room. */
static int allocate(int fd, int64_t size)
{
    int rc = -1;
    for (int i = 0; rc < 0 && i < ATTEMPTS && (i == 0 || errno == EINTR); i++)
        rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, size);
    return rc == 0 ? 0 : room_error(errno);
}

/* The room that is left is checked again afterwards, since others may have reserved theirs in between. */
int http_upload_reserve(struct http_upload *upload, int64_t size, int64_t min_free)
{
    upload->min_free = min_free;
    int rc = http_upload_room(upload->fd, size > 0 ? size : 0, min_free);
    if (rc < 0 || size <= 0)
        return rc;
    rc = allocate(upload->fd, size);
    if (rc == -ENOSPC || rc == -EDQUOT)
        return rc;
    if (rc == 0)
        upload->reserved = size;
    return rc == 0 ? http_upload_room(upload->fd, 0, min_free) : 0;
}

/* ---------------------------------------------------------------- content */

int http_upload_write(struct http_upload *upload, const void *data, size_t size)
{
    const char *from = data;
    if (upload->size + (int64_t)size > upload->reserved) {
        if (http_upload_room(upload->fd, (int64_t)size, upload->min_free) < 0)
            return -ENOSPC;
        upload->reserved = upload->size + (int64_t)size + STEP;
    }
    for (int i = 0; size > 0 && i < ATTEMPTS; i++) {
        ssize_t n = write(upload->fd, from, size);
        if (n < 0 && errno != EINTR)
            return room_error(errno);
        if (n > 0) {
            from += n;
            size -= (size_t)n;
            upload->size += n;
            i = 0;
        }
    }
    return size == 0 ? 0 : -EINTR;
}

/* A file system that does not support fsync says so in one of these ways; that is no error. */
int http_upload_sync(int fd)
{
    int rc = -1;
    for (int i = 0; rc < 0 && i < ATTEMPTS && (i == 0 || errno == EINTR); i++)
        rc = fsync(fd);
    return rc == 0 || errno == EINVAL || errno == ENOSYS || errno == EROFS || errno == EOPNOTSUPP ? 0
                                                                                                  : -errno;
}

int http_upload_give_mode(int fd, mode_t mode)
{
    struct stat status;
    if (fchmod(fd, mode & 0777) == 0)
        return 0;
    int rc = -errno;
    if (fstat(fd, &status) < 0)
        return -errno;
    return ((status.st_mode ^ mode) & 0777) == 0 ? 0 : rc;
}

void http_upload_end(struct http_upload *upload)
{
    if (upload->fd < 0)
        return;
    if (upload->temporary[0])
        unlinkat(upload->directory, upload->temporary, 0);
    if (upload->directory >= 0)
        close(upload->directory);
    close(upload->fd);
    upload->fd = upload->directory = -1;
}
