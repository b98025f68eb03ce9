/* SPDX-License-Identifier: MIT */
/* How many requests a client may make. For each client one number says when its next request would be due if
   they came evenly; how far that lies ahead tells how much of its allowance is used up (the generic cell rate
   algorithm). */
#include "access.h"
#include "access/client.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

enum { PLACES = 4 }; /* that a client may have in the table */

struct allowance {
    _Atomic uint64_t client, due; /* microseconds */
};

struct http_rate {
    struct http_key key;
    uint64_t interval, most; /* microseconds: between two requests; how far `due` may lie ahead */
    struct allowance clients[HTTP_RATE_CLIENTS];
};

int http_rate_new(unsigned per_second, unsigned at_once, struct http_rate **rate)
{
    if (per_second == 0 || per_second > HTTP_MAX_RATE || at_once == 0)
        return -EINVAL;
    struct http_rate *made =
        mmap(NULL, sizeof *made, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED)
        return -errno;
    if (getrandom(&made->key, sizeof made->key, 0) != (ssize_t)sizeof made->key) {
        int rc = -errno;
        munmap(made, sizeof *made);
        return rc;
    }
    made->interval = 1000000 / per_second;
    made->most = made->interval * at_once;
    *rate = made;
    return 0;
}

void http_rate_free(struct http_rate *rate)
{
    if (rate)
        munmap(rate, sizeof *rate);
}

/* The client's place, or that of the one who has used least of its allowance. */
static struct allowance *find_allowance(struct http_rate *rate, uint64_t client)
{
    struct allowance *found = NULL;
    for (uint64_t i = 0; i < PLACES; i++) {
        struct allowance *a = &rate->clients[(client + i) % HTTP_RATE_CLIENTS];
        if (atomic_load(&a->client) == client)
            return a;
        if (!found || atomic_load(&a->due) < atomic_load(&found->due))
            found = a;
    }
    if (atomic_exchange(&found->client, client) != client)
        atomic_store(&found->due, 0);
    return found;
}

/* 0, or in how many microseconds the client may come again. */
static uint64_t use_allowance(struct http_rate *rate, uint64_t client, uint64_t now)
{
    struct allowance *a = find_allowance(rate, client);
    uint64_t due = atomic_load(&a->due), next;
    do {
        next = (due > now ? due : now) + rate->interval;
        if (next - now > rate->most)
            return next - now - rate->most;
    } while (!atomic_compare_exchange_weak(&a->due, &due, next));
    return 0;
}

int http_check_rate(struct ss_handler *h, struct http_rate *rate)
{
    uint64_t wait = use_allowance(rate, http_client_of(h, &rate->key), ss_now() * 1000);
    if (wait == 0)
        return 0;
    const char *seconds = ss_format(h, "%u", (unsigned)(wait / 1000000) + 1);
    int rc = seconds ? http_error_header(h, "Retry-After", seconds) : -ENOMEM;
    return rc < 0 ? rc : http_send_error(h, 429, NULL, "Too many requests from your address; wait a while");
}
