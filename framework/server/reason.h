/* SPDX-License-Identifier: MIT */
/* What ss_reason says. */
#ifndef SS_REASON_H
#define SS_REASON_H

#include "socketserver.h"

/* Remembers, for the calling thread, a line about the error that is about to be returned. Returns `rc`. */
int reason_is(int rc, const char *format, ...) SS_PRINTF(2, 3);
/* There is nothing to say. */
void reason_clear(void);

#endif
