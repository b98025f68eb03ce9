/* SPDX-License-Identifier: MIT */
/* The lazy timing wheel; see timer.h.

   As `now` advances from slot to slot, a timer keeps its level until `now` enters its slot; there it is
   queued again, at a lower level, until it fires from level 0. What is due on a lower level is therefore
   always due before anything on a higher one, and one look at the lowest level in use finds the next slot.
   The top level alone is circular: its slots may belong to the next round. */
#include "server/timer.h"
#include "socketserver.h"
#include <stddef.h>
#include <time.h>

enum { TOP = WHEEL_LEVELS - 1, MASK = WHEEL_SLOTS - 1 };

/* The place of time t at this level. */
static uint64_t ticks(uint64_t t, unsigned level)
{
    return t >> (level * WHEEL_BITS);
}

/* The highest six bits in which two times differ; 0 when they do not. */
static unsigned level_of(uint64_t a, uint64_t b)
{
    unsigned level = (63 - (unsigned)__builtin_clzll((a ^ b) | 1)) / WHEEL_BITS;
    return level < TOP ? level : TOP;
}

/* How many slots on from `from` the first set bit is, going round. */
static unsigned distance(uint64_t bits, unsigned from)
{
    return (unsigned)__builtin_ctzll(bits >> from | bits << (-from & MASK));
}

/* The lowest level in use, WHEEL_LEVELS if there is none. */
static unsigned lowest(const struct wheel *wheel)
{
    unsigned level = 0;
    while (level < WHEEL_LEVELS && wheel->occupied[level] == 0)
        level++;
    return level;
}

/* When the first slot in use at this level begins. */
static uint64_t first(const struct wheel *wheel, unsigned level)
{
    uint64_t here = ticks(wheel->now, level);
    return (here + distance(wheel->occupied[level], here & MASK)) << (level * WHEEL_BITS);
}

static void push(struct wheel *wheel, unsigned level, struct timer *timer)
{
    unsigned index = ticks(timer->due, level) & MASK;
    struct timer **head = &wheel->slot[level][index];
    timer->next = *head;
    timer->prev = head;
    if (timer->next)
        timer->next->prev = &timer->next;
    *head = timer;
    wheel->occupied[level] |= UINT64_C(1) << index;
}

/* Queues a timer that is not queued. One further than the top level reaches is clamped to its last slot. */
static void queue(struct wheel *wheel, struct timer *timer)
{
    uint64_t due = timer->deadline > wheel->now ? timer->deadline : wheel->now;
    uint64_t last = ticks(wheel->now, TOP) + MASK;
    unsigned level = level_of(due, wheel->now);
    if (ticks(due, TOP) > last)
        due = last << (TOP * WHEEL_BITS);
    timer->due = due;
    push(wheel, level, timer);
}

/* At level 0 what is due may be due now; above, `now` leaves its own slot empty. */
void timer_remove(struct wheel *wheel, struct timer *timer)
{
    if (timer->due == TIMER_NEVER)
        return;
    *timer->prev = timer->next;
    if (timer->next)
        timer->next->prev = timer->prev;
    unsigned level = level_of(timer->due, wheel->now), index = ticks(timer->due, level) & MASK;
    if (!wheel->slot[level][index])
        wheel->occupied[level] &= ~(UINT64_C(1) << index);
    timer->due = TIMER_NEVER;
}

/* An earlier deadline moves a timer, a later one does when its slot's time comes. */
void timer_set(struct wheel *wheel, struct timer *timer, uint64_t deadline)
{
    timer->deadline = deadline;
    if (deadline >= timer->due)
        return;
    timer_remove(wheel, timer);
    queue(wheel, timer);
}

void timer_stop(struct timer *timer)
{
    timer->deadline = TIMER_NEVER;
}

void timer_init(struct timer *timer)
{
    *timer = (struct timer){.deadline = TIMER_NEVER, .due = TIMER_NEVER};
}

/* Queues what is in the slot that `now` has just entered anew, all of it lower down. */
static void cascade(struct wheel *wheel, unsigned level)
{
    unsigned index = ticks(wheel->now, level) & MASK;
    struct timer *timer = wheel->slot[level][index], *next;
    wheel->slot[level][index] = NULL;
    wheel->occupied[level] &= ~(UINT64_C(1) << index);
    for (; timer; timer = next) {
        next = timer->next;
        timer->due = TIMER_NEVER;
        if (timer->deadline != TIMER_NEVER)
            queue(wheel, timer);
    }
}

/* Takes one timer from the slot of this millisecond; NULL if its deadline has moved meanwhile. */
static struct timer *take_out(struct wheel *wheel, uint64_t now)
{
    struct timer *timer = wheel->slot[0][wheel->now & MASK];
    timer_remove(wheel, timer);
    if (timer->deadline <= now)
        return timer;
    if (timer->deadline != TIMER_NEVER)
        queue(wheel, timer);
    return NULL;
}

void wheel_init(struct wheel *wheel, uint64_t now)
{
    *wheel = (struct wheel){.now = now};
}

bool wheel_empty(const struct wheel *wheel)
{
    return !(wheel->occupied[0] | wheel->occupied[1] | wheel->occupied[2] | wheel->occupied[3]);
}

uint64_t wheel_next(const struct wheel *wheel)
{
    unsigned level = lowest(wheel);
    return level < WHEEL_LEVELS ? first(wheel, level) : TIMER_NEVER;
}

struct timer *wheel_expire(struct wheel *wheel, uint64_t now)
{
    struct timer *timer;
    unsigned level;
    while ((level = lowest(wheel)) < WHEEL_LEVELS && first(wheel, level) <= now) {
        wheel->now = first(wheel, level);
        if (level > 0)
            cascade(wheel, level);
        else if ((timer = take_out(wheel, now)))
            return timer;
    }
    if (wheel->now < now)
        wheel->now = now;
    return NULL;
}

uint64_t ss_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}
