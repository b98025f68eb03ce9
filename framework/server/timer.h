/* SPDX-License-Identifier: MIT */
/* Timers, for connections that nearly always do something before their time is up.

   A hierarchical timing wheel in milliseconds, and a lazy one: to move a queued timer later, or to stop it,
   only stamps its deadline. It stays in its slot, and when that slot's time comes it is queued anew, or
   dropped. So a connection may set its timer on every read, and the wheel works once per timeout instead.

        timer_set(&wheel, &conn->timer, now + 5000);            as often as you like
        ...
        wait at most until wheel_next(&wheel);
        while ((timer = wheel_expire(&wheel, now)) != NULL)
            ... the timer is yours again ...

   Times are milliseconds of a clock that never goes back. No timer fires early. One fires in the first
   wheel_expire that is told of its deadline or a later time, whatever its distance was; several are returned
   in about that order.

   1. The caller owns the timers and the wheel; nothing is allocated. They belong to one thread.
   2. A stopped timer may still be queued: timer_remove before its memory goes.
   3. A timer that wheel_expire returned is not queued. To set it again no later than `now` from the loop
   above is to get it again in that same loop.
 */
#ifndef TIMER_H
#define TIMER_H

#include <stdbool.h>
#include <stdint.h>

#define TIMER_NEVER UINT64_MAX

enum {
    WHEEL_BITS = 6, /* of the time, for each level */
    WHEEL_SLOTS = 1 << WHEEL_BITS,
    WHEEL_LEVELS = 4, /* 4.6 hours; what is further is queued there, and again when that slot's time comes */
};

/* All fields are private. */
struct timer {
    uint64_t deadline;   /* when to fire; TIMER_NEVER: stopped */
    uint64_t due;        /* when the wheel looks at it: at the deadline or before; TIMER_NEVER: not queued */
    struct timer *next;  /* in its slot */
    struct timer **prev; /* what points to it */
};

/* All fields are private. A timer's slot is the first in time that its `due` and `now` do not share: level n
   is where they differ in the n-th six bits, and not above. */
struct wheel {
    uint64_t now;                    /* every slot before this time has been emptied */
    uint64_t occupied[WHEEL_LEVELS]; /* a bit for each slot that is not empty */
    struct timer *slot[WHEEL_LEVELS][WHEEL_SLOTS];
};

/* An empty wheel. */
void wheel_init(struct wheel *wheel, uint64_t now);

/* The time of the earliest slot in use: there may be nothing to fire by then, but there is nothing before.
   TIMER_NEVER when the wheel is empty. */
uint64_t wheel_next(const struct wheel *wheel);

/* One timer whose deadline is `now` or before, no longer queued; call until NULL. */
struct timer *wheel_expire(struct wheel *wheel, uint64_t now);

/* Takes the timer out, so that its memory may go; harmless when it is not queued. It may be set again. */
void timer_remove(struct wheel *wheel, struct timer *timer);

/* A timer that is not queued. */
void timer_init(struct timer *timer);

/* Nothing is queued. */
bool wheel_empty(const struct wheel *wheel);

/* Fires at the deadline, instead of when it was set to fire before. */
void timer_set(struct wheel *wheel, struct timer *timer, uint64_t deadline);

/* Does not fire, until it is set again. */
void timer_stop(struct timer *timer);

#endif
