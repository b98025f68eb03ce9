/* SPDX-License-Identifier: MIT */
/* Connections that are idle between two requests end when somebody else needs their place. */
#ifndef SS_IDLE_H
#define SS_IDLE_H

#include "server/request.h"

/* Waits for the next input of a parked connection that holds a thread or a process, until its deadline. 0;
   -ETIMEDOUT; -ECANCELED when the server drains or somebody else needs the place; -errno. */
int idle_wait(struct ss_server *self, struct request *request);
bool is_readable(int fd);
/* Has something come from a client that nobody has read? Its end does not count. */
bool socket_has_input(int fd);
/* When the server drains: does that end this connection, which is idle? Not if its client has spoken by now:
   what has arrived is answered, until the drain's time is over. */
bool drain_ends(const struct ss_server *self, int fd);
/* BaseServer's close_idle: one of the connections in idle_wait ends. */
bool idle_close(struct ss_server *self);
/* One of a client's ends (see client_bucket), now or as soon as there is one. -1 is harmless. */
void idle_ask(struct ss_server *self, int bucket);
/* There is room again: takes back what idle_close has asked for, if no connection has ended for it yet. */
void idle_enough(const struct ss_server *self);
/* Around serve_forever: how many descriptors there are, and how connections in idle_wait are told. */
void idle_open(struct ss_server *self);
void idle_shut(struct ss_server *self);

#endif
