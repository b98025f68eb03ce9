/* SPDX-License-Identifier: MIT */
/* What was counted: in memory that all threads and processes share, so there is a place for each series from
   the start. (Memory that nobody has touched yet takes none.) */
#ifndef METRICS_TABLE_H
#define METRICS_TABLE_H

#include "metrics/statsd.h"
#include <stdint.h>

enum { SERIES = 1000, MEMBERS = 1024 /* of a set */ };
/* Times are counted by size: 16 for each doubling, from 2^-20 to 2^44; so a quantile is right within 1/32. */
enum { STEPS = 16, LOWEST = -20, BUCKETS = 64 * STEPS };

enum verdict { TAKEN, MALFORMED, TABLE_FULL, SET_FULL, CONFLICT, VERDICTS };

struct series {
    enum kind kind;
    char name[NAME + 1], labels[LABELS + 1];
    double value; /* a counter's, a gauge's; the sum of a timer's */
    double count, least, most;
    unsigned member_count;
    union {
        double buckets[BUCKETS];
        uint64_t members[MEMBERS]; /* hashes */
    } u;
};

struct table {
    uint64_t key;                /* of the hashes: nobody can choose members that have the same one */
    uint64_t verdicts[VERDICTS]; /* how many lines */
    char conflict[NAME + 1];     /* the last name of one */
    unsigned count;
    uint16_t order[SERIES]; /* by name and labels */
    struct series series[SERIES];
};

/* Adds what a line says; returns what has become of it. CONFLICT: another kind of metric has the name, or a
   timer needs it for its _sum and _count. The caller has the lock, and counts the verdict. */
enum verdict table_add(struct table *table, struct metric *metric);

/* Puts in order what one who was killed has left. */
void table_repair(struct table *table);

/* The value below which a share of `q` of the times lies. */
double series_quantile(const struct series *series, double q);

#endif
