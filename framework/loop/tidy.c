/* SPDX-License-Identifier: MIT */
/* Memory of stacks that are not needed: a handler may have gone deep once, and many may have run at once for
   a moment only. To look at one stack takes a system call, so the tasks that have run are put into a list,
   which is gone through after a while. */
#include "loop/coroutine.h"
#include "loop/loop.h"
#include "server/request.h"
#include "server/timer.h"
#include <limits.h>
#include <stdlib.h>

enum { TIDY_BATCH = 256 }; /* stacks that are looked at before other tasks run */
enum { IDLE_STACKS = 64 }; /* idle tasks that keep their stacks, for the next requests */

void loop_task_free(struct loop *loop, struct task *task)
{
    timer_remove(&loop->wheel, &task->entry.timer);
    co_destroy(task->co);
    loop->tasks--;
    free(task);
}

static void look_within(struct loop *loop, uint64_t now, unsigned ms)
{
    loop->tidy_time = now + ms;
    loop->wait_limit = ms;
}

void loop_gather(struct loop *loop, struct task *task)
{
    task->dirty = true;
    task->next_dirty = loop->dirty;
    if (!loop->dirty)
        look_within(loop, ss_now(), TIDY_TIME);
    loop->dirty = task;
}

struct task *loop_take_idle(struct loop *loop)
{
    struct task *task = loop->idle;
    if (!task)
        return NULL;
    loop->idle = task->next_idle;
    loop->idle_count--;
    if (loop->spare > loop->idle_count)
        loop->spare = loop->idle_count;
    return task;
}

void loop_put_aside(struct loop *loop, struct entry *entry)
{
    if (!loop->aside)
        look_within(loop, ss_now(), TIDY_TIME);
    entry->next = NULL;
    *loop->aside_tail = entry;
    loop->aside_tail = &entry->next;
}

struct entry *loop_take_aside(struct loop *loop)
{
    struct entry *entry = loop->aside;
    loop->aside = entry->next;
    if (!loop->aside)
        loop->aside_tail = &loop->aside;
    return entry;
}

void loop_tidy(struct loop *loop, uint64_t now)
{
    int left = TIDY_BATCH;
    struct task *task;
    while (loop->aside)
        loop_queue(loop, loop_take_aside(loop));
    for (; left > 0 && (task = loop->dirty); left--) {
        loop->dirty = task->next_dirty;
        task->dirty = false;
        co_trim(task->co, task == loop->running);
    }
    for (; left > 0 && loop->spare > IDLE_STACKS; left--) {
        loop->spare--;
        loop_task_free(loop, loop_take_idle(loop));
    }
    if (loop->dirty || loop->spare > IDLE_STACKS) {
        look_within(loop, now, 0);
        return;
    }
    loop->spare = loop->idle_count;
    if (loop->spare > IDLE_STACKS) {
        look_within(loop, now, TIDY_TIME);
        return;
    }
    loop->tidy_time = TIMER_NEVER;
    loop->wait_limit = UINT_MAX;
}
