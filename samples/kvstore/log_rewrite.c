/* SPDX-License-Identifier: MIT */
/* The thread that syncs the file each second, tries again what has failed, and writes the file anew when it
   has become too long. */
#include "kvstore/log_file.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    SLICE = 64 * 1024 /* bytes that are gathered with the store's lock */,
    BUCKETS = 256 /* and buckets */
};
enum { TRIES = 8 /* to copy all that was appended meanwhile, until others wait for that */ };

static struct {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool runs, awake;
    _Atomic bool ends;
} keeper = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---------------------------------------------------------------- rewriting */

/* A file that is being made. */
struct draft {
    char *path;
    int fd;
    int64_t size;
    struct buffer buffer;
    bool failed; /* for want of memory */
};

bool log_has_grown(void)
{
    return kv_log.size >= REWRITE_LEAST && kv_log.size >= REWRITE_FACTOR * kv_log.base_size &&
           !kv_log.rewriting;
}

void log_sync_directory(void)
{
    char *path = strdup(kv_log.path);
    int fd = path ? open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(path);
}

static int draft_write(struct draft *draft)
{
    size_t written = 0;
    int rc = draft->failed ? -ENOMEM : log_write_at(draft->fd, &draft->buffer, &written, draft->size);
    draft->size += (int64_t)written;
    draft->buffer.size = 0;
    return rc;
}

static void draft_entry(void *argument, struct entry *entry)
{
    struct draft *draft = argument;
    if (!log_add_entry(&draft->buffer, entry))
        draft->failed = true;
}

/* All that is there, in slices: others change it between two of them. */
static int draft_entries(struct draft *draft)
{
    uint64_t cursor = 0;
    int rc;
    do {
        db_lock();
        for (int i = 0; i < BUCKETS && draft->buffer.size < SLICE; i++)
            if ((cursor = db_scan(cursor, draft_entry, draft)) == 0)
                break;
        db_unlock();
        rc = draft_write(draft);
    } while (rc == 0 && cursor != 0 && !keeper.ends);
    return rc == 0 && cursor ? -ECANCELED : rc;
}

/* What was appended to the old file: from *from to `to`. */
static int draft_tail(struct draft *draft, int64_t *from, int64_t to)
{
    int rc = 0;
    while (rc == 0 && *from < to) {
        if (!buffer_reserve(&draft->buffer, SLICE))
            return -ENOMEM;
        size_t most = to - *from < SLICE ? (size_t)(to - *from) : SLICE;
        ssize_t n = pread(kv_log.fd, draft->buffer.data, most, *from);
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        draft->buffer.size = (size_t)n;
        *from += n;
        rc = draft_write(draft);
    }
    return rc;
}

static int64_t file_size(void)
{
    pthread_mutex_lock(&kv_log.file_lock);
    int64_t size = kv_log.size;
    pthread_mutex_unlock(&kv_log.file_lock);
    return size;
}

/* With the file's lock: the last bytes, and the new file takes the place of the old one. What is pending
   comes behind them, also what is in the file already. */
static int draft_publish(struct draft *draft, int64_t from)
{
    int rc = draft_tail(draft, &from, kv_log.size);
    if (rc == 0 && (fdatasync(draft->fd) < 0 || rename(draft->path, kv_log.path) < 0))
        rc = -errno;
    if (rc < 0)
        return rc;
    log_sync_directory();
    int old = kv_log.fd;
    kv_log.fd = draft->fd;
    draft->fd = old;
    kv_log.size = kv_log.base_size = draft->size;
    kv_log.unsynced = false;
    kv_log.written = 0;
    kv_log.rewrites++;
    return 0;
}

static int draft_open(struct draft *draft)
{
    if (asprintf(&draft->path, "%s.rewrite", kv_log.path) < 0)
        return draft->path = NULL, -ENOMEM;
    struct stat old;
    mode_t mode = fstat(kv_log.fd, &old) == 0 ? old.st_mode & 07777 : 0600;
    draft->fd = open(draft->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (draft->fd < 0 || flock(draft->fd, LOCK_EX | LOCK_NB) < 0 || fchmod(draft->fd, mode) < 0)
        return -errno;
    return 0;
}

/* Returns the place in the old file behind which all is that is done from now on. If that is lost, nothing is
   done meanwhile, and what is pending is in the store, too, and may be half of something. */
static int64_t begin_rewrite(void)
{
    pthread_mutex_lock(&kv_log.file_lock);
    db_lock();
    int64_t from = kv_log.size;
    if (kv_log.health == LOG_LOST) {
        kv_log.health = LOG_REPAIRED;
        kv_log.pending.size = kv_log.writing.size = kv_log.written = 0;
        kv_log.taken = kv_log.position;
    }
    db_unlock();
    pthread_mutex_unlock(&kv_log.file_lock);
    return from;
}

static int end_rewrite(struct draft *draft, int64_t from)
{
    pthread_mutex_lock(&kv_log.file_lock);
    int rc = draft_publish(draft, from);
    if (kv_log.health == LOG_REPAIRED) {
        kv_log.health = rc == 0 ? LOG_WELL : LOG_LOST;
        if (rc == 0) {
            kv_log.committed = kv_log.taken;
            kv_log.error = 0;
        }
    }
    pthread_mutex_unlock(&kv_log.file_lock);
    return rc;
}

/* The last part of the tail is to be short: nobody can commit while it is copied. */
static int draft_most_of_tail(struct draft *draft, int64_t *from)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < TRIES; i++) {
        int64_t to = file_size();
        if (to == *from)
            break;
        rc = draft_tail(draft, from, to);
        if (rc == 0 && fdatasync(draft->fd) < 0)
            rc = -errno;
    }
    return rc;
}

