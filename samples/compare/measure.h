/* SPDX-License-Identifier: MIT */
/* What a server and the processes that it has made need, as /proc tells. */
#ifndef COMPARE_MEASURE_H
#define COMPARE_MEASURE_H

#include <stdbool.h>
#include <sys/types.h>

/* The most that was seen at once. */
struct peak {
    unsigned processes, threads; /* threads of all processes */
    unsigned long kib;           /* of memory: what several processes share is counted once (PSS) */
};

/* Looks once. A look at hundreds of processes takes its time, in which nobody else should be measured: unless
   it is to be thorough, some of them are looked at, and the others taken to be like these. */
void measure(pid_t server, bool thorough, struct peak *peak);

#endif
