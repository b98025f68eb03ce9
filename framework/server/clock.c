/* SPDX-License-Identifier: MIT */
#include "server/clock.h"
#include "server/core.h"
#include "server/wait.h"
#include "server/wakeup.h"
#include <errno.h>
#include <stdlib.h>

enum { SECOND = 1000 }; /* ms after which service_actions is called also on an idle server */

struct repeated {
    struct repeated *next; /* due later */
    uint64_t due;          /* as ss_now counts */
    int ms;
    int (*function)(struct ss_server *self, void *argument);
    void *argument;
};

static void insert(struct ss_core *core, struct repeated *repeated)
{
    struct repeated **next = &core->repeated;
    while (*next && (*next)->due <= repeated->due)
        next = &(*next)->next;
    repeated->next = *next;
    *next = repeated;
}

int ss_every(struct ss_server *self, int ms, int (*function)(struct ss_server *self, void *argument),
             void *argument)
{
    if (!self->core || ms <= 0 || !function)
        return -EINVAL;
    struct repeated *repeated = malloc(sizeof *repeated);
    if (!repeated)
        return -ENOMEM;
    *repeated = (struct repeated){
        .due = ss_now() + (uint64_t)ms, .ms = ms, .function = function, .argument = argument};
    insert(self->core, repeated);
    if (self->core->stepping) /* between two steps: it waits, perhaps for longer */
        (void)wakeup_send(self->core->serving.wake);
    return 0;
}

/* Of two limits, of which -1 is none. */
static int sooner(int ms, int other)
{
    return ms < 0 || (other >= 0 && other < ms) ? other : ms;
}

/* Of several loops in a process the first one has the clock. */
int clock_left(const struct ss_server *self, int ms)
{
    const struct ss_core *core = self->core;
    const struct ss_class *base = core->mro[core->count - 1]; /* BaseServer */
    if (!serving_is_first(self))
        return ms;
    if (methods_of(self)->service_actions != base->service_actions)
        ms = sooner(ms, SECOND);
    return core->repeated ? sooner(ms, ms_until(core->repeated->due)) : ms;
}

/* Where it was late by more than once it does not catch up. */
static void call_and_queue(struct ss_server *self, struct repeated *repeated)
{
    if (repeated->function(self, repeated->argument) != 0) {
        free(repeated);
        return;
    }
    uint64_t ms = (uint64_t)repeated->ms;
    repeated->due += (1 + (ss_now() - repeated->due) / ms) * ms;
    insert(self->core, repeated);
}

void clock_tick(struct ss_server *self)
{
    struct ss_core *core = self->core;
    methods_of(self)->service_actions(self);
    if (!serving_is_first(self) || !core->repeated)
        return;
    uint64_t now = ss_now();
    for (struct repeated *first; (first = core->repeated) && first->due <= now && !ss_draining(self);) {
        core->repeated = first->next;
        call_and_queue(self, first);
    }
}

void clock_clear(struct ss_core *core)
{
    for (struct repeated *first; (first = core->repeated);) {
        core->repeated = first->next;
        free(first);
    }
}
