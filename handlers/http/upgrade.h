/* SPDX-License-Identifier: MIT */
/* A connection that goes on in another protocol (upgrade.c). */
#ifndef HTTP_UPGRADE_H
#define HTTP_UPGRADE_H

#include "http/exchange.h"

/* For a response that has no end of its own: ends and sends the head that was begun. From now on h->rfile and
   h->wfile are the connection's, as after http_upgrade. The caller frames the body as x->response.framing
   says, HTTP_CHUNKED or HTTP_UNTIL_CLOSE; it is not put into a coding. 0; -EINVAL when there is a
   Content-Length; or another -errno: then HTTP goes on. Waits. */
int http_leave_open(struct http_exchange *x);
/* Sends 426 with the protocols that http_upgrade has offered in vain. 0 or -errno. */
int http_upgrade_require(struct http_exchange *x);
/* Ends an exchange after http_upgrade: `rc` is what do_X has returned. Returns what the connection's handler
   returns: SS_PARK, 0 or -errno. */
int http_upgrade_conclude(struct http_exchange *x, int rc);

#endif
