/* SPDX-License-Identifier: MIT */
/* How requests are taken. */
#ifndef SS_ACCEPT_H
#define SS_ACCEPT_H

#include "server/request.h"

/* Takes one request, which is then processed, put aside or closed. 0, -EAGAIN: there was none, -errno. */
int take_request(struct ss_server *self);
/* Takes a new request. *request is NULL if verify_request has turned the client away. 0, -EAGAIN: there is
   none, -errno. */
int accept_request(struct ss_server *self, struct request **request);

#endif
