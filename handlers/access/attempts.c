/* SPDX-License-Identifier: MIT */
#include "access/attempts.h"
#include "access.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
    WAYS = 4,       /* places that an entry may have */
    PAUSE = 5,      /* ms between two looks for a place among those that hash */
    LOOKS = 2000,   /* before that is given up */
    COUNT_BITS = 8, /* of failing.state: how many have failed; above them is when the window ends */
    COUNT_MASK = (1 << COUNT_BITS) - 1,
};
_Static_assert(HTTP_AUTH_FAILURES <= COUNT_MASK, "a count has so many bits");

struct failing {
    _Atomic uint64_t client, state;
};
struct known {
    _Atomic uint64_t low, high, until;
};
struct http_attempts {
    struct failing failing[HTTP_AUTH_CLIENTS];
    struct known known[HTTP_AUTH_KNOWN];
    _Atomic pid_t hashing[HTTP_AUTH_CHECKS]; /* whose place it is; 0: it is free */
};

int http_attempts_make(struct http_attempts **attempts)
{
    void *made = mmap(NULL, sizeof **attempts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED)
        return -errno;
    *attempts = made;
    return 0;
}

void http_attempts_free(struct http_attempts *attempts)
{
    if (attempts)
        munmap(attempts, sizeof *attempts);
}

/* ---------------------------------------------------------------- who has failed */

static uint64_t end_of_window(uint64_t state)
{
    return state >> COUNT_BITS;
}

/* The client's place, or the one that is given up for it: whose window ends first. */
static struct failing *find_failing(struct http_attempts *attempts, uint64_t client)
{
    struct failing *oldest = NULL;
    for (uint64_t i = 0; i < WAYS; i++) {
        struct failing *f = &attempts->failing[(client + i) % HTTP_AUTH_CLIENTS];
        if (atomic_load(&f->client) == client)
            return f;
        if (!oldest || end_of_window(atomic_load(&f->state)) < end_of_window(atomic_load(&oldest->state)))
            oldest = f;
    }
    return oldest;
}

unsigned http_attempts_begin(struct http_attempts *attempts, uint64_t client, uint64_t now)
{
    struct failing *f = find_failing(attempts, client);
    if (atomic_exchange(&f->client, client) != client)
        atomic_store(&f->state, 0);
    uint64_t before = atomic_load(&f->state), after;
    do {
        if (end_of_window(before) <= now)
            after = (now + HTTP_AUTH_WINDOW) << COUNT_BITS | 1;
        else if ((before & COUNT_MASK) < HTTP_AUTH_FAILURES)
            after = before + 1;
        else
            return (unsigned)(end_of_window(before) - now);
    } while (!atomic_compare_exchange_weak(&f->state, &before, after));
    return 0;
}

void http_attempts_forgive(struct http_attempts *attempts, uint64_t client)
{
    struct failing *f = find_failing(attempts, client);
    uint64_t before = atomic_load(&f->state);
    while (atomic_load(&f->client) == client && (before & COUNT_MASK) > 0 &&
           !atomic_compare_exchange_weak(&f->state, &before, before - 1))
        ;
}

/* ---------------------------------------------------------------- what was right */

/* Two that write at the same time may leave a mixture, which is nobody's tag. */
bool http_attempts_knows(struct http_attempts *attempts, struct http_tag tag, uint64_t now)
{
    for (uint64_t i = 0; i < WAYS; i++) {
        struct known *k = &attempts->known[(tag.low + i) % HTTP_AUTH_KNOWN];
        struct http_tag other = {atomic_load(&k->low), atomic_load(&k->high)};
        if (http_is_same_tag(tag, other) && atomic_load(&k->until) > now)
            return true;
    }
    return false;
}

void http_attempts_learn(struct http_attempts *attempts, struct http_tag tag, uint64_t now)
{
    struct known *oldest = &attempts->known[tag.low % HTTP_AUTH_KNOWN];
    for (uint64_t i = 1; i < WAYS; i++) {
        struct known *k = &attempts->known[(tag.low + i) % HTTP_AUTH_KNOWN];
        if (atomic_load(&k->until) < atomic_load(&oldest->until))
            oldest = k;
    }
    atomic_store(&oldest->until, 0);
    atomic_store(&oldest->low, tag.low);
    atomic_store(&oldest->high, tag.high);
    atomic_store(&oldest->until, now + HTTP_AUTH_TIME);
}

/* ---------------------------------------------------------------- how many are hashed */

static bool take_hashing_place(_Atomic pid_t *place)
{
    pid_t holder = atomic_load(place);
    bool is_free = holder == 0 || (kill(holder, 0) < 0 && errno == ESRCH);
    return is_free && atomic_compare_exchange_strong(place, &holder, getpid());
}

int http_attempts_enter(struct http_attempts *attempts)
{
    static const struct timespec pause = {.tv_nsec = PAUSE * 1000000};
    for (int look = 0; look < LOOKS; look++) {
        for (int place = 0; place < HTTP_AUTH_CHECKS; place++)
            if (take_hashing_place(&attempts->hashing[place]))
                return place;
        nanosleep(&pause, NULL);
    }
    return -EAGAIN;
}

void http_attempts_leave(struct http_attempts *attempts, int place)
{
    atomic_store(&attempts->hashing[place], 0);
}
