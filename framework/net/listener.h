/* A server's own socket. */
#ifndef SS_LISTENER_H
#define SS_LISTENER_H

#include "server/core.h"

int bind_inherited(struct ss_server *self, int fd);
/* Another socket on the server's port, for a thread of its own; -EOPNOTSUPP where there is no such thing. */
int bind_again(const struct ss_server *self, int *fd);

/* unix.c: other servers of ours do not bind in the directory until server_bind and server_activate are done.
 */
void unix_unlock(struct ss_core *core);

bool address_has_file(const struct ss_address *address);
/* Closes the server's socket, removing its file if it has one. */
void server_close_socket(struct ss_server *self);
/* The last of our threads and processes that accept has ended. */
void server_give_back(struct ss_core *core);

#endif
