/* A file that appears whole or not at all. */
#include "upload.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODE = 0666, MAX_NUMBER = 1000, PROC_SIZE = 32 };

/* A file without a name gets one through here. */
static const char *proc_path(int fd, char path[PROC_SIZE])
{
    snprintf(path, PROC_SIZE, "/proc/self/fd/%d", fd);
    return path;
}

static int choose_temporary(struct http_upload *upload)
{
    uint64_t number;

    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return -EAGAIN;
    snprintf(upload->temporary, sizeof upload->temporary, ".httpserver-%016" PRIx64 ".part", number);
    return 0;
}

int http_upload_begin_named(struct http_upload *upload, int directory)
{
    int rc;

    *upload = (struct http_upload){.directory = directory, .fd = -1};
    rc = choose_temporary(upload);
    if (rc < 0)
        return rc;
    upload->fd =
        openat(directory, upload->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
    return upload->fd >= 0 ? 0 : -errno;
}

#ifdef O_TMPFILE
int http_upload_begin(struct http_upload *upload, int directory)
{
    int fd = openat(directory, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, MODE);
    char path[PROC_SIZE], target[1];

    if (fd >= 0 && readlink(proc_path(fd, path), target, sizeof target) < 0) {
        close(fd); /* without /proc it would never have a name */
        fd = -1;
    }
    if (fd < 0)
        return http_upload_begin_named(upload, directory);
    *upload = (struct http_upload){.directory = directory, .fd = fd};
    return 0;
}
#else
int http_upload_begin(struct http_upload *upload, int directory)
{
    return http_upload_begin_named(upload, directory);
}
#endif

int http_upload_write(struct http_upload *upload, const void *data, size_t size)
{
    const char *from = data;

    while (size > 0) {
        ssize_t n = write(upload->fd, from, size);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            from += n;
            size -= (size_t)n;
            upload->size += n;
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- giving it its name */

/* Renames without replacing; where the file system cannot do that, by way of a second link. */
static int rename_new(struct http_upload *upload, const char *name)
{
    int directory = upload->directory;

#ifdef RENAME_NOREPLACE
    if (renameat2(directory, upload->temporary, directory, name, RENAME_NOREPLACE) == 0) {
        upload->temporary[0] = '\0';
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
#endif
    /* http_upload_end removes the other link */
    return linkat(directory, upload->temporary, directory, name, 0) == 0 ? 0 : -errno;
}

/* -EEXIST when there is something of that name, be it a link that leads nowhere. */
static int give_new_name(struct http_upload *upload, const char *name)
{
    char path[PROC_SIZE];

    if (upload->temporary[0] != '\0')
        return rename_new(upload, name);
    if (linkat(AT_FDCWD, proc_path(upload->fd, path), upload->directory, name, AT_SYMLINK_FOLLOW) < 0)
        return -errno;
    return 0;
}

/* A file without a name cannot replace another one: it gets a temporary one for a moment. */
static int replace(struct http_upload *upload, const char *name)
{
    int rc = 0;

    if (upload->temporary[0] == '\0') {
        char temporary[sizeof upload->temporary];

        rc = choose_temporary(upload);
        memcpy(temporary, upload->temporary, sizeof temporary);
        upload->temporary[0] = '\0';
        if (rc == 0)
            rc = give_new_name(upload, temporary);
        if (rc < 0)
            return rc;
        memcpy(upload->temporary, temporary, sizeof temporary);
    }
    if (renameat(upload->directory, upload->temporary, upload->directory, name) < 0)
        return -errno;
    upload->temporary[0] = '\0';
    return 0;
}

/* A file that is not to be written to is not to be replaced either, though its directory would allow it. */
static int take_mode(const struct http_upload *upload, const char *name)
{
    struct stat old;

    if (fstatat(upload->directory, name, &old, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(old.st_mode))
        return 0;
    if (!S_ISREG(old.st_mode))
        return S_ISDIR(old.st_mode) ? -EISDIR : -EEXIST;
    if (faccessat(upload->directory, name, W_OK, AT_EACCESS) < 0)
        return -errno;
    (void)!fchmod(upload->fd, old.st_mode & 0777); /* not every file system has modes */
    return 0;
}

static int give_name(struct http_upload *upload, char name[NAME_MAX + 1], enum http_on_duplicate how,
                     bool *replaced)
{
    char original[NAME_MAX + 1];
    int rc = give_new_name(upload, name);

    *replaced = false;
    if (rc != -EEXIST || how == HTTP_DUPLICATE_ERROR)
        return rc;
    if (how == HTTP_DUPLICATE_OVERWRITE) {
        rc = replace(upload, name);
        *replaced = rc == 0;
        return rc;
    }
    strcpy(original, name);
    for (unsigned i = 1; rc == -EEXIST && i <= MAX_NUMBER; i++) {
        http_number_name(original, i, name);
        rc = give_new_name(upload, name);
    }
    return rc;
}

int http_upload_publish(struct http_upload *upload, char name[NAME_MAX + 1], enum http_on_duplicate how,
                        bool *replaced)
{
    int rc = how == HTTP_DUPLICATE_OVERWRITE ? take_mode(upload, name) : 0;

    if (rc == 0 && fsync(upload->fd) < 0)
        rc = -errno;
    if (rc == 0)
        rc = give_name(upload, name, how, replaced);
    if (rc == 0)
        (void)!fsync(upload->directory); /* the file is there, whatever comes of this */
    return rc;
}

void http_upload_end(struct http_upload *upload)
{
    if (upload->temporary[0] != '\0')
        unlinkat(upload->directory, upload->temporary, 0);
    close(upload->fd);
}