static int rewrite(struct draft *draft)
{
    int rc = draft_open(draft);
    if (rc < 0)
        return rc;
    int64_t from = begin_rewrite();
    rc = draft_entries(draft);
    if (rc == 0 && fdatasync(draft->fd) < 0)
        rc = -errno;
    if (rc == 0)
        rc = draft_most_of_tail(draft, &from);
    if (rc == 0)
        return end_rewrite(draft, from);
    if (kv_log.health == LOG_REPAIRED)
        kv_log.health = LOG_LOST;
    return rc;
}

static void rewrite_file(void)
{
    struct draft draft = {.fd = -1};
    kv_log.rewriting = true;
    kv_log.asked = false;
    int rc = rewrite(&draft);
    if (draft.fd >= 0)
        close(draft.fd);
    if (rc < 0 && draft.path)
        (void)unlink(draft.path);
    if (rc < 0 && rc != -ECANCELED) {
        fprintf(stderr, "kvstore: cannot rewrite %s: %s; it is kept as it is, and longer\n", kv_log.path,
                strerror(-rc));
        pthread_mutex_lock(&kv_log.file_lock);
        kv_log.base_size = kv_log.size; /* the next attempt comes when it has doubled again */
        pthread_mutex_unlock(&kv_log.file_lock);
    }
    kv_log.rewriting = false;
    free(draft.path);
    buffer_free(&draft.buffer);
}

/* ---------------------------------------------------------------- the thread */

/* The file stays what it is meanwhile: only this thread puts another one in its place. */
static void sync_file(void)
{
    pthread_mutex_lock(&kv_log.file_lock);
    bool needed = kv_log.policy == LOG_EVERYSEC && kv_log.unsynced;
    kv_log.unsynced = false;
    pthread_mutex_unlock(&kv_log.file_lock);
    if (!needed || fdatasync(kv_log.fd) == 0)
        return;
    int error = errno;
    fprintf(stderr, "kvstore: cannot sync %s: %s; it is rewritten\n", kv_log.path, strerror(error));
    log_lose(-error);
}

static void try_again(void)
{
    uint64_t position = log_position();
    if (log_commit_here(&position) == 0)
        fprintf(stderr, "kvstore: %s can be written again\n", kv_log.path);
}

static bool must_rewrite(void)
{
    pthread_mutex_lock(&kv_log.file_lock);
    bool must = log_has_grown() || kv_log.health == LOG_LOST || kv_log.asked;
    pthread_mutex_unlock(&kv_log.file_lock);
    return must;
}

/* Sleeps for a second, or until it is woken. False: the end. */
static bool sleep_on(void)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    pthread_mutex_lock(&keeper.lock);
    while (!keeper.awake && !keeper.ends && pthread_cond_timedwait(&keeper.wake, &keeper.lock, &until) == 0)
        ;
    keeper.awake = false;
    bool goes_on = !keeper.ends;
    pthread_mutex_unlock(&keeper.lock);
    return goes_on;
}

static void *keep(void *argument)
{
    (void)argument;
    while (sleep_on()) {
        sync_file();
        if (must_rewrite())
            rewrite_file();
        if (kv_log.error && kv_log.health == LOG_WELL)
            try_again();
    }
    return NULL;
}

void log_wake(void)
{
    pthread_mutex_lock(&keeper.lock);
    keeper.awake = true;
    pthread_cond_signal(&keeper.wake);
    pthread_mutex_unlock(&keeper.lock);
}

bool log_rewrite(void)
{
    if (!kv_log.appends)
        return false;
    kv_log.asked = true;
    log_wake();
    return true;
}

int log_start(void)
{
    sigset_t all, before;
    pthread_condattr_t clock;
    if (!kv_log.appends)
        return 0;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&keeper.wake, &clock);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&keeper.thread, NULL, keep, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    keeper.runs = rc == 0;
    return -rc;
}

void log_stop(void)
{
    if (!keeper.runs)
        return;
    pthread_mutex_lock(&keeper.lock);
    keeper.ends = true;
    pthread_cond_signal(&keeper.wake);
    pthread_mutex_unlock(&keeper.lock);
    pthread_join(keeper.thread, NULL);
    keeper.runs = false;
}
