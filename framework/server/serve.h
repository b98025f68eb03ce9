/* SPDX-License-Identifier: MIT */
/* How a server serves. */
#ifndef SS_SERVE_H
#define SS_SERVE_H

#include "socketserver.h"

/* BaseServer's serve_forever. */
int base_serve_forever(struct ss_server *self);
/* server.c: as ss_serve_forever, for a server that is bound, and whose thread has its signals blocked. */
int server_serve(struct ss_server *self);

#endif
