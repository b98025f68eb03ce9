/* SPDX-License-Identifier: MIT */
#include "loop/coroutine.h"
#include "socketserver.h"
#include <stdio.h>

const char *ss_features(void)
{
#ifdef SS_LIBSSL
    static const char tls[] = "OpenSSL";
#else
    static const char tls[] = "none";
#endif
    static _Thread_local char text[80];
    snprintf(text, sizeof text, "coroutines: %s\nTLS: %s\n", co_switch_name, tls);
    return text;
}
