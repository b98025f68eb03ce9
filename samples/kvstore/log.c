/* SPDX-License-Identifier: MIT */
#include "kvstore/log_file.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct log kv_log = {.file_lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1, .policy = LOG_EVERYSEC};

/* ---------------------------------------------------------------- appending */

/* The error comes first: who sees that the log is lost, or being repaired, sees that nothing may be changed.
 */
void log_lose(int error)
{
    kv_log.error = error;
    kv_log.health = LOG_LOST;
    log_wake();
}

/* Adds what `add` adds. What cannot be noted is in the store all the same: the position says that there is
   something to be waited for, and a rewriting puts it into the file. */
static void append(unsigned count, const struct text *args, const struct entry *entry)
{
    struct buffer *pending = &kv_log.pending;
    bool added = kv_log.health != LOG_LOST;
    if (!kv_log.appends)
        return;
    kv_log.position++;
    if (added && kv_log.transaction == LOG_TOGETHER)
        added = buffer_add_command(pending, 1, &TEXT("MULTI"));
    if (kv_log.transaction == LOG_TOGETHER)
        kv_log.transaction = LOG_BEGUN;
    if (added)
        added = entry ? log_add_entry(pending, entry) : buffer_add_command(pending, count, args);
    if (!added && kv_log.health != LOG_LOST)
        log_lose(-ENOMEM);
}

bool log_add_entry(struct buffer *buffer, const struct entry *entry)
{
    char text[NUMBER_TEXT];
    int64_t when = db_expiry(entry);
    struct text args[] = {TEXT("SET"), entry_key(entry), value_text(entry->value), TEXT("PXAT"), {text, 0}};
    if (when)
        args[4].size = number_write(text, when);
    return buffer_add_command(buffer, when ? 5 : 3, args);
}

void log_set(const struct entry *entry)
{
    append(0, NULL, entry);
}

void log_write(struct text key, size_t offset, struct text data)
{
    char text[NUMBER_TEXT];
    struct text number = {text, number_write(text, (int64_t)offset)};
    append(4, (struct text[]){TEXT("SETRANGE"), key, number, data}, NULL);
}

void log_expire(const struct entry *entry)
{
    char text[NUMBER_TEXT];
    int64_t when = db_expiry(entry);
    struct text number = {text, number_write(text, when)};
    if (when)
        append(3, (struct text[]){TEXT("PEXPIREAT"), entry_key(entry), number}, NULL);
    else
        append(2, (struct text[]){TEXT("PERSIST"), entry_key(entry)}, NULL);
}

void log_delete(struct text key)
{
    append(2, (struct text[]){TEXT("DEL"), key}, NULL);
}

void log_flush(void)
{
    append(1, (struct text[]){TEXT("FLUSHALL")}, NULL);
}

bool log_begin(void)
{
    if (kv_log.transaction != LOG_ALONE)
        return false;
    kv_log.transaction = LOG_TOGETHER;
    return true;
}

void log_end(bool begun)
{
    if (!begun)
        return;
    bool written = kv_log.transaction == LOG_BEGUN;
    kv_log.transaction = LOG_ALONE;
    if (written)
        append(1, (struct text[]){TEXT("EXEC")}, NULL);
}

int log_failure(void)
{
    return atomic_load_explicit(&kv_log.error, memory_order_relaxed);
}

uint64_t log_position(void)
{
    return kv_log.position;
}

/* ---------------------------------------------------------------- writing */

bool log_is_committed(uint64_t position)
{
    return atomic_load_explicit(&kv_log.committed, memory_order_acquire) >= position;
}

