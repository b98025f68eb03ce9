/* Opens a file, reads it if it is small, and writes the header fields that go with it. */
#include "file_load.h"

#include "file_coding.h"
#include "http_server.h"
#include "log_owned.h"
#include "open_beneath.h"
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

/* The root is opened each time: whoever replaces it (a new release, a link turned round) sees the new one
   served. */
static int open_root(const char *directory)
{
    int root = (int)TEMP_FAILURE_RETRY(open(directory, O_ROOT));

    return root >= 0 ? root : -errno;
}

int http_open_directory(const char *directory, enum http_symlinks symlinks, const char *name)
{
    int root = open_root(directory), fd;

    if (root < 0)
        return root;
    fd = http_open_beneath(root, name, O_RDONLY | O_DIRECTORY | O_NONBLOCK, symlinks);
    close(root);
    return fd;
}

static int check_regular(int fd, struct stat *status)
{
    if (fstat(fd, status) < 0)
        return -errno;
    if (S_ISREG(status->st_mode))
        return 0;
    return S_ISDIR(status->st_mode) ? -EISDIR : -ENOENT;
}

#ifdef O_PATH
/* Opening a FIFO or a device for reading does something, if only to wake up who waits for a reader. So
   first the name is found, and it is opened only if it is a regular file. -ENOSYS: no /proc. */
