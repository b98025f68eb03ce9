/* The memory of requests. */
#include "server/request.h"
#include "memory/arena.h"
#include "server/process.h"
#include "server/timer.h"
#include <string.h>

struct request *request_new(void)
{
    struct request *request = spare_alloc(sizeof *request);
    if (!request)
        return NULL;
    memset(request, 0, sizeof *request);
    request->request.fd = request->number = -1;
    request->forks = forks_made(); /* too early, if anything: a fork that has its connection comes later */
    timer_init(&request->entry.timer);
    return request;
}

void request_free(struct request *request)
{
    spare_free(request);
}
