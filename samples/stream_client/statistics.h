/* SPDX-License-Identifier: MIT */
/* What has become of a stream's datagrams: which ones are lost, doubled, out of order, and how evenly they
   come (RFC 3550, 6.4.1 and appendix A). */
#ifndef STREAM_CLIENT_STATISTICS_H
#define STREAM_CLIENT_STATISTICS_H

#include "stream/message.h"

enum {
    HISTORY = 16384, /* datagrams that are remembered */
    LEAP = 3000 /* farther from the others than this a number is a mistake, or the source has begun anew */
};

struct fate {
    int64_t number;
    float delay;              /* ms more than the fastest one had taken when it came */
    bool came, doubled, late; /* late: after one with a higher number */
};

struct statistics {
    bool has_begun;
    uint32_t source, former; /* those of before are ignored */
    uint16_t number;         /* that of `highest` */
    int64_t first, highest;  /* the numbers as they go on for ever, also when the source begins anew */
    int64_t epoch;           /* the first one since it has */
    unsigned long received, doubled, reordered, restarts, strange;
    double jitter;                 /* seconds */
    double transit, least_transit; /* seconds from when it was made until it came, by two clocks */
    uint32_t time;                 /* of the last one that came, */
    double media_time;             /* and the same in seconds */
    bool has_candidate;            /* what may be the first one of a source that begins anew */
    struct rtp candidate;
    double candidate_arrival;
    struct fate history[HISTORY];
};

/* Takes in one that has come at `arrival`, in seconds by any clock. */
void statistics_take(struct statistics *s, const struct rtp *rtp, double arrival);

/* How many have been sent, as far as that is known. */
int64_t statistics_expected(const struct statistics *s);
int64_t statistics_lost(const struct statistics *s);

/* What has become of one; NULL: it is unknown, or has not come. */
const struct fate *statistics_of(const struct statistics *s, int64_t number);

#endif
