/* What a thread serves with. */
#ifndef SS_SERVING_H
#define SS_SERVING_H

#include "server/idle.h"

struct loop;

struct serving {
    struct ss_server *server;
    struct loop *loop;  /* that the thread runs, for the room loop/ */
    uint64_t turn;      /* of this loop */
    struct idle parked; /* connections in this loop */
    /* Is the address just past the stack of the coroutine that runs? Async-signal-safe. */
    bool (*overflowed)(const struct loop *loop, const void *address);
};

/* What the calling thread serves with when it runs a loop, else NULL. Async-signal-safe. */
struct serving *serving_current(void);
/* The calling thread runs this loop from now on, NULL: none. Returns what it has run before. */
struct serving *serving_enter(struct serving *serving);

#endif
