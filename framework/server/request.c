/* The memory of requests. */
#include "server/core.h"
#include <stdlib.h>
#include <string.h>

/* Kept for the next ones by each thread that serves: a burst of datagrams is more than malloc keeps at hand.
 */
#ifdef __SANITIZE_ADDRESS__
enum { SPARE_REQUESTS = 0 }; /* so that it sees who uses one that is gone */
#else
enum { SPARE_REQUESTS = 64 };
#endif

static struct request *take_spare(struct block_pool *pool)
{
    struct entry *entry = pool->requests;
    pool->requests = entry->next;
    pool->request_count--;
    return container_of(entry, struct request, entry);
}

void request_free(struct request *request)
{
    struct block_pool *pool = block_pool_current();
    if (!pool || pool->request_count >= SPARE_REQUESTS) {
        free(request);
        return;
    }
    request->entry.next = pool->requests;
    pool->requests = &request->entry;
    pool->request_count++;
}

struct request *request_new(void)
{
    struct block_pool *pool = block_pool_current();
    struct request *request = pool && pool->requests ? take_spare(pool) : malloc(sizeof *request);
    if (request) {
        memset(request, 0, sizeof *request);
        request->request.fd = request->number = -1;
        request->forks =
            forks_made(); /* too early, if anything: a fork that has its connection comes later */
        timer_init(&request->entry.timer);
    }
    return request;
}
