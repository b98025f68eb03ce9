/* SPDX-License-Identifier: MIT */
/* The cache of files: which ones are kept, and when they are looked at; see cache.h. */
#include "files/cache.h"
#include "files/load.h"
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { BUCKETS = 2048 }; /* a power of two */

static struct {
    pthread_mutex_t lock;
    struct http_file *bucket[BUCKETS];
    struct http_file *newest, *oldest;
    unsigned entries, descriptors;
    size_t bytes;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void lock(void)
{
    pthread_mutex_lock(&cache.lock);
}

static void unlock(void)
{
    pthread_mutex_unlock(&cache.lock);
}

/* A child that is forked while another thread looks something up must not find the cache locked. */
static void prepare_for_fork(void)
{
    pthread_atfork(lock, unlock, unlock);
}

static uint64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The time at which this thread first asked in this turn of its loop. A file that any thread has checked
   since then is current enough. It is a time because the numbers of turns mean nothing in another thread. */
static uint64_t turn_began(const struct ss_server *server)
{
    static _Thread_local struct {
        const struct ss_server *server;
        uint64_t turn, began;
    } last;
    uint64_t turn = ss_turn(server);

    if (last.server != server || last.turn != turn) {
        last.server = server;
        last.turn = turn;
        last.began = nanoseconds();
    }
    return last.began;
}

/* FNV-1a. */
static unsigned hash_of(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

static bool matches(const struct http_file *file, const struct http_file_key *key)
{
    return file->hash == key->hash && file->guess == key->guess && file->symlinks == key->symlinks &&
           file->script == key->script && file->wanted == key->coding &&
           file->directory_size == key->directory_size &&
           memcmp(file->path, key->directory, key->directory_size) == 0 &&
           strcmp(file->path + key->directory_size + 1, key->name) == 0;
}

/* ---------------------------------------------------------------- with the lock held */

static void list_remove(struct http_file *file)
{
    *(file->newer ? &file->newer->older : &cache.newest) = file->older;
    *(file->older ? &file->older->newer : &cache.oldest) = file->newer;
}

static void list_add(struct http_file *file)
{
    file->newer = NULL;
    file->older = cache.newest;
    *(cache.newest ? &cache.newest->newer : &cache.oldest) = file;
    cache.newest = file;
}

/* Returns the pointer that points to the entry, or the one that would if there were such an entry. */
static struct http_file **place_of_key(const struct http_file_key *key)
{
    struct http_file **place = &cache.bucket[key->hash % BUCKETS];
    while (*place && !matches(*place, key))
        place = &(*place)->next;
    return place;
}

static struct http_file **place_of_file(const struct http_file *file)
{
    struct http_file **place = &cache.bucket[file->hash % BUCKETS];
    while (*place && *place != file)
        place = &(*place)->next;
    return place;
}

/* Takes an entry out of the cache and puts it on the list of files that the caller releases without the
   lock. */
static void evict(struct http_file **place, struct http_file **victims)
{
    struct http_file *file = *place;
    assert(file);
    *place = file->next;
    list_remove(file);
    cache.entries--;
    file->cached = false;
    cache.bytes -= file->coded_bytes;
    if (file->content)
        cache.bytes -= file->size;
    else
        cache.descriptors--;
    file->next = *victims;
    *victims = file;
}

static bool too_full(uint64_t now)
{
    return cache.entries > HTTP_FILE_CACHE_ENTRIES || cache.descriptors > HTTP_FILE_CACHE_DESCRIPTORS ||
           cache.bytes > HTTP_FILE_CACHE_BYTES ||
           (cache.oldest && cache.oldest->used + HTTP_FILE_CACHE_IDLE * 1000000000ull < now);
}

static void put_in(struct http_file *file)
{
    struct http_file **bucket = &cache.bucket[file->hash % BUCKETS];
    file->next = *bucket;
    *bucket = file;
    list_add(file);
    cache.entries++;
    file->cached = true;
    if (file->content)
        cache.bytes += file->size;
    else
        cache.descriptors++;
    atomic_fetch_add_explicit(&file->references, 1, memory_order_relaxed);
}

/* ---------------------------------------------------------------- without it */

/* Frees a file that nobody holds any more. A form that is compressed while it is sent has borrowed its
   descriptor from its source. */
static void destroy(struct http_file *file)
{
    for (int coding = 0; coding < HTTP_CODINGS; coding++)
        if (file->coded[coding])
            http_file_release(file->coded[coding]);
    if (file->source) {
        http_file_release(file->source);
        file->fd = -1;
    }
    http_file_free(file);
}

void http_file_release(struct http_file *file)
{
    if (atomic_fetch_sub_explicit(&file->references, 1, memory_order_acq_rel) == 1)
        destroy(file);
}

struct http_file *http_file_hold(struct http_file *file)
{
    atomic_fetch_add_explicit(&file->references, 1, memory_order_relaxed);
    return file;
}

static void release_all(struct http_file *victims)
{
    while (victims) {
        struct http_file *next = victims->next;
        http_file_release(victims);
        victims = next;
    }
}

/* Returns the entry, held, and makes it the one that was used last. NULL: there is none. */
static struct http_file *find_and_hold(const struct http_file_key *key, uint64_t now)
{
    lock();
    struct http_file *file = *place_of_key(key);
    if (file) {
        http_file_hold(file);
        file->used = now;
        if (file != cache.newest) {
            list_remove(file);
            list_add(file);
        }
    }
    unlock();
    return file;
}

static void insert(struct http_file *file, const struct http_file_key *key)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct http_file *victims = NULL;
    pthread_once(&once, prepare_for_fork);
    lock();
    struct http_file **place = place_of_key(key);
    if (*place)
        evict(place, &victims);
    put_in(file);
    while (too_full(file->used))
        evict(place_of_file(cache.oldest), &victims);
    unlock();
    release_all(victims);
}

void http_file_keep(struct http_file *file, struct http_file *coded)
{
    struct http_file *victims = NULL, *none = NULL;
    lock();
    if (atomic_compare_exchange_strong(&file->coded[coded->coding], &none, coded)) {
        http_file_hold(coded);
        if (file->cached) {
            file->coded_bytes += coded->size;
            cache.bytes += coded->size;
        }
        while (too_full(file->used))
            evict(place_of_file(cache.oldest), &victims);
    }
    unlock();
    release_all(victims);
}

/* Takes this entry out of the cache, unless another one has taken its place, and releases it. */
static void forget(struct http_file *file)
{
    struct http_file *victims = NULL;
    lock();
    struct http_file **place = place_of_file(file);
    if (*place)
        evict(place, &victims);
    unlock();
    release_all(victims);
    http_file_release(file);
}

static struct http_file_key key_of(const struct simple_http_class *cls, const char *name,
                                   enum http_coding coding)
{
    return (struct http_file_key){.directory = cls->directory,
                                  .name = name,
                                  .directory_size = strlen(cls->directory),
                                  .symlinks = cls->symlinks,
                                  .guess = cls->guess_type,
                                  .script = cls->page_script,
                                  .hash = hash_of(name),
                                  .coding = coding};
}

void http_file_forget(const struct simple_http_class *cls, const char *name)
{
    const struct http_file_key key = key_of(cls, name, HTTP_IDENTITY);
    struct http_file *victims = NULL;
    lock();
    struct http_file **place = place_of_key(&key);
    if (*place)
        evict(place, &victims);
    unlock();
    release_all(victims);
}

void http_file_cache_clear(void)
{
    struct http_file *victims = NULL;
    lock();
    while (cache.oldest)
        evict(place_of_file(cache.oldest), &victims);
    unlock();
    release_all(victims);
}

bool http_file_is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Stores the status of what the path stands for now. 0 also for a directory, and without permission to look:
   only opening the file, which is confined to the directory, says whether the client may know. */
static int look_at_path(const char *path, struct stat *status)
{
    status->st_mode = S_IFREG;
    if (stat(path, status) < 0 && errno != EACCES)
        return -errno;
    return S_ISREG(status->st_mode) || S_ISDIR(status->st_mode) ? 0 : -ENOENT;
}

static int look_at_key(const struct http_file_key *key, struct stat *status)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", key->directory, key->name) >= (int)sizeof path)
        return -ENAMETOOLONG;
    return look_at_path(path, status);
}

