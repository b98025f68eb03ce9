/* SPDX-License-Identifier: MIT */
#include "stream_client/draw.h"

static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const int limits[] = {1, 2, 5, 10, 20, 50, 100}; /* ms: below these */
enum { BARS = sizeof bars / sizeof *bars };

void draw_legend(FILE *file)
{
    fputs("A sign for each datagram. Its delay, in ms:", file);
    for (int i = 0; i < BARS - 1; i++)
        fprintf(file, " %s<%d", bars[i], limits[i]);
    fprintf(file, " %s more; × lost, ↶ out of order, 2 doubled\n", bars[BARS - 1]);
    fflush(file);
}

static const char *sign_of(const struct fate *fate)
{
    int i = 0;
    if (!fate)
        return "×";
    if (fate->late || fate->doubled)
        return fate->late ? "↶" : "2";
    while (i < BARS - 1 && fate->delay >= (float)limits[i])
        i++;
    return bars[i];
}

void draw_line(const struct statistics *s, int64_t first, FILE *file)
{
    int lost = 0;
    for (int64_t number = first; number < first + WIDTH && number <= s->highest; number++) {
        const struct fate *fate = statistics_of(s, number);
        lost += !fate;
        fputs(sign_of(fate), file);
    }
    fprintf(file, "  lost %d, jitter %.2f ms\n", lost, s->jitter * 1000);
    fflush(file);
}

void draw_sum(const struct statistics *s, FILE *file)
{
    int64_t expected = statistics_expected(s), lost = statistics_lost(s);
    fprintf(file, "received %lu of %lld, lost %lld (%.2f %%), doubled %lu, out of order %lu, jitter %.2f ms",
            s->received, (long long)expected, (long long)lost,
            expected ? 100 * (double)lost / (double)expected : 0, s->doubled, s->reordered, s->jitter * 1000);
    if (s->restarts)
        fprintf(file, ", the source has begun anew: %lu", s->restarts);
    if (s->strange)
        fprintf(file, ", strange: %lu", s->strange);
    fputc('\n', file);
}
