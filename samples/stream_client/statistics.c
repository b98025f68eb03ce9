/* SPDX-License-Identifier: MIT */
#include "stream_client/statistics.h"
#include <string.h>

int64_t statistics_expected(const struct statistics *s)
{
    return s->has_begun ? s->highest - s->first + 1 : 0;
}

int64_t statistics_lost(const struct statistics *s)
{
    return statistics_expected(s) - (int64_t)s->received;
}

static struct fate *fate_at(struct statistics *s, int64_t number)
{
    return &s->history[(uint64_t)number % HISTORY];
}

const struct fate *statistics_of(const struct statistics *s, int64_t number)
{
    const struct fate *fate = &s->history[(uint64_t)number % HISTORY];
    return fate->came && fate->number == number ? fate : NULL;
}

/* ---------------------------------------------------------------- time */

/* J += (|D| - J) / 16, where D is how much longer this one was on its way than the one that came before. */
static void measure(struct statistics *s, const struct rtp *rtp, double arrival, bool is_first)
{
    s->media_time += is_first ? 0 : (double)(int32_t)(rtp->time - s->time) / CLOCK_RATE;
    s->time = rtp->time;
    double transit = arrival - s->media_time, more = is_first ? 0 : transit - s->transit;
    s->transit = transit;
    if (is_first || transit < s->least_transit)
        s->least_transit = transit;
    if (!is_first)
        s->jitter += ((more < 0 ? -more : more) - s->jitter) / 16;
}

/* ---------------------------------------------------------------- numbers */

/* In the first epoch one may come that was sent before the first one that has come. */
static void record(struct statistics *s, int64_t number, const struct rtp *rtp, double arrival)
{
    struct fate *fate = fate_at(s, number);
    if (fate->came && fate->number == number) {
        fate->doubled = true;
        s->doubled++;
        return;
    }
    bool is_late = number < s->highest;
    measure(s, rtp, arrival, s->received == 0 || s->epoch == number);
    *fate = (struct fate){.number = number,
                          .delay = (float)((s->transit - s->least_transit) * 1000),
                          .came = true,
                          .late = is_late};
    s->received++;
    s->reordered += is_late;
    if (number < s->first)
        s->first = s->epoch = number;
    if (number >= s->highest) {
        s->highest = number;
        s->number = rtp->number;
    }
}

/* The numbers go on where they were. */
static void begin_epoch(struct statistics *s, const struct rtp *rtp, double arrival)
{
    s->restarts += s->has_begun;
    s->former = s->has_begun ? s->source : ~rtp->source;
    s->source = rtp->source;
    s->number = rtp->number;
    s->epoch = ++s->highest;
    if (!s->has_begun)
        s->first = s->highest;
    s->has_begun = true;
    s->has_candidate = false;
    record(s, s->highest, rtp, arrival);
}

/* One with an unlikely number is nothing yet; with a second one behind it the source has begun anew. */
static void doubt(struct statistics *s, const struct rtp *rtp, double arrival)
{
    const struct rtp candidate = s->candidate;
    bool goes_on = s->has_candidate && rtp->source == candidate.source &&
                   rtp->number == (uint16_t)(candidate.number + 1);
    s->strange++;
    if (goes_on) {
        s->strange -= 2;
        begin_epoch(s, &candidate, s->candidate_arrival);
        statistics_take(s, rtp, arrival);
        return;
    }
    s->has_candidate = true;
    s->candidate = *rtp;
    s->candidate_arrival = arrival;
}

void statistics_take(struct statistics *s, const struct rtp *rtp, double arrival)
{
    if (!s->has_begun) {
        s->highest = HISTORY; /* so that none is negative */
        begin_epoch(s, rtp, arrival);
        return;
    }
    int distance = (int16_t)(rtp->number - s->number);
    bool is_known = rtp->source == s->source && distance <= LEAP && distance >= -LEAP;
    bool is_before = is_known && s->restarts > 0 && s->highest + distance < s->epoch;
    if (is_before || (rtp->source == s->former && s->former != s->source))
        s->strange++;
    else if (is_known)
        record(s, s->highest + distance, rtp, arrival);
    else
        doubt(s, rtp, arrival);
}
