/* How long the other side may take its time. */
#include "core.h"
#include <sys/ioctl.h>

enum { STEPS = 8 };            /* of a time limit: how exactly it is kept */
enum { PAUSE_FOR_OUTPUT = 5 }; /* times as long as for input: players pause, and people read */

int output_limit(const struct ss_stream *s)
{
    int input = s->timeout ? *s->timeout : -1, output = s->write_timeout ? *s->write_timeout : input;
    if (!s->write_timeout || output != 0)
        return output;
    return input < 0 || input > INT32_MAX / PAUSE_FOR_OUTPUT ? -1 : input * PAUSE_FOR_OUTPUT;
}

/* What was sent and is still here, -1: unknown. */
static int bytes_left(int fd)
{
    int bytes;
    return ioctl(fd, TIOCOUTQ, &bytes) < 0 ? -1 : bytes;
}

/* The kernel tells of room when a third of the socket's buffer is free, which may be a megabyte: a slow
   reader takes bytes for a long time before that. */
int pace_output(struct ss_stream *s)
{
    int limit = output_limit(s), step = limit < 0 ? -1 : limit / STEPS + 1;
    int left = -1, waited = 0;
    for (;;) {
        int rc = server_wait(s->server, s->fd, POLLOUT, step, s->deadline, CANCELED);
        if (rc != -ETIMEDOUT || (s->deadline && ss_now() >= s->deadline))
            return rc;
        int before = left;
        left = bytes_left(s->fd);
        bool taken = left >= 0 && (before < 0 || left < before);
        waited = taken ? 0 : waited + step;
        if (waited >= limit)
            return rc;
    }
}
