/* SPDX-License-Identifier: MIT */
/* Methods of ExplainMixIn for what waits. */
#ifndef PROGRAM_EXPLAIN_WAIT_H
#define PROGRAM_EXPLAIN_WAIT_H

#include "socketserver.h"

int explain_poll(struct ss_server *self, struct pollfd *fds, nfds_t count, int ms);
int explain_await(struct ss_server *self, struct ss_request *request, struct pollfd *fds, nfds_t count,
                  int ms);
int explain_offload(struct ss_server *self, int (*function)(void *), void *argument);

#endif
