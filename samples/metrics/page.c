/* SPDX-License-Identifier: MIT */
/* Whoever has the lock keeps all others waiting, so nothing is written to a client under it: one series after
   the other is copied, and written then. */
#include "metrics/page.h"
#include "metrics/table.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const types[] = {"counter", "gauge", "summary", "gauge"};
static const double quantiles[] = {0.5, 0.9, 0.99};
static const char *const reasons[VERDICTS] = {NULL, "malformed", "too_many_series", "too_many_members",
                                              "name_of_another_kind"};

int page_lock(struct ss_server *server, const struct ss_class *cls)
{
    int rc = ss_lock(server, cls);
    if (rc == -EOWNERDEAD)
        table_repair(ss_shared(server, cls));
    return rc == -EOWNERDEAD ? 0 : rc;
}

/* In as few digits as tell it from all other numbers. */
static const char *number(double value, char text[32])
{
    if (!isfinite(value))
        return isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, 32, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return text;
}

static int write_sample(struct ss_handler *h, const struct series *series, const char *ending,
                        const char *more, double value)
{
    char text[32];
    bool some = *series->labels || *more;
    return ss_printf(h->wfile, "%s%s%s%s%s%s%s %s\n", series->name, ending, some ? "{" : "", series->labels,
                     *series->labels && *more ? "," : "", more, some ? "}" : "", number(value, text));
}

static int write_series(struct ss_handler *h, const struct series *series)
{
    char label[40], text[32];
    if (series->kind == SET)
        return write_sample(h, series, "", "", series->member_count);
    if (series->kind != TIMER)
        return write_sample(h, series, "", "", series->value);
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        snprintf(label, sizeof label, "quantile=\"%s\"", number(quantiles[i], text));
        write_sample(h, series, "", label, series_quantile(series, quantiles[i]));
    }
    write_sample(h, series, "_sum", "", series->value);
    return write_sample(h, series, "_count", "", series->count);
}

/* How the server itself is. */
static int write_own(struct ss_handler *h, const uint64_t verdicts[VERDICTS], const char *conflict)
{
    ss_printf(h->wfile,
              "# TYPE metrics_lines_total counter\nmetrics_lines_total %llu\n"
              "# TYPE metrics_dropped_lines_total counter\n",
              (unsigned long long)verdicts[TAKEN]);
    for (int i = TAKEN + 1; i < VERDICTS; i++)
        ss_printf(h->wfile, "metrics_dropped_lines_total{reason=\"%s\"} %llu\n", reasons[i],
                  (unsigned long long)verdicts[i]);
    return *conflict ? ss_printf(h->wfile, "# The last name of another kind: %s\n", conflict) : 0;
}

int page_write(struct ss_handler *h, struct ss_server *server, const struct ss_class *cls)
{
    const struct table *table = ss_shared(server, cls);
    uint64_t verdicts[VERDICTS];
    uint16_t order[SERIES];
    char conflict[NAME + 1], name[NAME + 1] = "";
    struct series *copy = ss_alloc(h, sizeof *copy);
    int rc = copy ? page_lock(server, cls) : -ENOMEM;
    if (rc < 0)
        return rc;
    unsigned count = table->count;
    memcpy(order, table->order, count * sizeof *order);
    memcpy(verdicts, table->verdicts, sizeof verdicts);
    strcpy(conflict, table->conflict);
    ss_unlock(server, cls);
    rc = write_own(h, verdicts, conflict);
    for (unsigned i = 0; rc == 0 && i < count && (rc = page_lock(server, cls)) == 0; i++) {
        *copy = table->series[order[i]];
        ss_unlock(server, cls);
        if (strcmp(name, copy->name) != 0)
            ss_printf(h->wfile, "# TYPE %s %s\n", copy->name, types[copy->kind]);
        strcpy(name, copy->name);
        rc = write_series(h, copy);
    }
    return rc;
}
