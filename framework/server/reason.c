/* SPDX-License-Identifier: MIT */
/* More about an error than its number says. */
#include "server/reason.h"
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

static _Thread_local char reason[PATH_MAX + 400];

int ss_set_reason(int rc, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return rc;
}

void reason_clear(void)
{
    *reason = '\0';
}

const char *ss_reason(void)
{
    return reason;
}
