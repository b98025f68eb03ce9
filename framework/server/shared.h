/* SPDX-License-Identifier: MIT */
/* The memory that ss_shared gives. */
#ifndef SS_SHARED_H
#define SS_SHARED_H

struct ss_core;

/* Makes it for all classes that want some, before the server's first fork. 0 or -errno; shared_close frees
   what was made, in both cases. */
int shared_open(struct ss_core *core);
/* Gives it back, in this process alone. */
void shared_close(struct ss_core *core);

#endif
