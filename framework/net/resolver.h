/* SPDX-License-Identifier: MIT */
/* Threads for look-ups, which nobody can cut short. */
#ifndef SS_RESOLVER_H
#define SS_RESOLVER_H

#include "socketserver.h"

/* Has a thread of the resolver call `function` with `*argument`, which is memory of malloc's, and waits until
   `deadline` (as ss_now counts; 0: no limit). Returns what the function has returned. -ENONET: the time was
   over first, as the name servers have not answered; -ECANCELED; -EAGAIN: no thread could be made for ten
   seconds; or -errno. With `*argument` NULL afterwards the function may still run: the memory is the
   resolver's by now, which frees it. */
int resolver_call(struct ss_server *self, int (*function)(void *), void **argument, uint64_t deadline);

#endif
