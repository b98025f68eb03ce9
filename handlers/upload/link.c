/* SPDX-License-Identifier: MIT */
/* How a file gets its name: in one step where the file system can, and by detours where it cannot. */
#include "upload/upload.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROC_SIZE = 32, ATTEMPTS = 100, PIECE = 8192 };

/* True for an error that says that this call does not work here, so that another way has to be tried. ENOENT:
   there is no /proc, or it belongs to another layer of file systems. */
static bool is_missing(int error)
{
    switch (error) {
    case -EOPNOTSUPP:
    case -ENOSYS:
    case -EINVAL:
    case -EPERM:
    case -ENOENT:
    case -EXDEV:
    case -EMLINK:
        return true;
    default:
        return false;
    }
}

static int link_at(int from_directory, const char *from, int directory, const char *name, int flags)
{
    int rc = -1;
    for (int i = 0; rc < 0 && i < ATTEMPTS && (i == 0 || errno == EINTR); i++)
        rc = linkat(from_directory, from, directory, name, flags);
    return rc == 0 ? 0 : -errno;
}

static int rename_at(int from_directory, const char *from, int directory, const char *name, unsigned flags)
{
    int rc = -1;
    for (int i = 0; rc < 0 && i < ATTEMPTS && (i == 0 || errno == EINTR); i++)
        rc = flags ? renameat2(from_directory, from, directory, name, flags)
                   : renameat(from_directory, from, directory, name);
    return rc == 0 ? 0 : -errno;
}

static int rename_part(struct http_upload *upload, int directory, const char *name, unsigned flags)
{
    int rc = rename_at(upload->directory, upload->temporary, directory, name, flags);
    if (rc == 0)
        upload->temporary[0] = 0;
    return rc;
}

/* Gives a part its name without replacing another file: by renameat2; if that does not work by a second link,
   whose first http_upload_end removes; if that does not work either, by looking whether the name is free,
   since the caller has locked the directory. */
static int rename_new(struct http_upload *upload, int directory, const char *name)
{
    struct stat status;
    int rc = rename_part(upload, directory, name, RENAME_NOREPLACE);
    if (rc == 0 || !is_missing(rc))
        return rc;
    rc = link_at(upload->directory, upload->temporary, directory, name, 0);
    if (rc == 0 || !is_missing(rc))
        return rc;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
        return -EEXIST;
    return errno == ENOENT ? rename_part(upload, directory, name, 0) : -errno;
}

/* ---------------------------------------------------------------- files without a name */

static int copy_content(int from, int to)
{
    char data[PIECE];
    off_t offset = 0;
    ssize_t n = 0;
    for (int i = 0; i < ATTEMPTS && (n = pread(from, data, sizeof data, offset)) != 0; i++) {
        if (n < 0 && errno != EINTR)
            return -errno;
        for (ssize_t done = 0, w; done<n; done += w> 0 ? w : 0)
            if ((w = pwrite(to, data + done, (size_t)(n - done), offset + done)) < 0 && errno != EINTR)
                return -errno;
        offset += n > 0 ? n : 0;
        i = n > 0 ? 0 : i;
    }
    return n < 0 ? -errno : 0;
}

/* Copies the content into a part, where a file without a name cannot be given one. */
static int copy_to_part(struct http_upload *upload, int directory)
{
    struct http_upload part;
    struct stat status;
    int rc = http_upload_begin_named(&part, directory);
    if (rc < 0)
        return rc;
    rc = copy_content(upload->fd, part.fd);
    if (rc == 0)
        rc = fstat(upload->fd, &status) < 0 ? -errno : http_upload_give_mode(part.fd, status.st_mode);
    if (rc == 0)
        rc = http_upload_sync(part.fd);
    if (rc < 0) {
        http_upload_end(&part);
        return rc;
    }
    close(upload->fd);
    upload->fd = part.fd;
    upload->directory = part.directory;
    memcpy(upload->temporary, part.temporary, sizeof upload->temporary);
    return 0;
}

static int link_unnamed(const struct http_upload *upload, int directory, const char *name)
{
    char path[PROC_SIZE];
    snprintf(path, sizeof path, "/proc/self/fd/%d", upload->fd);
    return link_at(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW);
}

/* Makes a file without a name a part for a moment, since it cannot replace another file directly. */
static int become_part(struct http_upload *upload, int directory)
{
    char temporary[HTTP_PART_SIZE];
    int rc = http_part_choose(temporary), own = rc == 0 ? fcntl(directory, F_DUPFD_CLOEXEC, 0) : rc;
    if (own < 0)
        return rc < 0 ? rc : -errno;
    (void)!flock(upload->fd,
                 LOCK_EX | LOCK_NB); /* or a server that starts now takes it for one that was left */
    rc = link_unnamed(upload, own, temporary);
    if (rc < 0) {
        close(own);
        return is_missing(rc) ? copy_to_part(upload, directory) : rc;
    }
    upload->directory = own;
    memcpy(upload->temporary, temporary, sizeof temporary);
    return 0;
}

/* ---------------------------------------------------------------- both */

/* -EEXIST when there is something of that name, be it a link that leads nowhere. */
int http_upload_link(struct http_upload *upload, int directory, const char *name)
{
    if (!upload->temporary[0]) {
        int rc = link_unnamed(upload, directory, name);
        if (rc == 0 || !is_missing(rc))
            return rc;
        rc = copy_to_part(upload, directory);
        if (rc < 0)
            return rc;
    }
    return rename_new(upload, directory, name);
}

int http_upload_replace(struct http_upload *upload, int directory, const char *name)
{
    int rc = upload->temporary[0] ? 0 : become_part(upload, directory);
    return rc == 0 ? rename_part(upload, directory, name, 0) : rc;
}
