/* SPDX-License-Identifier: MIT */
/* For the files that make the log: log.c appends, log_load.c reads, log_rewrite.c writes anew. */
#ifndef KVSTORE_LOG_FILE_H
#define KVSTORE_LOG_FILE_H

#include "kvstore/log.h"
#include <pthread.h>

/* LOG_LOST: the file is not what was done, and has to be rewritten: nothing is appended to it any more, and,
   as there is an error before, nothing is changed. LOG_REPAIRED: that goes on. */
enum log_health { LOG_WELL, LOG_LOST, LOG_REPAIRED };

struct log {
    /* Set by log_open. */
    char *path;
    bool appends; /* there is a log, and it was read */
    enum log_policy policy;

    /* With the store's lock. */
    struct buffer pending;     /* appended, and not yet being written */
    _Atomic uint64_t position; /* how much was appended */
    enum {
        LOG_ALONE,
        LOG_TOGETHER,
        LOG_BEGUN
    } transaction; /* between log_begin and log_end; MULTI is written */

    /* With the file's lock, which is taken before the store's. */
    pthread_mutex_t file_lock;
    int fd;
    int64_t size, base_size; /* of what is whole in the file; and when it was rewritten */
    struct buffer writing;   /* what is being written; what is left of it after an error */
    size_t written;          /* of that */
    uint64_t taken;          /* position behind it */
    unsigned rewrites;
    bool unsynced; /* for LOG_EVERYSEC */

    /* Any thread. */
    _Atomic uint64_t committed; /* position up to which all is written, and synced if the policy is so */
    _Atomic int error;          /* -errno: of the last attempt to write */
    _Atomic enum log_health health;
    _Atomic bool asked; /* for a rewriting */
    _Atomic bool rewriting;
};

extern struct log kv_log;

/* Adds the command that makes this entry. False: there is no memory. */
bool log_add_entry(struct buffer *buffer, const struct entry *entry);
/* Writes all of it at this place of a file. 0 or -errno; *written is what it came to. */
int log_write_at(int fd, const struct buffer *buffer, size_t *written, int64_t at);
/* Makes the name of a new file last. */
void log_sync_directory(void);
/* Is it time to rewrite the file? With the file's lock. */
bool log_has_grown(void);
/* Wakes the thread that does it. */
void log_wake(void);
/* As log_commit, in this thread. `position` is a uint64_t. */
int log_commit_here(void *position);
/* The file is not what was done, for this reason. */
void log_lose(int error);

#endif
