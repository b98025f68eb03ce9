/* SPDX-License-Identifier: MIT */
#include "server/wakeup.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int wakeup_open(int ends[2])
{
    ends[0] = ends[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return ends[0] < 0 ? -errno : 0;
}

void wakeup_close(int ends[2])
{
    if (ends[0] >= 0)
        close(ends[0]);
    ends[0] = ends[1] = -1;
}

int wakeup_send(const int ends[2])
{
    return write(ends[1], &(uint64_t){1}, sizeof(uint64_t)) < 0 ? -errno : 0;
}

void wakeup_take(const int ends[2])
{
    uint64_t count;
    (void)!read(ends[0], &count, sizeof count);
}

int open_pipe(int pipe[2])
{
    return pipe2(pipe, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
}

void close_pipe(int pipe[2])
{
    for (int i = 0; i < 2; i++) {
        if (pipe[i] >= 0)
            close(pipe[i]);
        pipe[i] = -1;
    }
}
