/* SPDX-License-Identifier: MIT */
/* A file is opened below a directory, and read. */
#include "tftp/source.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ATTEMPTS = 8 };

/* Clients write "/name" for what is below the directory. A part that begins with a dot is no name here: ".."
   leads out, and ".git" is not meant for others. */
static bool is_name(const char **name)
{
    *name += strspn(*name, "/");
    for (const char *part = *name; part; part = strchr(part, '/'), part += part != NULL)
        if (*part == '.')
            return false;
    return **name;
}

/* The kernel sees to it that no link leads out of the directory. EAGAIN: somebody renames at this moment, and
   the kernel cannot be sure. O_NONBLOCK: a FIFO would wait for somebody who writes. */
static int open_beneath(int root, const char *name)
{
    struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd = -1;
    for (int i = 0; i < ATTEMPTS && fd < 0; i++) {
        fd = syscall(SYS_openat2, root, name, &how, sizeof how);
        if (fd < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
    }
    return fd < 0 ? -EAGAIN : (int)fd;
}

int source_open(struct source *s, int root, const char *name)
{
    struct stat status;
    if (!is_name(&name))
        return -EACCES;
    s->fd = open_beneath(root, name);
    if (s->fd < 0)
        return s->fd;
    if (fstat(s->fd, &status) < 0)
        return -errno;
    s->size = status.st_size;
    s->owed = -1;
    return S_ISREG(status.st_mode) && status.st_mode & S_IROTH ? 0 : -EACCES;
}

/* ---------------------------------------------------------------- reading */

static int read_ahead(void *argument)
{
    struct source *s = argument;
    off_t left = s->size - s->at;
    ssize_t n;
    do
        n = pread(s->fd, s->ahead, left < (off_t)sizeof s->ahead ? (size_t)left : sizeof s->ahead, s->at);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -errno : -EIO;
    s->at += n;
    s->taken = 0;
    s->end = (size_t)n;
    return 0;
}

static size_t take_octets(struct source *s, char *data, size_t size)
{
    size_t n = s->end - s->taken < size ? s->end - s->taken : size;
    memcpy(data, s->ahead + s->taken, n);
    s->taken += n;
    return n;
}

static size_t take_netascii(struct source *s, char *data, size_t size)
{
    size_t n = 0;
    while (n < size && (s->owed >= 0 || s->taken < s->end)) {
        if (s->owed >= 0) {
            data[n++] = (char)s->owed;
            s->owed = -1;
            continue;
        }
        char c = s->ahead[s->taken++];
        data[n++] = c == '\n' ? '\r' : c;
        s->owed = c == '\n' ? '\n' : c == '\r' ? '\0' : -1;
    }
    return n;
}

ssize_t source_read(struct source *s, char *data, size_t size)
{
    size_t n = 0;
    int rc = 0;
    while (rc == 0) {
        n += s->netascii ? take_netascii(s, data + n, size - n) : take_octets(s, data + n, size - n);
        if (n == size || (s->taken == s->end && s->at == s->size))
            return (ssize_t)n;
        rc = ss_offload(s->server, read_ahead, s);
    }
    return rc;
}
