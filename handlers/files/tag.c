/* SPDX-License-Identifier: MIT */
/* What an entity tag is made of; see tag.h. */
#include "files/tag.h"
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* ---------------------------------------------------------------- times

   The next change of a file is sure to change its times if the last change is older than a tick of the file
   system's clock: a few milliseconds on most, up to two seconds on those without fractions of a second. */

enum { COARSE = 3000, MARGIN = 100, TICK = 20 }; /* ms */

static int64_t age_of(const struct stat *status, const struct timespec *now)
{
    return ((int64_t)now->tv_sec - status->st_ctim.tv_sec) * 1000 +
           (now->tv_nsec - status->st_ctim.tv_nsec) / 1000000;
}

/* A long write sets the time when it begins, so the margin is wide. */
bool http_file_is_settled(const struct stat *status, const struct timespec *now)
{
    return age_of(status, now) > (status->st_ctim.tv_nsec != 0 ? MARGIN : COARSE);
}

bool http_file_is_unchanged(int fd, const struct stat *before)
{
    struct stat now;
    return fstat(fd, &now) == 0 && now.st_size == before->st_size &&
           now.st_ctim.tv_sec == before->st_ctim.tv_sec && now.st_ctim.tv_nsec == before->st_ctim.tv_nsec;
}

/* True if no other content will ever have these times. Waits up to a tick, and checks that the file was not
   changed meanwhile. */
static bool comes_to_rest(struct ss_handler *h, const struct http_file *file)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t left = (file->status.st_ctim.tv_nsec != 0 ? TICK : COARSE) - age_of(&file->status, &now);
    if (left > TICK)
        return false;
    if (left > 0 && ss_sleep(h->server, (int)left) < 0)
        return false;
    return http_file_is_unchanged(file->fd, &file->status);
}

/* ---------------------------------------------------------------- digests */

/* Each step is reversible, so that two texts that differ in one word only never have the same digest. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

static uint64_t mix_words(uint64_t hash, const char *data, size_t count)
{
    uint64_t word;
    for (; count > 0; count--, data += sizeof word) {
        memcpy(&word, data, sizeof word);
        hash = mix(hash, word);
    }
    return hash;
}

static uint64_t mix_rest(uint64_t hash, const char *data, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, data, size);
    return mix(hash, word);
}

static uint64_t mix_data(uint64_t hash, const char *data, size_t size)
{
    size_t words = size / sizeof hash, done = words * sizeof hash;
    return mix_rest(mix_words(hash, data, words), data + done, size - done);
}

uint64_t http_digest(const char *data, size_t size)
{
    return mix_data(0, data, size);
}

static uint64_t mix_time(uint64_t hash, const struct timespec *t)
{
    return mix(mix(hash, (uint64_t)t->tv_sec), (uint64_t)t->tv_nsec);
}

enum { PIECE = 64 * 1024 };

struct reading {
    int fd;
    size_t size;
    char *piece;
    uint64_t digest;
};

/* Computes what mix_data would, piece by piece; runs in a helper thread where a loop must not stop. 0 or
   -errno: -EIO for a file that has become shorter. */
static int read_digest(void *argument)
{
    struct reading *r = argument;
    for (size_t done = 0, n; done < r->size; done += n) {
        n = r->size - done < PIECE ? r->size - done : PIECE;
        for (size_t got = 0; got < n;) {
            ssize_t more = TEMP_FAILURE_RETRY(pread(r->fd, r->piece + got, n - got, (off_t)(done + got)));
            if (more <= 0)
                return more < 0 ? -errno : -EIO;
            got += (size_t)more;
        }
        if (n == PIECE && done + n < r->size)
            r->digest = mix_words(r->digest, r->piece, PIECE / sizeof r->digest);
        else
            r->digest = mix_data(r->digest, r->piece, n);
    }
    return 0;
}

/* ---------------------------------------------------------------- what is remembered of them */

/* What a file is known again by; without gaps, so that it can be compared as a whole. */
struct version {
    uint64_t device, inode;
    int64_t size;
    struct timespec modified, changed;
};

