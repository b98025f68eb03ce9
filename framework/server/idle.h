/* Idle connections give way to others when places or descriptors run short. */
#ifndef SS_IDLE_H
#define SS_IDLE_H

#include "server/request.h"

/* Waits for the next input of a connection that holds a thread or a process, until its deadline. 0;
   -ETIMEDOUT, -ECANCELED when the server drains or the place is wanted, -errno. */
int idle_wait(struct ss_server *self, const struct request *request);
bool is_readable(int fd);
/* BaseServer's close_idle: some connection in idle_wait ends. */
bool idle_close(struct ss_server *self);
/* There is room again: who has not heard of it need not end. */
void idle_enough(const struct ss_server *self);
/* For serve_forever: what the process may have, and the way to tell those in idle_wait. */
void idle_open(struct ss_server *self);
void idle_shut(struct ss_server *self);

#endif
