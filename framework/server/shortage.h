/* SPDX-License-Identifier: MIT */
/* What the machine lacks for a moment: whoever needs it tries again. */
#ifndef SS_SHORTAGE_H
#define SS_SHORTAGE_H

#include <stdbool.h>

/* Did a call fail with `rc` for want of descriptors or memory, which may come free in a moment? */
bool out_of_resources(int rc);
enum { REST = 10 }; /* ms */
/* Sleeps that long, in a loop whose wait fails because of something that may pass, as a want of memory. */
void rest(void);

#endif
