/* How a server gets its socket. */
#ifndef SS_BIND_H
#define SS_BIND_H

#include "socketserver.h"

/* tcp.c */
/* Takes over a socket that another program has opened for this one. 0 or -errno. */
int bind_inherited(struct ss_server *self, int fd);
/* Makes another socket on the server's port, for a thread of its own; -EOPNOTSUPP where that cannot be. */
int bind_again(struct ss_server *self, int *fd);

#endif
