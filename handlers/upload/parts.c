/* SPDX-License-Identifier: MIT */
/* Parts: files that have a hidden name while they are received. Those that a killed server has left are
   removed. */
#include "upload/upload.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { DEPTH = 64, TIME = 2000 /* ms */ };

int http_part_choose(char name[HTTP_PART_SIZE])
{
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return -EAGAIN;
    snprintf(name, HTTP_PART_SIZE, HTTP_PART_FRONT "%0*" PRIx64 HTTP_PART_BACK, HTTP_PART_DIGITS, number);
    return 0;
}

/* Removes a part of this user that nobody has locked: a lock ends with the process that receives the file. */
static bool remove_part(int directory, const char *name)
{
    struct stat status, now;
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool left = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
                flock(fd, LOCK_EX | LOCK_NB) == 0 &&
                fstatat(directory, name, &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_ino == status.st_ino &&
                now.st_dev == status.st_dev && unlinkat(directory, name, 0) == 0;
    close(fd);
    return left;
}

static unsigned remove_below(int directory, unsigned depth, uint64_t end);

/* True for /proc, /sys and the like, where there are many files and no parts. */
static bool stores_nothing(int directory)
{
    struct statvfs fs;
    return fstatvfs(directory, &fs) == 0 && fs.f_blocks == 0;
}

static unsigned remove_in(int directory, const char *name, unsigned depth, uint64_t end)
{
    int fd = depth > 0 ? openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd >= 0 && stores_nothing(fd)) {
        close(fd);
        fd = -1;
    }
    return fd >= 0 ? remove_below(fd, depth - 1, end) : 0;
}

/* Closes the directory. */
static unsigned remove_below(int directory, unsigned depth, uint64_t end)
{
    DIR *entries = fdopendir(directory);
    const struct dirent *entry;
    unsigned count = 0;
    if (!entries) {
        close(directory);
        return 0;
    }
    while ((entry = readdir(entries)) && ss_now() < end) {
        const char *name = entry->d_name;
        if (http_is_part(name))
            count += remove_part(dirfd(entries), name);
        else if ((entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) && strcmp(name, ".") != 0 &&
                 strcmp(name, "..") != 0)
            count += remove_in(dirfd(entries), name, depth, end);
    }
    closedir(entries);
    return count;
}

unsigned http_parts_remove(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? remove_below(fd, DEPTH, ss_now() + TIME) : 0;
}
