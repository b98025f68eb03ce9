/* SPDX-License-Identifier: MIT */
/* A file is known by device, inode and time of birth. So it is recognized when it has another name, and no
   file is taken for it that has got its inode after it was removed. */
#include "log/owned.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct identity {
    _Atomic uint64_t device, inode, birth; /* birth: ns; 0: the file system does not tell */
};

struct owned {
    struct identity files[HTTP_LOG_OWNED];
    atomic_uint count;
};

/* The logs of this process; after http_log_own_name those of all processes that come from it, because one of
   them may make a new log when the others write no line. */
static struct owned local;
static struct owned *_Atomic owned = &local;

static struct {
    struct stat directory;
    char name[NAME_MAX + 1]; /* "": none */
} place;

static uint64_t birth_of(int directory, const char *name)
{
    struct statx status;
    if (statx(directory, name, AT_EMPTY_PATH, STATX_BTIME, &status) < 0 || !(status.stx_mask & STATX_BTIME))
        return 0;
    return (uint64_t)status.stx_btime.tv_sec * 1000000000u + status.stx_btime.tv_nsec;
}

static bool is_same_file(const struct identity *known, int directory, const char *name,
                         const struct stat *status)
{
    if (known->inode != status->st_ino || known->device != status->st_dev)
        return false;
    uint64_t birth = known->birth ? birth_of(directory, name) : 0;
    return birth == 0 || birth == known->birth;
}

static bool is_known(int directory, const char *name, const struct stat *status)
{
    const struct owned *all = owned;
    unsigned count = atomic_load(&all->count);
    for (unsigned i = 0; i < count && i < HTTP_LOG_OWNED; i++)
        if (is_same_file(&all->files[i], directory, name, status))
            return true;
    return false;
}

int http_log_own(int fd)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode) || is_known(fd, "", &status))
        return 0;
    struct owned *all = owned;
    struct identity *file = &all->files[atomic_fetch_add(&all->count, 1) % HTTP_LOG_OWNED];
    file->device = status.st_dev;
    file->birth = birth_of(fd, "");
    file->inode = status.st_ino; /* last, because is_same_file looks at it first */
    return 0;
}

static int share(void)
{
    if (owned != &local)
        return 0;
    struct owned *all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED)
        return -errno;
    memcpy(all, &local, sizeof *all);
    owned = all;
    return 0;
}

int http_log_own_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL, *name = slash ? slash + 1 : path;
    char directory[PATH_MAX] = ".";
    place.name[0] = 0;
    if (!path || strlen(name) > NAME_MAX)
        return 0;
    if (slash)
        snprintf(directory, sizeof directory, "%.*s", (int)(name - path), path);
    if (stat(directory, &place.directory) == 0)
        strcpy(place.name, name);
    return share();
}

static void own_stderr(void)
{
    (void)http_log_own(STDERR_FILENO);
}

bool http_log_owns(int directory, const char *name, const struct stat *status)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, own_stderr);
    return is_known(directory, name, status);
}

int http_log_reserves(int directory, const char *name)
{
    struct stat status;
    if (*place.name && strcmp(place.name, name) == 0) {
        if (fstat(directory, &status) < 0)
            return -errno;
        if (status.st_ino == place.directory.st_ino && status.st_dev == place.directory.st_dev)
            return 1;
    }
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    return S_ISREG(status.st_mode) && http_log_owns(directory, name, &status);
}
