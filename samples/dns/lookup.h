/* SPDX-License-Identifier: MIT */
#ifndef DNS_LOOKUP_H
#define DNS_LOOKUP_H

#include "dns/message.h"

/* Puts into the message what the zone has for the question (RFC 1034 4.3.2). */
enum rcode lookup(struct message *m, const struct zone *zone, const struct question *q);

#endif