static int open_if_regular(int root, const struct http_file_key *key)
{
    int handle = http_open_beneath(root, key->name, O_PATH, key->symlinks), rc;
    char path[32];
    struct stat status;

    if (handle < 0)
        return handle;
    rc = check_regular(handle, &status);
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

static int open_file(const struct http_file_key *key)
{
    int root = open_root(key->directory), fd;

    if (root < 0)
        return root;
    fd = open_if_regular(root, key);
    if (fd == -ENOSYS)
        fd = http_open_beneath(root, key->name, O_RDONLY | O_NONBLOCK | O_NOCTTY, key->symlinks);
    close(root);
    return fd;
}

static bool is_log(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && http_log_owns(fd, "", &status);
}

void http_file_free(struct http_file *file)
{
    for (int coding = 0; coding < HTTP_CODINGS; coding++)
        if (file->coded[coding] != NULL)
            http_file_release(file->coded[coding]);
    if (file->source != NULL)
        http_file_release(file->source);
    else if (file->fd >= 0)
        close(file->fd);
    free((char *)file->content);
    free((char *)file->fields);
    free(file);
}

static struct http_file *file_new(const struct http_file_key *key)
{
    size_t name_size = strlen(key->name) + 1;
    struct http_file *file = calloc(1, sizeof *file + key->directory_size + 1 + name_size);

    if (file == NULL)
        return NULL;
    atomic_init(&file->references, 1);
    file->fd = -1;
    file->symlinks = key->symlinks;
    file->guess = key->guess;
    file->hash = key->hash;
    file->coding = key->coding;
    file->directory_size = key->directory_size;
    memcpy(file->path, key->directory, key->directory_size);
    file->path[key->directory_size] = '/';
    memcpy(file->path + key->directory_size + 1, key->name, name_size);
    return file;
}

/* Reads `size` bytes; false if there are no more so many. */
static bool read_whole(int fd, char *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = pread(fd, data + done, size - done, (off_t)done);

        if (n <= 0 && !(n < 0 && errno == EINTR))
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool unchanged(int fd, const struct stat *before)
{
    struct stat now;

    return fstat(fd, &now) == 0 && now.st_size == before->st_size &&
           now.st_ctim.tv_sec == before->st_ctim.tv_sec && now.st_ctim.tv_nsec == before->st_ctim.tv_nsec;
}

/* Status and content. A file that changes while it is read is read again; one that never stands still is
   served from its descriptor. */
static int take_in(struct http_file *file)
{
    enum { ATTEMPTS = 3 };

    for (int i = 0; i < ATTEMPTS; i++) {
        int rc = check_regular(file->fd, &file->status);
        char *content;

        if (rc < 0)
            return rc;
        file->size = (size_t)file->status.st_size;
        if (file->size > HTTP_FILE_CACHE_SMALL)
            return 0;
        content = malloc(file->size + 1);
        if (content == NULL)
            return -ENOMEM;
        if (read_whole(file->fd, content, file->size) && unchanged(file->fd, &file->status)) {
            file->content = content;
            close(file->fd);
            file->fd = -1;
            return 0;
        }
        free(content);
    }
    return 0;
}

/* ---------------------------------------------------------------- times

   A change from now on is bound to show in the file's times when the last one is older than a tick of the
   file system's clock: most count some milliseconds, those that know no fractions up to two seconds. */

enum { COARSE = 3000, MARGIN = 100, TICK = 20 }; /* ms */

static int64_t age_of(const struct stat *status, const struct timespec *now)
{
    return ((int64_t)now->tv_sec - status->st_ctim.tv_sec) * 1000 +
           (now->tv_nsec - status->st_ctim.tv_nsec) / 1000000;
}

/* A long write shows its first moment only, so the margin is wide. */
static bool settled(const struct stat *status, const struct timespec *now)
{
    return age_of(status, now) > (status->st_ctim.tv_nsec != 0 ? MARGIN : COARSE);
}

/* Whether no other content will ever have these times. Waits a tick for it, but not for a file that is
   written to all the time. */
static bool comes_to_rest(struct ss_handler *h, const struct http_file *file)
{
    int64_t left;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    left = (file->status.st_ctim.tv_nsec != 0 ? TICK : COARSE) - age_of(&file->status, &now);
    if (left > TICK)
        return false;
    if (left > 0 && ss_sleep(h->server, (int)left) < 0)
        return false;
    return unchanged(file->fd, &file->status);
}

/* ---------------------------------------------------------------- fields */

/* Each step is reversible: what differs in one word only never comes out the same. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

static uint64_t mix_data(uint64_t hash, const char *data, size_t size)
{
    uint64_t word = 0;

    for (; size >= sizeof word; data += sizeof word, size -= sizeof word) {
        memcpy(&word, data, sizeof word);
        hash = mix(hash, word);
    }
    word = 0;
    memcpy(&word, data, size);
    return mix(hash, word);
}

static uint64_t mix_time(uint64_t hash, const struct timespec *t)
{
    return mix(mix(hash, (uint64_t)t->tv_sec), (uint64_t)t->tv_nsec);
}

/* RFC 9110 8.8.3; see file_cache.h. */
static void make_etag(struct ss_handler *h, struct http_file *file)
{
    const struct stat *status = &file->status;
    uint64_t hash = mix(mix(0, (uint64_t)status->st_ino), (uint64_t)status->st_dev);
    struct timespec now;

    hash = mix_time(mix_time(hash, &status->st_mtim), &status->st_ctim);
    if (file->content != NULL)
        hash = mix_data(hash, file->content, file->size);
    if (file->content != NULL || comes_to_rest(h, file)) {
        snprintf(file->etag, sizeof file->etag, "\"%zx-%016" PRIx64 "\"", file->size, hash);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    hash = mix(mix_time(hash, &now), (uint64_t)getpid());
    snprintf(file->etag, sizeof file->etag, "W/\"%zx-%016" PRIx64 "\"", file->size, hash);
}

/* The media type; of a file that is compressed that of what is in it. */
static int find_type(struct ss_handler *h, struct http_file *file, const char *name)
{
    char *plain = strndup(name, strlen(name) - strlen(http_coding_ending(file->coding)));

    if (plain == NULL)
        return -ENOMEM;
    file->type = file->guess(h, plain);
    file->compressible = http_is_compressible(file->type);
    free(plain);
    return strpbrk(file->type, "\r\n") != NULL ? -EINVAL : 0;
}

/* Behind the other fields, for http_file_add_length. */
enum { LENGTH_ROOM = sizeof "Content-Length: 18446744073709551615\r\n" };

static int describe(struct http_file *file)
{
    static const char accept[] = "Accept-Ranges: bytes\r\n";
    bool coded = file->coding != HTTP_IDENTITY;
    time_t now = time(NULL);
    char date[HTTP_DATE_SIZE], *fields;
    int size;

    /* RFC 9110 8.8.2.1: never later than Date */
    file->modified = file->status.st_mtim.tv_sec < now ? file->status.st_mtim.tv_sec : now;
    size = asprintf(&fields, "Content-Type: %s\r\n%s%s%s%sLast-Modified: %s\r\nETag: %s\r\n%*s", file->type,
                    coded ? "Content-Encoding: " : "", coded ? http_coding_name(file->coding) : "",
                    coded ? "\r\n" : "", accept, http_format_date(file->modified, date), file->etag,
                    LENGTH_ROOM, "");
    if (size < 0)
        return -ENOMEM;
    file->fields = fields;
    file->fields_size = (size_t)size - LENGTH_ROOM;
    file->type_size = strlen("Content-Type: \r\n") + strlen(file->type);
    file->content_size = (size_t)(strstr(fields, accept) - fields) + sizeof accept - 1;
    return 0;
}

void http_file_add_length(struct http_file *file)
{
    char *end = (char *)(uintptr_t)file->fields + file->fields_size;

    file->whole_size = file->fields_size + (size_t)sprintf(end, "Content-Length: %zu\r\n", file->size);
}

/* RFC 9110 8.8.3.3: another one for each coding; a weak one, as another version of the library may give other
 * bytes. */
static void derive_etag(const struct http_file *file, struct http_file *form)
{
    const char *tag = file->etag + (file->etag[0] == 'W' ? 2 : 0);

    snprintf(form->etag, sizeof form->etag, "W/%.*s-%s\"", (int)strlen(tag) - 1, tag,
             http_coding_name(form->coding));
}

struct http_file *http_file_form(const struct http_file *file, enum http_coding coding)
{
    struct http_file *form = calloc(1, sizeof *form);

    if (form == NULL)
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
    int rc;

    if (file == NULL)
        return -ENOMEM;
    clock_gettime(CLOCK_REALTIME, &now);
    rc = file->fd = open_file(key);
    if (rc < 0)
        goto out;
    rc = is_log(file->fd) ? -ENOENT : take_in(file);
    if (rc < 0)
        goto out;
    file->settled = settled(&file->status, &now);
    rc = find_type(h, file, key->name);
    if (rc < 0)
        goto out;
    make_etag(h, file);
    rc = describe(file);
    if (rc < 0)
        goto out;
    http_file_add_length(file);
    *result = file;
    return 0;
out:
    http_file_free(file);
    return rc;
}
