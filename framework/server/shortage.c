/* SPDX-License-Identifier: MIT */
#include "server/shortage.h"
#include <errno.h>
#include <time.h>

bool out_of_resources(int rc)
{
    return rc == -EMFILE || rc == -ENFILE || rc == -ENOBUFS || rc == -ENOMEM;
}

void rest(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = REST * 1000000L}, NULL);
}
