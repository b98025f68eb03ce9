/* SPDX-License-Identifier: MIT */
#include "loop/coroutine.h"
#include "socketserver.h"
#include <stdio.h>

const char *ss_features(void)
{
    static _Thread_local char text[64];
    snprintf(text, sizeof text, "coroutines: %s\n", co_switch_name);
    return text;
}
