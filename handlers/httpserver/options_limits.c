/* The options that keep slow and greedy clients within limits. */
#include "httpserver/options.h"
#include <getopt.h>
#include <limits.h>

enum { MAX_SECONDS = INT_MAX / 1000, MAX_CONNECTIONS = 1000000, MAX_RATE = 1000000 };

int options_limits(int option, struct options *options)
{
    unsigned value;
    switch (option) {
    case OPTION_WRITE_TIMEOUT:
        if (!number(optarg, MAX_SECONDS, &value))
            return complain("--write-timeout is a number of seconds up to 2147483, not ", optarg);
        options->write_timeout = value == 0 ? -1 : (int)value * 1000;
        return -1;
    case OPTION_MIN_RATE:
        if (!number(optarg, MAX_RATE, &value))
            return complain("--min-rate is a number of bytes up to 1000000, not ", optarg);
        options->min_rate = value;
        return -1;
    default:
        if (!number(optarg, MAX_CONNECTIONS, &value))
            return complain("--max-connections-per-client is a number up to 1000000, not ", optarg);
        options->per_client = value == 0 ? UINT_MAX : value;
        return -1;
    }
}
