/* SPDX-License-Identifier: MIT */
/* What was sent to addresses that have not answered yet. */
#ifndef TFTP_DEBTS_H
#define TFTP_DEBTS_H

#include "socketserver.h"

/* The mix-in whose shared memory holds them. */
extern const struct ss_class Debts;

/* May so many bytes be sent to this address, which has not shown that it is who asks? If so, it owes them.
   Any thread and process. */
bool debts_add(struct ss_server *self, const struct ss_address *to, size_t bytes);

/* It has answered: it owes so many bytes less. */
void debts_pay(struct ss_server *self, const struct ss_address *to, size_t bytes);

#endif
