/* SPDX-License-Identifier: MIT */
/* Tasks of handlers: to whom a wait belongs. */
#include "server/tasks.h"
#include "server/core.h"
#include "server/wakeup.h"

static _Thread_local struct ss_tasks *of_thread;

/* Where the calling thread or coroutine keeps it. */
static struct ss_tasks **kept_at(const struct ss_server *self)
{
    const struct serving *serving = serving_current();
    return serving && serving->server == self ? serving->tasks_of(serving->loop) : &of_thread;
}

struct ss_tasks *tasks_current(const struct ss_server *self)
{
    return *kept_at(self);
}

struct ss_tasks *tasks_enter(const struct ss_server *self, struct ss_tasks *tasks)
{
    struct ss_tasks **at = kept_at(self), *before = *at;
    *at = tasks;
    return before;
}

struct ss_tasks *tasks_exchange(struct ss_tasks *tasks)
{
    struct ss_tasks *before = of_thread;
    of_thread = tasks;
    return before;
}

void tasks_cancel(struct ss_tasks *tasks)
{
    atomic_store(&tasks->canceled, true);
    (void)wakeup_send(tasks->cancel);
}
