/* SPDX-License-Identifier: MIT */
#include "server/robust.h"
#include <errno.h>

int robust_init(struct robust *lock)
{
    pthread_mutexattr_t attributes;
    int rc = -pthread_mutexattr_init(&attributes);
    if (rc < 0)
        return rc;
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    rc = -pthread_mutex_init(&lock->mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return rc;
}

int robust_lock(struct robust *lock)
{
    int rc = -pthread_mutex_lock(&lock->mutex);
    if (rc == -EOWNERDEAD)
        pthread_mutex_consistent(&lock->mutex);
    return rc;
}

int robust_unlock(struct robust *lock)
{
    return -pthread_mutex_unlock(&lock->mutex);
}
