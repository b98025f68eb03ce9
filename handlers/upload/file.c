/* A file that appears whole or not at all. */
#include "upload/upload.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum {
    MODE = 0666,
    MAX_NUMBER = 1000,
    ATTEMPTS = 100,    /* at calls that signals interrupt */
    LOCK_TIME = 5000,  /* ms */
    STEP = 1024 * 1024 /* bytes between two looks at the room that is left */
};
#define SMALL ((uint64_t)1 << 30)
#define LEFT ((uint64_t)64 << 20)

/* ---------------------------------------------------------------- beginning */

static int open_file(int directory, const char *name, int flags)
{
    int fd = -1;
    for (int i = 0; fd < 0 && i < ATTEMPTS && (i == 0 || errno == EINTR); i++)
        fd = openat(directory, name, flags | O_CLOEXEC, MODE);
    return fd >= 0 ? fd : -errno;
}

/* Between making and locking it, another server that starts may have taken it for one that is left over. */
static bool is_held(int fd)
{
    struct stat status;
    (void)!flock(fd, LOCK_EX | LOCK_NB); /* without locks nobody removes anything */
    return fstat(fd, &status) < 0 || status.st_nlink > 0;
}

static int open_part(int directory, char name[HTTP_PART_SIZE])
{
    int rc = http_part_choose(name);
    if (rc == 0)
        rc = open_file(directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
    if (rc < 0 || is_held(rc))
        return rc;
    close(rc);
    return -EAGAIN;
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
    int fd = access("/proc/self/fd", X_OK) == 0 ? open_file(directory, ".", O_TMPFILE | O_RDWR) : -ENOENT;
    *upload = (struct http_upload){.fd = fd, .directory = -1};
    return fd >= 0 ? 0 : http_upload_begin_named(upload, directory);
}

/* ---------------------------------------------------------------- room */

/* What is to be left where nobody has said it: nothing on a small file system, which is there to be filled.
 */
static uint64_t wanted_free(const struct statvfs *fs, int64_t min_free)
{
    if (min_free != 0)
        return min_free > 0 ? (uint64_t)min_free : 0;
    return (uint64_t)fs->f_blocks * fs->f_frsize < SMALL ? 0 : LEFT;
}

int http_upload_room(int fd, int64_t size, int64_t min_free)
{
    struct statvfs fs;
    if (fstatvfs(fd, &fs) < 0 || fs.f_blocks == 0) /* a file system that does not know */
        return 0;
    uint64_t available = (uint64_t)fs.f_bavail * fs.f_frsize, wanted = wanted_free(&fs, min_free);
    return available >= wanted && available - wanted >= (uint64_t)size ? 0 : -ENOSPC;
}

/* A file as large as the process may make one, or the file system: what the client was allowed is another
 * matter. */
static int room_error(int error)
{
    return error == EFBIG ? -ENOSPC : -error;
}

/* Not posix_fallocate, which writes all of it where the file system cannot reserve. */
static int allocate(int fd, int64_t size)
{
    int rc = -1;
    for (int i = 0; rc < 0 && i < ATTEMPTS && (i == 0 || errno == EINTR); i++)
        rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, size);
    return rc == 0 ? 0 : room_error(errno);
}

/* Others may have reserved theirs between the first look and the reservation, so it is looked again. */
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

/* Some file systems have nothing to see through, and say so in different ways. */
int http_upload_sync(int fd)
{
    int rc = -1;
    for (int i = 0; rc < 0 && i < ATTEMPTS && (i == 0 || errno == EINTR); i++)
        rc = fsync(fd);
    return rc == 0 || errno == EINVAL || errno == ENOSYS || errno == EROFS || errno == EOPNOTSUPP ? 0
                                                                                                  : -errno;
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

/* ---------------------------------------------------------------- who gives names */

/* Locks the directory against all who give names in it here, in other processes, and in other servers of this
   kind. Who holds it for ever must not hold up everybody: so it is asked for again and again. */
static int lock_directory(int directory, bool *shared)
{
    uint64_t end = ss_now() + LOCK_TIME;
    *shared = false;
    while (flock(directory, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) { /* there are no locks */
            *shared = true;
            return http_naming_lock(LOCK_TIME) < 0 ? -EAGAIN : 0;
        }
        if (ss_now() >= end)
            return -EAGAIN;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return 0;
}

/* A helper that was forked meanwhile may have the descriptor, too: closing it is not enough. */
static void unlock_directory(int directory, bool shared)
{
    if (shared)
        http_naming_unlock();
    else
        (void)flock(directory, LOCK_UN);
}

/* ---------------------------------------------------------------- what is there */

/* 1: `name` is there; 0: it is not; -errno: nobody knows. */
static int look(int directory, const char *name, int flags, struct stat *status)
{
    if (fstatat(directory, name, status, flags) == 0)
        return 1;
    return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* A link may have led to what was seen, or, if it is none that is followed, to nothing. */
static int check_seen(int directory, const char *name, const struct http_seen *seen)
{
    struct stat now;
    int rc = look(directory, name, seen->exists ? 0 : AT_SYMLINK_NOFOLLOW, &now);
    if (rc < 0)
        return rc;
    if (seen->exists)
        return rc == 1 && is_same(&now, &seen->status) ? 0 : -ESTALE;
    return rc == 1 && S_ISREG(now.st_mode) ? -ESTALE : 0;
}

/* The file that `name` is a compressed form of, and would be sent for. As look. */
static int look_for_original(int directory, const char *name, char original[NAME_MAX + 1],
                             struct stat *status)
{
    size_t size = strlen(name) - http_sibling_ending(name);
    if (!name[size])
        return 0;
    memcpy(original, name, size);
    original[size] = '\0';
    int rc = look(directory, original, 0, status);
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

/* A file that is not to be written to is not to be replaced either, though its directory would allow it. 1:
   `old` is the file that there is; 0: there is none; -errno. */
static int look_for_old(int directory, const struct http_publishing *p, struct stat *old)
{
    char original[NAME_MAX + 1];
    int rc = p->siblings ? look_for_original(directory, p->name, original, old) : 0;
    if (rc == 1)
        rc = check_writable(directory, original);
    if (rc < 0 || (rc = look(directory, p->name, AT_SYMLINK_NOFOLLOW, old)) <= 0 || S_ISLNK(old->st_mode))
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
                                                : look(directory, p->name, AT_SYMLINK_NOFOLLOW, &status);
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
        (void)!fchmod(upload->fd, old.st_mode & 0777); /* not every file system has modes */
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
    (void)http_upload_sync(directory); /* the file is there, whatever comes of this */
    return fstat(upload->fd, &p->status) < 0 ? -errno : 0;
}
