/* SPDX-License-Identifier: MIT */
/* The series, sorted. They only become more, until the table is full: Prometheus wants totals that stay. */
#include "metrics/table.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- times */

/* Halves of a power of two are told apart by its exponent and the first bits of its fraction. */
static int bucket_of(double number)
{
    int exponent;
    double fraction = frexp(number, &exponent); /* 0.5 to 1 */
    int bucket = (exponent - LOWEST) * STEPS + (int)((fraction - 0.5) * 2 * STEPS);
    return number <= 0 || bucket < 0 ? 0 : bucket >= BUCKETS ? BUCKETS - 1 : bucket;
}

static double middle_of(int bucket)
{
    double fraction = 0.5 + (bucket % STEPS + 0.5) / (2 * STEPS);
    return ldexp(fraction, bucket / STEPS + LOWEST);
}

double series_quantile(const struct series *series, double q)
{
    double below = 0, wanted = q * series->count;
    int bucket = 0;
    while (bucket < BUCKETS - 1 && (below += series->u.buckets[bucket]) < wanted)
        bucket++;
    double middle = middle_of(bucket);
    return middle < series->least ? series->least : middle > series->most ? series->most : middle;
}

static void add_time(struct series *series, double number, double weight)
{
    if (series->count == 0)
        series->least = series->most = number;
    series->least = number < series->least ? number : series->least;
    series->most = number > series->most ? number : series->most;
    series->value += number * weight;
    series->u.buckets[bucket_of(number)] += weight;
    series->count += weight;
}

/* ---------------------------------------------------------------- sets */

/* FNV-1a, stirred at the end. Of two members with the same hash, one in 2^64, one is not counted. */
static uint64_t hash(uint64_t key, const char *text, size_t size)
{
    uint64_t h = 14695981039346656037u ^ key;
    for (size_t i = 0; i < size; i++)
        h = (h ^ (unsigned char)text[i]) * 1099511628211u;
    h = (h ^ (h >> 32) ^ key) * 0x9e3779b97f4a7c15u;
    h ^= h >> 29;
    return h ? h : 1; /* 0: no member */
}

static bool add_member(struct series *series, uint64_t member)
{
    size_t at = member % MEMBERS;
    while (series->u.members[at] && series->u.members[at] != member)
        at = (at + 1) % MEMBERS;
    if (series->u.members[at])
        return true;
    if (series->member_count == MEMBERS - 1) /* one stays free: it ends a search */
        return false;
    series->u.members[at] = member;
    series->member_count++;
    return true;
}

/* ---------------------------------------------------------------- series */

static int compare(const struct series *a, const char *name, const char *labels)
{
    int sign = strcmp(a->name, name);
    return sign ? sign : strcmp(a->labels, labels);
}

/* Returns how many stand before it. */
static unsigned find(const struct table *table, const char *name, const char *labels)
{
    unsigned first = 0, end = table->count;
    while (first < end) {
        unsigned middle = (first + end) / 2;
        if (compare(&table->series[table->order[middle]], name, labels) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

/* The kind of the metrics of that name, or -1. */
static int kind_of(const struct table *table, const char *name)
{
    unsigned at = find(table, name, "");
    const struct series *series = at < table->count ? &table->series[table->order[at]] : NULL;
    return series && !strcmp(series->name, name) ? (int)series->kind : -1;
}

/* Whether the name ends with `ending`, and what stands before that is a timer's. */
static bool is_of_timer(const struct table *table, const char *name, const char *ending)
{
    char base[NAME + 1];
    size_t size = strlen(name), less = strlen(ending);
    if (size <= less || strcmp(name + size - less, ending) != 0)
        return false;
    memcpy(base, name, size - less);
    base[size - less] = '\0';
    return kind_of(table, base) == TIMER;
}

static bool has_with(const struct table *table, const char *name, const char *ending)
{
    char longer[NAME + 10];
    size_t size = strlen(name);
    memcpy(longer, name, size);
    strcpy(longer + size, ending);
    return kind_of(table, longer) >= 0;
}

static bool is_conflict(const struct table *table, const struct metric *metric)
{
    int kind = kind_of(table, metric->name);
    if (kind >= 0)
        return kind != (int)metric->kind;
    return !strcmp(metric->name, "metrics_lines_total") || /* the server's own */
           !strcmp(metric->name, "metrics_dropped_lines_total") || is_of_timer(table, metric->name, "_sum") ||
           is_of_timer(table, metric->name, "_count") ||
           (metric->kind == TIMER &&
            (has_with(table, metric->name, "_sum") || has_with(table, metric->name, "_count")));
}

/* It is there when it is in the order, and is complete then. */
static struct series *insert(struct table *table, unsigned at, const struct metric *metric)
{
    struct series *series = &table->series[table->count];
    memset(series, 0, sizeof *series);
    series->kind = metric->kind;
    strcpy(series->name, metric->name);
    strcpy(series->labels, metric->labels);
    memmove(table->order + at + 1, table->order + at, (table->count - at) * sizeof *table->order);
    table->order[at] = (uint16_t)table->count;
    table->count++;
    return series;
}

static int by_name(const void *a, const void *b, void *table)
{
    const struct series *series = ((const struct table *)table)->series;
    const struct series *other = &series[*(const uint16_t *)b];
    return compare(&series[*(const uint16_t *)a], other->name, other->labels);
}

void table_repair(struct table *table)
{
    for (unsigned i = 0; i < table->count; i++)
        table->order[i] = (uint16_t)i;
    qsort_r(table->order, table->count, sizeof *table->order, by_name, table);
}

static bool add_value(struct table *table, struct series *series, const struct metric *metric,
                      const struct value *value)
{
    if (metric->kind == SET)
        return add_member(series, hash(table->key, value->text, value->size));
    if (metric->kind == TIMER)
        add_time(series, value->number, metric->weight);
    else if (metric->kind == COUNTER)
        series->value += value->number * metric->weight;
    else
        series->value = value->number + (value->relative ? series->value : 0);
    return true;
}

enum verdict table_add(struct table *table, struct metric *metric)
{
    struct value value;
    unsigned at = find(table, metric->name, metric->labels);
    struct series *series = at < table->count ? &table->series[table->order[at]] : NULL;
    if (!series || compare(series, metric->name, metric->labels) != 0 || series->kind != metric->kind) {
        if (is_conflict(table, metric)) {
            strcpy(table->conflict, metric->name);
            return CONFLICT;
        }
        if (table->count == SERIES)
            return TABLE_FULL;
        series = insert(table, at, metric);
    }
    bool good = true;
    while (good && statsd_next(metric, &value))
        good = add_value(table, series, metric, &value);
    return good ? TAKEN : SET_FULL;
}
