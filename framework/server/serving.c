/* SPDX-License-Identifier: MIT */
/* What a thread serves with, how it is found, and what else is known of threads. */
#include "server/serving.h"
#include "server/core.h"
#include "server/wakeup.h"

static _Thread_local struct serving *current;

struct serving *serving_current(void)
{
    return current;
}

struct serving *serving_enter(struct serving *serving)
{
    struct serving *before = current;
    current = serving;
    return before;
}

struct serving *serving_of(const struct ss_server *self)
{
    return current && current->server == self ? current : &self->core->serving;
}

bool serving_is_first(const struct ss_server *self)
{
    return serving_of(self) == &self->core->serving;
}

static _Thread_local unsigned inside;

void thread_enters(void)
{
    inside++;
}

void thread_leaves(void)
{
    inside--;
}

bool thread_is_foreign(void)
{
    return inside == 0 && !current;
}

int ss_fileno(const struct ss_server *self)
{
    return self->core ? *serving_of(self)->socket : -1;
}

void serving_started(struct serving *serving)
{
    atomic_fetch_add(&serving->active, 1);
}

void serving_ended(struct serving *serving)
{
    atomic_fetch_sub(&serving->active, 1);
    if (atomic_load(&serving->waiting))
        (void)wakeup_send(serving->wake);
}

uint64_t ss_turn(const struct ss_server *self)
{
    static atomic_ullong turns = 1ULL << 63; /* never one of a loop's */
    (void)self;
    return current ? current->turn : atomic_fetch_add_explicit(&turns, 1, memory_order_relaxed);
}

static _Thread_local unsigned polls;

unsigned polls_made(void)
{
    return polls;
}

void note_poll(void)
{
    polls++;
}
