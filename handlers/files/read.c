/* SPDX-License-Identifier: MIT */
/* Reads a file that is open: the size that is promised is the size that was read. */
#include "files/read.h"
#include "files/tag.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int http_file_check(int fd, struct stat *status)
{
    if (fstat(fd, status) < 0)
        return -errno;
    if (S_ISREG(status->st_mode))
        return 0;
    return S_ISDIR(status->st_mode) ? -EISDIR : -ENOENT;
}

ssize_t http_file_read(int fd, char *data, size_t room)
{
    size_t done = 0;
    ssize_t n = 1;
    while (done < room && n > 0) {
        n = TEMP_FAILURE_RETRY(pread(fd, data + done, room - done, (off_t)done));
        done += n > 0 ? (size_t)n : 0;
    }
    if (n < 0)
        return errno == EAGAIN ? -EIO : -errno; /* a file of the kernel's that one would wait for */
    return (ssize_t)done;
}

static ssize_t read_into(const struct http_file *file, size_t room, char **content)
{
    free(*content);
    *content = malloc(room);
    return *content ? http_file_read(file->fd, *content, room) : -ENOMEM;
}

/* Reads one byte more than stat(2) promises. If there is one more, reads one byte more than a small file can
   have. */
static ssize_t read_small(const struct http_file *file, char **content)
{
    enum { MOST = HTTP_FILE_CACHE_SMALL + 1 };
    size_t said = (size_t)file->status.st_size, room = said < MOST ? said + 1 : MOST;
    ssize_t n = read_into(file, room, content);
    return n == (ssize_t)room && room < MOST ? read_into(file, MOST, content) : n;
}

/* True if its last byte can be read, and there is none behind it. */
static bool is_as_long_as_it_says(int fd, const struct stat *status)
{
    char byte;
    return TEMP_FAILURE_RETRY(pread(fd, &byte, 1, status->st_size - 1)) == 1 &&
           TEMP_FAILURE_RETRY(pread(fd, &byte, 1, status->st_size)) == 0;
}

static void adopt(struct http_file *file, char *content, size_t size)
{
    file->content = realloc(content, size + 1);
    if (!file->content) /* it need not become shorter */
        file->content = content;
    file->size = size;
    close(file->fd);
    file->fd = -1;
}

/* Tries once to find out size and content. 1: done; 0: the file changed meanwhile; -errno. `last`: there will
   be no further attempt, so what was read of a file that changes all the time is taken. */
static int read_once(struct http_file *file, bool last)
{
    const struct stat *status = &file->status;
    bool large = status->st_size > HTTP_FILE_CACHE_SMALL;
    char *content = NULL;
    if (large && is_as_long_as_it_says(file->fd, status)) {
        file->size = (size_t)status->st_size;
        return 1;
    }
    if (large && !http_file_is_unchanged(file->fd, status)) {
        file->size = (size_t)status->st_size;
        return last;
    }
    ssize_t n = read_small(file, &content);
    bool moves = n >= 0 && !http_file_is_unchanged(file->fd, status);
    if (n >= 0 && n <= HTTP_FILE_CACHE_SMALL && (last || !moves)) {
        file->fleeting = moves || n != status->st_size || n == 0;
        file->undated = !moves && n != status->st_size;
        adopt(file, content, (size_t)n);
        return 1;
    }
    free(content);
    if (n < 0)
        return (int)n;
    file->unsized = file->fleeting = file->undated = last || !moves;
    return last || !moves;
}

int http_file_take_in(struct http_file *file)
{
    enum { ATTEMPTS = 3 };
    int rc = 0;
    for (int i = 0; rc == 0 && i < ATTEMPTS; i++) {
        rc = http_file_check(file->fd, &file->status);
        if (rc == 0)
            rc = read_once(file, i == ATTEMPTS - 1);
    }
    return rc < 0 ? rc : 0;
}
