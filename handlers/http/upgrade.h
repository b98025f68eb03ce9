/* SPDX-License-Identifier: MIT */
/* A connection that goes on in another protocol (upgrade.c). */
#ifndef HTTP_UPGRADE_H
#define HTTP_UPGRADE_H

#include "http/exchange.h"

/* Sends 426 with the protocols that http_upgrade has offered in vain. 0 or -errno. */
int http_upgrade_require(struct http_exchange *x);
/* Ends an exchange after http_upgrade: `rc` is what do_X has returned. Returns what the connection's handler
   returns: SS_PARK, 0 or -errno. */
int http_upgrade_conclude(struct http_exchange *x, int rc);

#endif
