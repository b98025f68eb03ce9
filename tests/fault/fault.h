/* SPDX-License-Identifier: MIT */
/* Calls of the C library that fail when the tests want them to. The state lies in memory that all processes
   of a program share with the tests (state.py has the same layout): it counts the calls, and says which of
   them fail. Without FAULT_STATE in the environment none does. */
#ifndef FAULT_H
#define FAULT_H

#include <stdatomic.h>
#include <stdint.h>

enum { FAULT_RULES = 8, FAULT_NAMES = 256, FAULT_NAME = 32, FAULT_EVENTS = 1 << 16 };

/* What can happen to a call, beside an errno: nothing, a part of what it is asked for, or that somebody
   removes the file that it has opened. */
enum { FAULT_NONE = 0, FAULT_SHORT = -1, FAULT_GONE = -2 };

/* From the first call that it is for (counted from 1), `count` of them fail. Only `seen` is written by the
 * program. */
struct fault_rule {
    _Atomic int32_t call; /* its number, from 0; -1: the rule is not in use */
    int32_t error;        /* an errno, or one of these numbers */
    uint64_t place;       /* the only place that it is for; 0: all */
    _Atomic uint64_t seen;
    uint64_t first, count;
};

/* A call that was made. `place` is written last. */
struct fault_event {
    _Atomic uint64_t place; /* where it returns to, counted from the program's first byte */
    /* These are atomic, too: when all events are forgotten while one is written down, another thread may be
       given its place. What the two make of it is forgotten as well. */
    _Atomic int32_t call, failed, pid, thread;
    _Atomic int64_t time; /* ms, of a clock that nobody sets */
};

struct fault_state {
    _Atomic uint64_t recording; /* whether all calls are events, or only those that fail */
    _Atomic uint64_t written;   /* events; those that are more than there is room for are only counted */
    uint64_t names;
    char name[FAULT_NAMES][FAULT_NAME]; /* of the calls */
    struct fault_rule rules[FAULT_RULES];
    struct fault_event events[FAULT_EVENTS];
};

/* The name of a call. All names lie in a section of their own, and their order there is the calls' number. */
struct fault_name {
    char text[FAULT_NAME];
};
/* The linker's names. NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
extern const struct fault_name __start_fault_names[], __stop_fault_names[];

/* What is to happen to this call, which returns to `place`. */
int fault(const struct fault_name *call, const void *place);

/* From now on nothing does. */
void fault_over(void);

#endif
