/* SPDX-License-Identifier: MIT */
#include "server/robust.h"
#include <errno.h>
#include <time.h>

enum { LOOK = 20 }; /* ms; see wait_for_holder */

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

#ifdef __SANITIZE_THREAD__
/* ThreadSanitizer does not know that pthread_mutex_clocklock, too, may say EOWNERDEAD. */
static int wait_a_while(pthread_mutex_t *mutex)
{
    nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    return -pthread_mutex_trylock(mutex);
}
#else
static int wait_a_while(pthread_mutex_t *mutex)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_nsec += LOOK * 1000000L;
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    return -pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &end);
}
#endif

/* Waits for the lock. When a process is killed that waits as well, the wake-up that it was to have may be
   lost, and the lock be free while others sleep. So they look again after a while. */
static int wait_for_holder(struct robust *lock)
{
    int rc;
    do
        rc = wait_a_while(&lock->mutex);
    while (rc == -ETIMEDOUT || rc == -EBUSY);
    return rc;
}

int robust_lock(struct robust *lock)
{
    int rc = -pthread_mutex_trylock(&lock->mutex);
    if (rc == -EBUSY)
        rc = wait_for_holder(lock);
    if (rc == -EOWNERDEAD)
        pthread_mutex_consistent(&lock->mutex);
    return rc;
}

int robust_unlock(struct robust *lock)
{
    return -pthread_mutex_unlock(&lock->mutex);
}
