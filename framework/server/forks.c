/* How often this process has forked: a child has all that was open then, connections too. */
#include "server/core.h"

static atomic_uint forks;

static void count(void)
{
    atomic_fetch_add(&forks, 1);
}

/* Counted before and behind it, so that what is opened by another thread in between makes a difference. */
static void watch(void)
{
    (void)pthread_atfork(count, count, count);
}

void forks_watch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch);
}

unsigned forks_made(void)
{
    return atomic_load_explicit(&forks, memory_order_relaxed);
}
