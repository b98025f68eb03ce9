/* SPDX-License-Identifier: MIT */
/* What was measured, as a table for people or for programs, and in words. */
#ifndef COMPARE_REPORT_H
#define COMPARE_REPORT_H

#include "compare/load.h"
#include "compare/measure.h"
#include "mixins.h"

enum { LOADS = 3, COLUMNS = 100 };

struct cell {
    bool measured;
    unsigned clients;
    struct figures figures;
    struct peak peak;
    double cpu, switches; /* microseconds of processor time, and changes to another task; of each request */
};

struct kind {
    const char *name, *what; /* of a load */
};
extern const struct kind kinds[LOADS];

void report_heading(int load, unsigned clients, unsigned idle);
void report_row(const struct mixin *mixin, const struct cell *cell);
void report_words(struct cell cells[LOADS][MIXINS]);
void report_csv_heading(void);
void report_csv_row(int load, const struct mixin *mixin, const struct cell *cell);

#endif
