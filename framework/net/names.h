/* SPDX-License-Identifier: MIT */
/* Look-ups that have a limit, and that others do not wait for. */
#ifndef SS_NAMES_H
#define SS_NAMES_H

#include "net/lookup.h"

/* Stores the addresses of what has been parsed, in memory that the caller frees. Waits until `deadline` (as
   ss_now counts; 0: no limit). 0, -ECANCELED, or -errno as socketserver.h says of look-ups. */
int names_find(struct ss_server *self, const struct address_text *text, int family, int type,
               uint64_t deadline, struct lookup **found);
/* When `ms` milliseconds are over, as ss_now counts; -1: 0. */
uint64_t deadline_in(int ms);

#endif
