/* SPDX-License-Identifier: MIT */
/* Lines of statsd, and the table that they go into: what is taken can be shown to Prometheus as it is, says
   the same when its cleaned name is sent, and leaves the table sorted, each series once. */
#include "fuzz.h"
#include "metrics/table.h"
#include <math.h>

static struct table table; /* lines of earlier inputs are gone when its count is 0 */

static bool is_name(const char *text, size_t size, bool of_label)
{
    for (size_t i = 0; i < size; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789:", text[i]) ||
            (of_label && text[i] == ':'))
            return false;
    return size > 0 && !(*text >= '0' && *text <= '9');
}

/* name="value",... by name, where " \ and newline are escaped. */
static void check_labels(const char *at)
{
    const char *before = "";
    size_t before_size = 0;
    while (*at) {
        size_t size = strcspn(at, "=");
        REQUIRE(is_name(at, size, true) && strncmp(at, "__", 2) != 0 && strncmp(at, "quantile=", 9) != 0);
        size_t common = size < before_size ? size : before_size;
        int sign = memcmp(before, at, common);
        REQUIRE(sign < 0 || (sign == 0 && before_size < size));
        before = at;
        before_size = size;
        REQUIRE(at[size] == '=' && at[size + 1] == '"');
        for (at += size + 2; *at != '"'; at++) {
            REQUIRE((unsigned char)*at >= ' ' && *at != 127);
            if (*at == '\\')
                REQUIRE(*++at == '\\' || *at == '"');
        }
        at++;
        if (*at)
            REQUIRE(*at++ == ',' && *at);
    }
}

/* The same line with the name as it is shown. */
static void check_again(const struct metric *metric, const char *line, size_t size)
{
    size_t name = strlen(metric->name), skipped = (size_t)((const char *)memchr(line, ':', size) - line);
    struct metric again;
    char *longer = malloc(name + size - skipped);
    REQUIRE(longer);
    memcpy(longer, metric->name, name);
    memcpy(longer + name, line + skipped, size - skipped);
    if (name + size - skipped <= LINE) {
        REQUIRE(statsd_parse(longer, name + size - skipped, &again));
        REQUIRE(again.kind == metric->kind && again.size == metric->size);
        REQUIRE(!strcmp(again.name, metric->name) && !strcmp(again.labels, metric->labels));
    }
    free(longer);
}

static void check_metric(struct metric metric)
{
    struct value value;
    int count = 0;
    REQUIRE(is_name(metric.name, strlen(metric.name), false) && strlen(metric.name) <= NAME);
    REQUIRE(strlen(metric.labels) <= LABELS);
    check_labels(metric.labels);
    REQUIRE(metric.weight >= 1 && metric.weight <= 1.000001e6);
    for (; statsd_next(&metric, &value); count++) {
        REQUIRE(isfinite(value.number) && (metric.kind == GAUGE || value.number >= 0));
        REQUIRE(metric.kind == GAUGE || !value.relative);
    }
    REQUIRE(count > 0 && (metric.kind != SET || count == 1));
}

static void check_table(void)
{
    uint16_t order[SERIES];
    for (unsigned i = 0; i < table.count; i++) {
        const struct series *series = &table.series[table.order[i]], *before = series;
        if (i > 0)
            before = &table.series[table.order[i - 1]];
        int sign = strcmp(before->name, series->name);
        REQUIRE(i == 0 || sign < 0 || (sign == 0 && strcmp(before->labels, series->labels) < 0));
        REQUIRE(sign != 0 || before->kind == series->kind);
        for (int q = 0; series->kind == TIMER && q <= 4; q++) {
            double time = series_quantile(series, q / 4.0);
            REQUIRE(time >= series->least && time <= series->most);
        }
    }
    memcpy(order, table.order, sizeof order);
    table_repair(&table);
    REQUIRE(memcmp(order, table.order, table.count * sizeof *order) == 0);
}

static void take_line(const uint8_t *data, size_t size)
{
    struct metric metric;
    char *line = fuzz_copy(data, size, "", 0);
    if (statsd_parse(line, size, &metric)) {
        check_metric(metric);
        check_again(&metric, line, size);
        unsigned before = table.count;
        enum verdict verdict = table_add(&table, &metric);
        REQUIRE(verdict != MALFORMED && table.count - before <= (verdict == TAKEN));
    }
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    table.count = 0;
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t line = end ? (size_t)(end - data) : size;
        take_line(data, line);
        data += end ? line + 1 : line;
        size -= end ? line + 1 : line;
    }
    check_table();
    return 0;
}