int log_write_at(int fd, const struct buffer *buffer, size_t *written, int64_t at)
{
    while (*written < buffer->size) {
        ssize_t n = pwrite(fd, buffer->data + *written, buffer->size - *written, at + (int64_t)*written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        *written += (size_t)n;
    }
    return 0;
}

/* Takes what was appended. Its memory is used again, but not if it was much. */
static void take_pending(void)
{
    enum { KEPT = 1 << 20 };
    if (kv_log.writing.room > KEPT)
        buffer_free(&kv_log.writing);
    struct buffer empty = kv_log.writing;
    empty.size = 0;
    db_lock();
    kv_log.writing = kv_log.pending;
    kv_log.pending = empty;
    kv_log.taken = kv_log.position;
    db_unlock();
    kv_log.written = 0;
}

/* After an error the next attempt goes on in the same place of the file, so that nothing is in it half. */
static int write_pending(void)
{
    for (;;) {
        int rc = log_write_at(kv_log.fd, &kv_log.writing, &kv_log.written, kv_log.size);
        if (rc < 0)
            return rc;
        kv_log.size += (int64_t)kv_log.writing.size;
        kv_log.unsynced |= kv_log.writing.size > 0;
        kv_log.writing.size = kv_log.written = 0;
        take_pending();
        if (kv_log.writing.size == 0)
            return 0;
    }
}

/* What the kernel could not write it may have thrown away: only a new file is one again that can be relied
 * on. */
static int sync_file(void)
{
    if (kv_log.policy != LOG_ALWAYS || !kv_log.unsynced)
        return 0;
    int rc = fdatasync(kv_log.fd) < 0 ? -errno : 0;
    if (rc < 0)
        log_lose(rc);
    kv_log.unsynced = rc < 0;
    return rc;
}

static void report(int error)
{
    if (error != kv_log.error)
        fprintf(
            stderr,
            "kvstore: cannot write %s: %s; nothing is changed until that works, which is tried each second\n",
            kv_log.path, strerror(-error));
}

/* With the file's lock. Whoever waited for it finds, as a rule, that another one has written for both. */
static int commit(uint64_t position)
{
    if (log_is_committed(position))
        return 0;
    if (kv_log.health != LOG_WELL)
        return kv_log.error;
    int rc = write_pending();
    if (rc < 0)
        report(rc);
    if (rc == 0)
        rc = sync_file();
    kv_log.error = rc;
    if (rc < 0)
        return rc;
    atomic_store_explicit(&kv_log.committed, kv_log.taken, memory_order_release);
    if (log_has_grown())
        log_wake();
    return 0;
}

int log_commit_here(void *position)
{
    pthread_mutex_lock(&kv_log.file_lock);
    int rc = commit(*(uint64_t *)position);
    pthread_mutex_unlock(&kv_log.file_lock);
    return rc;
}

/* A disk takes its time: others run meanwhile. To write to the kernel's memory does not. */
int log_commit(struct ss_server *self, uint64_t position)
{
    if (kv_log.policy == LOG_ALWAYS || pthread_mutex_trylock(&kv_log.file_lock) != 0)
        return ss_offload(self, log_commit_here, &position);
    int rc = commit(position);
    pthread_mutex_unlock(&kv_log.file_lock);
    return rc;
}

void log_close(void)
{
    uint64_t position = log_position();
    int rc = kv_log.appends ? log_commit_here(&position) : 0;
    if (rc == 0 && kv_log.appends && fsync(kv_log.fd) < 0)
        rc = -errno;
    if (rc < 0)
        fprintf(stderr, "kvstore: what was done last may be missing in %s: %s\n", kv_log.path, strerror(-rc));
    if (kv_log.fd >= 0)
        close(kv_log.fd);
    kv_log.fd = -1;
    kv_log.appends = false;
    buffer_free(&kv_log.writing);
    buffer_free(&kv_log.pending);
    free(kv_log.path);
    kv_log.path = NULL;
}

void log_count(struct log_figures *figures)
{
    static const char *const policies[] = {"always", "everysec", "no"};
    pthread_mutex_lock(&kv_log.file_lock);
    *figures = (struct log_figures){.on = kv_log.appends,
                                    .rewriting = kv_log.rewriting || kv_log.asked,
                                    .policy = policies[kv_log.policy],
                                    .size = kv_log.size,
                                    .base_size = kv_log.base_size,
                                    .rewrites = kv_log.rewrites,
                                    .error = kv_log.error};
    pthread_mutex_unlock(&kv_log.file_lock);
}
