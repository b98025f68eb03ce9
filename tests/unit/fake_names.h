/* SPDX-License-Identifier: MIT */
/* For unit tests: a resolver that stands before the C library's. Names that begin with "dead" get no answer
   until release_dead() is called. Names in `fakes` have the addresses that stand there, or the error. */
#ifndef FAKE_NAMES_H
#define FAKE_NAMES_H

#include "server_thread.h"
#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>

enum { FAKE_ADDRESSES = 50 };
static struct {
    const char *name;
    int rc, error;                             /* the result if it is not 0, and errno */
    const char *addresses[FAKE_ADDRESSES + 1]; /* numbers */
} fakes[20];

static pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t fake_change = PTHREAD_COND_INITIALIZER;
static bool dead_are_released;
static unsigned dead_now, dead_most, dead_ever; /* look-ups that wait, the most at once, all of them */

static inline void wait_as_dead(void)
{
    pthread_mutex_lock(&fake_lock);
    dead_ever++;
    if (++dead_now > dead_most)
        dead_most = dead_now;
    pthread_cond_broadcast(&fake_change);
    while (!dead_are_released)
        pthread_cond_wait(&fake_change, &fake_lock);
    dead_now--;
    pthread_cond_broadcast(&fake_change);
    pthread_mutex_unlock(&fake_lock);
}

static inline void expect_dead(unsigned count)
{
    pthread_mutex_lock(&fake_lock);
    while (dead_now != count)
        pthread_cond_wait(&fake_change, &fake_lock);
    pthread_mutex_unlock(&fake_lock);
}

/* Returns when none waits any more. */
static inline void release_dead(void)
{
    pthread_mutex_lock(&fake_lock);
    dead_are_released = true;
    pthread_cond_broadcast(&fake_change);
    while (dead_now > 0)
        pthread_cond_wait(&fake_change, &fake_lock);
    dead_are_released = false;
    dead_most = dead_ever = 0;
    pthread_mutex_unlock(&fake_lock);
}

static inline int real_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                                   struct addrinfo **list)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
    void *found = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&real, &found, sizeof real);
    return real(name, service, hints, list);
}

static inline int fake_addresses(const char *const *addresses, const char *service,
                                 const struct addrinfo *hints, struct addrinfo **list)
{
    struct addrinfo numbers = *hints, **last = list;
    int rc = 0;
    numbers.ai_flags |= AI_NUMERICHOST;
    for (*list = NULL; *addresses && rc == 0; addresses++) {
        rc = real_getaddrinfo(*addresses, service, &numbers, last);
        if (rc == EAI_ADDRFAMILY) /* not what was asked for */
            rc = 0, *last = NULL;
        else if (rc == 0)
            last = &(*last)->ai_next;
    }
    if (rc == 0 && !*list)
        return EAI_ADDRFAMILY;
    if (rc != 0 && *list)
        freeaddrinfo(*list);
    return rc;
}

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict list)
{
    bool numeric = hints->ai_flags & AI_NUMERICHOST;
    if (name && !numeric && strncmp(name, "dead", 4) == 0) {
        wait_as_dead();
        return fake_addresses((const char *const[]){"127.0.0.1", "::1", NULL}, service, hints, list);
    }
    for (size_t i = 0; name && i < COUNT(fakes) && fakes[i].name; i++)
        if (strcmp(fakes[i].name, name) == 0) {
            errno = fakes[i].error;
            return numeric       ? EAI_NONAME
                   : fakes[i].rc ? fakes[i].rc
                                 : fake_addresses(fakes[i].addresses, service, hints, list);
        }
    return real_getaddrinfo(name, service, hints, list);
}

#endif