static int open_anew(struct ss_handler *h, const struct http_file_key *key, uint64_t now,
                     struct http_file **result)
{
    struct http_file *file;
    int rc = http_file_load(h, key, &file);
    if (rc == -EMFILE || rc == -ENFILE) {
        http_file_cache_clear();
        rc = http_file_load(h, key, &file);
    }
    if (rc < 0)
        return rc;
    file->used = file->opened = now;
    atomic_store_explicit(&file->checked, now, memory_order_relaxed);
    insert(file, key);
    *result = file;
    return 0;
}

/* True if opening the file again would find the same. A clock that was set back makes Last-Modified a date of
   the future (RFC 9110 8.8.2.1). */
static bool is_current(const struct http_file *file, const struct stat *status, uint64_t now)
{
    return file->settled && file->modified <= time(NULL) &&
           now - file->opened < HTTP_FILE_CACHE_TRUST * 1000000000ull &&
           http_file_is_same(&file->status, status);
}

int http_file_open(struct ss_handler *h, const struct simple_http_class *cls, const char *name,
                   struct http_file **file)
{
    return http_file_open_coded(h, cls, name, HTTP_IDENTITY, file);
}

int http_file_open_coded(struct ss_handler *h, const struct simple_http_class *cls, const char *name,
                         enum http_coding coding, struct http_file **result)
{
    const struct http_file_key key = key_of(cls, name, coding);
    uint64_t began = turn_began(h->server);
    struct http_file *file = find_and_hold(&key, began);
    if (file && atomic_load_explicit(&file->checked, memory_order_relaxed) >= began) {
        *result = file;
        return 0;
    }
    struct stat status;
    uint64_t now = nanoseconds();
    int rc = file ? look_at_path(file->path, &status) : look_at_key(&key, &status);
    if (rc == 0 && file && is_current(file, &status, now)) {
        atomic_store_explicit(&file->checked, now, memory_order_relaxed);
        *result = file;
        return 0;
    }
    if (file)
        forget(file);
    return rc < 0 ? rc : open_anew(h, &key, now, result);
}
