/* How requests are taken. */
#ifndef SS_ACCEPT_H
#define SS_ACCEPT_H

#include "server/request.h"

/* Takes one request and sees to it that it is processed, put aside or closed. -EAGAIN: there was none. */
int take_request(struct ss_server *self);
/* Takes one that verify_request lets pass; *request NULL: it did not. 0, -EAGAIN: there is none, -errno. */
int accept_request(struct ss_server *self, struct request **request);

#endif
