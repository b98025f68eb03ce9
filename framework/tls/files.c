/* SPDX-License-Identifier: MIT */
/* The files of certificates and keys, read once for all processes. */
#include "tls/tls.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* In struct tls_files: one after the other, each with its path, a NUL and its contents behind it. */
struct kept_file {
    size_t path_size, size;
};

static _Thread_local const struct tls_files *source;
static _Thread_local struct tls_files *copy;

struct tls_files *tls_files_new(void)
{
    struct tls_files *files =
        mmap(NULL, sizeof *files, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (files == MAP_FAILED)
        return NULL;
    (void)madvise(files, sizeof *files, MADV_DONTDUMP);
    return files;
}

void tls_files_free(struct tls_files *files)
{
    if (files)
        (void)munmap(files, sizeof *files);
}

void tls_files_use(const struct tls_files *from, struct tls_files *into)
{
    source = from;
    copy = into;
    if (into)
        into->used = 0;
}

static ssize_t find_kept(const char *path, char *data, size_t size)
{
    struct kept_file file;
    for (size_t at = 0; at + sizeof file <= source->used; at += sizeof file + file.path_size + file.size) {
        memcpy(&file, source->data + at, sizeof file);
        const char *name = source->data + at + sizeof file;
        if (file.path_size != strlen(path) + 1 || memcmp(name, path, file.path_size) != 0)
            continue;
        size_t n = file.size < size ? file.size : size;
        memcpy(data, name + file.path_size, n);
        return (ssize_t)n;
    }
    return -ENOENT;
}

static int keep(const char *path, const char *data, size_t size)
{
    struct kept_file file = {strlen(path) + 1, size};
    size_t at = copy->used;
    if (file.path_size + size + sizeof file > FILES_ROOM - at)
        return -EFBIG;
    memcpy(copy->data + at, &file, sizeof file);
    memcpy(copy->data + at + sizeof file, path, file.path_size);
    memcpy(copy->data + at + sizeof file + file.path_size, data, size);
    copy->used = at + sizeof file + file.path_size + size;
    return 0;
}

static ssize_t read_start(const char *path, char *data, size_t size)
{
    size_t done = 0;
    ssize_t n = 1;
    int fd = (int)TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC));
    if (fd < 0)
        return -errno;
    while (done < size && n > 0) {
        n = TEMP_FAILURE_RETRY(read(fd, data + done, size - done));
        done += n > 0 ? (size_t)n : 0;
    }
    int rc = n < 0 ? -errno : 0;
    (void)close(fd);
    return rc < 0 ? rc : (ssize_t)done;
}

ssize_t tls_files_read(const char *path, char *data, size_t size)
{
    if (source)
        return find_kept(path, data, size);
    ssize_t n = read_start(path, data, size);
    int rc = n >= 0 && copy ? keep(path, data, (size_t)n) : 0;
    return rc < 0 ? rc : n;
}
