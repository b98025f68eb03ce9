/* SPDX-License-Identifier: MIT */
/* What ss_reason says. */
#ifndef SS_REASON_H
#define SS_REASON_H

#include "socketserver.h"

/* There is nothing to say. */
void reason_clear(void);

#endif
