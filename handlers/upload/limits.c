/* SPDX-License-Identifier: MIT */
/* How much is received at once, by all threads and processes of a server together. */
#include "upload/upload.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

/* An upload: the process that receives it (0: the slot is free), and its bytes. */
struct slot {
    pid_t pid;
    int64_t size;
};

static struct table {
    pthread_mutex_t lock, naming; /* robust: another process can take them when their holder has died */
    struct slot slots[HTTP_UPLOADS];
} * table;

static int make_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attributes;
    int rc = pthread_mutexattr_init(&attributes);
    if (rc != 0)
        return -rc;
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    rc = pthread_mutex_init(lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return -rc;
}

static int make_table(void)
{
    struct table *made = mmap(NULL, sizeof *made, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED)
        return -errno;
    int rc = make_lock(&made->lock);
    if (rc == 0)
        rc = make_lock(&made->naming);
    if (rc < 0)
        munmap(made, sizeof *made);
    else
        table = made;
    return rc;
}

int http_limits_share(void)
{
    static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&making);
    int rc = table ? 0 : make_table();
    pthread_mutex_unlock(&making);
    return rc;
}

/* The table is consistent at any time, so there is nothing to repair when the holder of the lock has died. */
static void lock_table(void)
{
    if (pthread_mutex_lock(&table->lock) == EOWNERDEAD)
        pthread_mutex_consistent(&table->lock);
}

static void unlock_table(void)
{
    pthread_mutex_unlock(&table->lock);
}

/* ---------------------------------------------------------------- with the lock held */

static void forget_the_dead(void)
{
    for (int i = 0; i < HTTP_UPLOADS; i++)
        if (table->slots[i].pid != 0 && kill(table->slots[i].pid, 0) < 0 && errno == ESRCH)
            table->slots[i] = (struct slot){0};
}

static bool fits(const struct http_limits *limits, int64_t size, unsigned more, int *free)
{
    unsigned count = more;
    int64_t left = limits->receiving - size;
    *free = -1;
    for (int i = HTTP_UPLOADS - 1; i >= 0 && left >= 0; i--) {
        if (table->slots[i].pid == 0) {
            *free = i;
            continue;
        }
        left -= table->slots[i].size;
        count++;
    }
    return left >= 0 && count <= limits->uploads && (*free >= 0 || more == 0);
}

/* If it does not fit, the slots of processes that have died are freed first. */
static bool fits_now(const struct http_limits *limits, int64_t size, unsigned more, int *free)
{
    if (fits(limits, size, more, free))
        return true;
    forget_the_dead();
    return fits(limits, size, more, free);
}

/* ---------------------------------------------------------------- without it */

int http_limits_enter(const struct http_limits *limits, int64_t size, struct http_share *share)
{
    int rc = http_limits_share(), free;
    share->slot = -1;
    if (rc < 0)
        return rc;
    lock_table();
    if (fits_now(limits, size, 1, &free)) {
        table->slots[free] = (struct slot){getpid(), size};
        share->slot = free;
    }
    unlock_table();
    return share->slot >= 0 ? 0 : -EAGAIN;
}

int http_limits_grow(const struct http_limits *limits, const struct http_share *share, int64_t size)
{
    int64_t more = size - table->slots[share->slot].size;
    int free, rc = 0;
    if (more <= 0)
        return 0;
    lock_table();
    if (fits_now(limits, more, 0, &free))
        table->slots[share->slot].size = size;
    else
        rc = -EAGAIN;
    unlock_table();
    return rc;
}

void http_limits_leave(struct http_share *share)
{
    if (share->slot < 0)
        return;
    lock_table();
    table->slots[share->slot] = (struct slot){0};
    unlock_table();
    share->slot = -1;
}

/* ---------------------------------------------------------------- giving names */

int http_naming_try_lock(void)
{
    int rc = http_limits_share();
    if (rc < 0)
        return rc;
    rc = pthread_mutex_trylock(&table->naming);
    if (rc == EOWNERDEAD)
        rc = pthread_mutex_consistent(&table->naming);
    return rc == EBUSY ? -EAGAIN : -rc;
}

void http_naming_unlock(void)
{
    pthread_mutex_unlock(&table->naming);
}
