/* SPDX-License-Identifier: MIT */
/* Datagrams of samples/stream, each behind a byte that says how long it is: what they say, and what the
   client makes of their numbers and times. */
#include "fuzz.h"
#include "stream_client/draw.h"

static struct statistics statistics;
static FILE *nowhere;

static void check_message(const char *data, size_t size)
{
    uint64_t cookie, again;
    char text[MESSAGE_SIZE + 1];
    enum word word = message_parse(data, size, &cookie);
    if (word == NO_WORD)
        return;
    size_t length = message_format(word, cookie, text);
    REQUIRE(length <= MESSAGE_SIZE && message_parse(text, length, &again) == word && again == cookie);
}

static void check_rtp(const char *data, size_t size, double arrival)
{
    struct rtp rtp;
    char header[RTP_HEADER];
    if (!rtp_parse(data, size, &rtp))
        return;
    REQUIRE(rtp.data >= data + RTP_HEADER && rtp.data + rtp.size <= data + size);
    rtp_format(&rtp, header);
    REQUIRE(memcmp(header + 1, data + 1, RTP_HEADER - 1) == 0);
    int64_t highest = statistics.highest;
    statistics_take(&statistics, &rtp, arrival);
    REQUIRE(statistics.highest >= highest && statistics.highest <= highest + LEAP + HISTORY + 2);
    REQUIRE(statistics.first > 0 && statistics.first <= statistics.highest);
    REQUIRE(statistics_lost(&statistics) >= 0 && statistics.jitter >= 0);
    REQUIRE(statistics.strange < 1 << 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&statistics, 0, sizeof statistics);
    nowhere = nowhere ? nowhere : fopen("/dev/null", "we");
    REQUIRE(nowhere);
    double arrival = 0;
    for (size_t at = 0, one; at < size; at += one) {
        one = data[at] < size - at ? data[at] : size - at - 1;
        char *copy = fuzz_copy(data + ++at, one, NULL, 0);
        check_message(copy, one);
        check_rtp(copy, one, arrival += 0.01);
        free(copy);
    }
    if (statistics.has_begun)
        draw_line(&statistics, statistics.first, nowhere);
    draw_sum(&statistics, nowhere);
    if (size % 64 == 0)
        REQUIRE(draw_svg(&statistics, "/dev/null") == 0);
    return 0;
}
