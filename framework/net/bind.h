/* SPDX-License-Identifier: MIT */
/* How a server gets its socket. */
#ifndef SS_BIND_H
#define SS_BIND_H

#include "socketserver.h"

/* tcp.c */
/* Takes over a socket that another program has opened for this one. 0 or -errno. */
int bind_inherited(struct ss_server *self, int fd);
/* Stores another socket on the server's port, activated as the first one, for a thread of its own. 0;
   -EOPNOTSUPP where that is not possible; -errno. */
int bind_again(struct ss_server *self, int *fd);

#endif
