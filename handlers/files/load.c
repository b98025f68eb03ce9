/* SPDX-License-Identifier: MIT */
/* Opens a file, reads it if it is small, and writes the header fields that go with it. */
#include "files/load.h"
#include "files/media_type.h"
#include "files/open_beneath.h"
#include "files/read.h"
#include "files/script.h"
#include "files/tag.h"
#include "files/withheld.h"
#include "http_server.h"
#include "text/chars.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef O_PATH
#define O_ROOT (O_PATH | O_DIRECTORY | O_CLOEXEC)
#else
#define O_ROOT (O_RDONLY | O_NONBLOCK | O_DIRECTORY | O_CLOEXEC)
#endif

/* Opens the directory that is served. It is opened for each file, so that a new directory in its place (a new
   release, a link that was changed) is served from then on. */
static int open_root(const char *directory)
{
    int root = (int)TEMP_FAILURE_RETRY(open(directory, O_ROOT));
    return root >= 0 ? root : -errno;
}

int http_open_directory(const char *directory, enum http_symlinks symlinks, const char *name)
{
    int root = open_root(directory);
    if (root < 0)
        return root;
    int fd = http_open_beneath(root, name, O_RDONLY | O_DIRECTORY | O_NONBLOCK, symlinks);
    close(root);
    return fd;
}

#ifdef O_PATH
/* Opens what the name stands for only if it is a regular file. To open a FIFO or a device has effects, if
   only that it wakes a process that waits for a reader; so the name is looked up first, with O_PATH. -ENOSYS:
   there is no /proc. */
static int open_if_regular(int root, const struct http_file_key *key)
{
    int handle = http_open_beneath(root, key->name, O_PATH, key->symlinks);
    char path[32];
    struct stat status;
    if (handle < 0)
        return handle;
    int rc = http_file_check(handle, &status);
    if (rc == 0) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", handle);
        rc = (int)TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
        if (rc < 0)
            rc = errno == EMFILE || errno == ENFILE ? -errno : -ENOSYS;
    }
    close(handle);
    return rc;
}
#else
static int open_if_regular(int root, const struct http_file_key *key)
{
    (void)root;
    (void)key;
    return -ENOSYS;
}
#endif

static int open_regular(const struct http_file_key *key)
{
    int root = open_root(key->directory);
    if (root < 0)
        return root;
    int fd = open_if_regular(root, key);
    if (fd == -ENOSYS)
        fd = http_open_beneath(root, key->name, O_RDONLY | O_NONBLOCK | O_NOCTTY, key->symlinks);
    close(root);
    return fd;
}

void http_file_free(struct http_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    free((char *)(uintptr_t)file->content);
    free((char *)(uintptr_t)file->fields);
    free(file);
}

static struct http_file *file_new(const struct http_file_key *key)
{
    size_t name_size = strlen(key->name) + 1;
    struct http_file *file = calloc(1, sizeof *file + key->directory_size + 1 + name_size);
    if (!file)
        return NULL;
    atomic_init(&file->references, 1);
    file->fd = -1;
    file->symlinks = key->symlinks;
    file->guess = key->guess;
    file->script = key->script;
    file->hash = key->hash;
    file->coding = file->wanted = key->coding;
    file->directory_size = key->directory_size;
    memcpy(file->path, key->directory, key->directory_size);
    file->path[key->directory_size] = '/';
    memcpy(file->path + key->directory_size + 1, key->name, name_size);
    return file;
}

/* ---------------------------------------------------------------- fields */

/* Looks at the first bytes of the file. 1: they are those of the coding; 0; -errno. */
static int begins_as(const struct http_file *file, enum http_coding coding)
{
    char data[HTTP_CODING_MAGIC];
    if (file->content)
        return http_is_coded(coding, file->content,
                             file->size < HTTP_CODING_MAGIC ? file->size : HTTP_CODING_MAGIC);
    ssize_t n = http_file_read(file->fd, data, HTTP_CODING_MAGIC);
    return n < 0 ? (int)n : http_is_coded(coding, data, (size_t)n);
}

/* 1 for a picture in gzip, which browsers show if Content-Encoding says so; a file that is only called .svgz
   is not one. A client that refuses gzip gets it in gzip, too: there is no other form of it. 0, or -errno. */
static int is_svgz(const struct http_file *file, const char *name)
{
    if (file->coding != HTTP_IDENTITY || !http_ends_with(name, strlen(name), ".svgz") ||
        strncasecmp(file->type, "image/svg+xml", 13) != 0)
        return 0;
    return begins_as(file, HTTP_GZIP);
}

