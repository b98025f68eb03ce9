/* SPDX-License-Identifier: MIT */
/* A line of statsd: "name:1|c|@0.1|#tag:value". */
#ifndef METRICS_STATSD_H
#define METRICS_STATSD_H

#include <stdbool.h>
#include <stddef.h>

enum { LINE = 1400 /* bytes */, NAME = 120, LABELS = 400 /* bytes, as they are shown */ };
enum { TAGS = 16, LABEL = 60, VALUE = 200 /* bytes of a tag's name and of its value */ };

enum kind { COUNTER, GAUGE, TIMER, SET };

struct metric {
    enum kind kind;
    char name[NAME + 1];     /* as Prometheus allows it, see statsd_parse */
    char labels[LABELS + 1]; /* env="prod",host="a", sorted by name */
    double weight;           /* how often it has happened for each that was sent: 10 for @0.1 */
    const char *values;      /* in the line; see statsd_next */
    size_t size;
};

struct value {
    double number;
    bool relative;    /* a gauge's, "+3" or "-3" */
    const char *text; /* a set's */
    size_t size;
};

/* Understands a line of `size` bytes without its end. Kinds are c, g, ms (also h and d) and s. Letters,
   digits, _ and : make a name (no : in a label's); what else is in it becomes _, and one that begins with a
   digit gets a _ in front. A counter's name ends with _total, a set's with _distinct: so a counter and a
   timer may have the same name, as many programs like it. A tag without a value has the value "true"; one
   that Prometheus needs for itself (quantile, or with two _ in front) begins with tag_; of two with the same
   name the first counts. Returns false when the line is malformed, or something in it is beyond a limit: then
   nothing of it counts. */
bool statsd_parse(const char *line, size_t size, struct metric *metric);

/* Takes the next value off: "1:2:3" are three, but a set's is always one. False: there are no more. */
bool statsd_next(struct metric *metric, struct value *value);

#endif