struct digest {
    atomic_flag busy; /* somebody reads or writes this entry; others then do without it */
    struct version version;
    uint64_t digest;
};

static struct digest *_Atomic digests;

static struct digest *make_digests(void)
{
    void *made = mmap(NULL, HTTP_FILE_DIGESTS * sizeof *digests, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct digest *none = NULL;
    if (made == MAP_FAILED)
        return NULL;
    if (atomic_compare_exchange_strong(&digests, &none, made))
        return made;
    munmap(made, HTTP_FILE_DIGESTS * sizeof *digests);
    return none;
}

void http_file_digests_share(void)
{
    if (!digests)
        (void)make_digests();
}

static struct version version_of(const struct stat *status)
{
    return (struct version){status->st_dev, status->st_ino, status->st_size, status->st_mtim,
                            status->st_ctim};
}

/* Takes the entry for a file's digest until let_go. NULL: another thread has it. Nobody waits for an entry,
   since a process may have died while it had it. */
static struct digest *take_place(const struct stat *status)
{
    struct digest *all = digests ? digests : make_digests();
    struct digest *place = all ? &all[mix(status->st_dev, status->st_ino) % HTTP_FILE_DIGESTS] : NULL;
    return place && !atomic_flag_test_and_set_explicit(&place->busy, memory_order_acquire) ? place : NULL;
}

static void let_go(struct digest *place)
{
    atomic_flag_clear_explicit(&place->busy, memory_order_release);
}

static bool recall(const struct stat *status, uint64_t *digest)
{
    struct digest *place = take_place(status);
    if (!place)
        return false;
    const struct version version = version_of(status);
    bool found = memcmp(&place->version, &version, sizeof version) == 0;
    if (found)
        *digest = place->digest;
    let_go(place);
    return found;
}

static void remember(const struct stat *status, uint64_t digest)
{
    struct digest *place = take_place(status);
    if (!place)
        return;
    place->version = version_of(status);
    place->digest = digest;
    let_go(place);
}

/* False: the file cannot be read, or was changed meanwhile. */
static bool digest_file(struct ss_handler *h, const struct http_file *file, uint64_t *digest)
{
    struct reading r = {.fd = file->fd, .size = file->size};
    if (recall(&file->status, digest))
        return true;
    r.piece = malloc(PIECE);
    if (!r.piece)
        return false;
    int rc = ss_offload(h->server, read_digest, &r);
    if (rc == -EAGAIN) /* no thread for it */
        rc = read_digest(&r);
    free(r.piece);
    if (rc < 0 || !http_file_is_unchanged(file->fd, &file->status))
        return false;
    remember(&file->status, r.digest);
    *digest = r.digest;
    return true;
}

/* ---------------------------------------------------------------- tags */

static uint64_t digest_status(const struct stat *status)
{
    uint64_t hash = mix(mix(0, (uint64_t)status->st_ino), (uint64_t)status->st_dev);
    return mix_time(mix_time(hash, &status->st_mtim), &status->st_ctim);
}

static bool digest_large(struct ss_handler *h, const struct http_file *file, uint64_t *digest)
{
    if (!comes_to_rest(h, file))
        return false;
    if (file->size <= HTTP_FILE_DIGEST)
        return digest_file(h, file, digest);
    *digest = digest_status(&file->status);
    return true;
}

/* A digest that no other file will ever have. */
static uint64_t digest_moment(const struct stat *status)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return mix(mix_time(digest_status(status), &now), (uint64_t)getpid());
}

/* RFC 9110 8.8.3.3: the same bytes in another coding are another representation. */
void http_file_make_etag(struct ss_handler *h, struct http_file *file)
{
    uint64_t digest = 0;
    bool strong = true;
    if (file->unsized)
        return;
    if (file->content)
        digest = http_digest(file->content, file->size);
    else if (!digest_large(h, file, &digest)) {
        strong = false;
        digest = digest_moment(&file->status);
    }
    digest = mix(digest, file->coding);
    snprintf(file->etag, sizeof file->etag, "%s\"%zx-%016" PRIx64 "\"", strong ? "" : "W/", file->size,
             digest);
}