/* Finds the media type of the file; of a compressed one that of its content. */
static int find_type(struct ss_handler *h, struct http_file *file, const char *name)
{
    char *plain = strndup(name, strlen(name) - strlen(http_coding_ending(file->coding)));
    int rc = 1;
    if (!plain)
        return -ENOMEM;
    file->type = file->guess(h, plain);
    free(plain);
    if (file->coding != HTTP_IDENTITY)
        rc = begins_as(file, file->coding);
    if (rc <= 0)
        return rc < 0 ? rc : -ENOENT;
    rc = is_svgz(file, name);
    if (rc < 0)
        return rc;
    if (rc == 1)
        file->coding = HTTP_GZIP;
    file->compressible = file->coding == HTTP_IDENTITY && http_is_compressible(file->type);
    return strpbrk(file->type, "\r\n") ? -EINVAL : 0;
}

/* Writes the header fields of the file. A file of unknown size has neither parts nor a tag; one whose times
   stat(2) makes up has no Last-Modified. */
static int describe(struct http_file *file)
{
    bool coded = file->coding != HTTP_IDENTITY;
    const char *accept = file->unsized ? "" : "Accept-Ranges: bytes\r\n";
    time_t now = time(NULL);
    char date[HTTP_DATE_SIZE], *fields;
    /* RFC 9110 8.8.2.1: never later than Date */
    file->modified = file->status.st_mtim.tv_sec < now ? file->status.st_mtim.tv_sec : now;
    int size = asprintf(
        &fields, "Content-Type: %s\r\n%s%s%s%s%s%s%s%s%s%s", file->type, coded ? "Content-Encoding: " : "",
        coded ? http_coding_name(file->coding) : "", coded ? "\r\n" : "", accept,
        file->undated ? "" : "Last-Modified: ", file->undated ? "" : http_format_date(file->modified, date),
        file->undated ? "" : "\r\n", file->unsized ? "" : "ETag: ", file->etag, file->unsized ? "" : "\r\n");
    if (size < 0)
        return -ENOMEM;
    file->fields = fields;
    file->fields_size = (size_t)size;
    file->type_size = strlen("Content-Type: \r\n") + strlen(file->type);
    file->content_size = file->type_size + strlen(accept);
    if (coded)
        file->content_size += strlen("Content-Encoding: \r\n") + strlen(http_coding_name(file->coding));
    return 0;
}

/* Makes the entity tag of a compressed form (RFC 9110 8.8.3.3): one of its own for each coding, and a weak
   one, since another version of the library may compress to other bytes. */
static void derive_etag(const struct http_file *file, struct http_file *form)
{
    const char *tag = file->etag + (file->etag[0] == 'W' ? 2 : 0);
    snprintf(form->etag, sizeof form->etag, "W/%.*s-%s\"", (int)strlen(tag) - 1, tag,
             http_coding_name(form->coding));
}

struct http_file *http_file_form(const struct http_file *file, enum http_coding coding)
{
    struct http_file *form = calloc(1, sizeof *form);
    if (!form)
        return NULL;
    atomic_init(&form->references, 1);
    form->fd = -1;
    form->type = file->type;
    form->status = file->status;
    form->coding = coding;
    derive_etag(file, form);
    if (describe(form) == 0)
        return form;
    http_file_free(form);
    return NULL;
}

int http_file_load(struct ss_handler *h, const struct http_file_key *key, struct http_file **result)
{
    struct http_file *file = file_new(key);
    struct timespec now;
    if (!file)
        return -ENOMEM;
    clock_gettime(CLOCK_REALTIME, &now);
    int rc = file->fd = open_regular(key);
    if (rc < 0)
        goto out;
    rc = http_is_withheld(file->fd);
    if (rc == 0)
        rc = http_file_take_in(file);
    if (rc != 0) {
        rc = rc < 0 ? rc : -ENOENT;
        goto out;
    }
    file->settled = !file->fleeting && http_file_is_settled(&file->status, &now);
    rc = find_type(h, file, key->name);
    if (rc < 0)
        goto out;
    rc = http_file_add_script(file);
    if (rc < 0)
        goto out;
    http_file_make_etag(h, file);
    rc = describe(file);
    if (rc < 0)
        goto out;
    *result = file;
    return 0;
out:
    http_file_free(file);
    return rc;
}
